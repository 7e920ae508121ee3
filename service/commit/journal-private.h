/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal-private.h - what the parts of the journal share: the object, its lock, its marker.
 *
 * journal.c: object and marker; journal-store.c: prepare and states; journal-read.c: records;
 * journal-prune.c. A public function takes the lock and opens the database; those below are called
 * with the lock held.
 */
#pragma once

#include <pthread.h>

#include "commit/database.h"
#include "commit/journal.h"

/* In SQL: the states of a change that is not finished. */
#define JOURNAL_UNFINISHED_STATES "('prepared', 'pending')"

struct Journal {
        pthread_mutex_t lock;
        char *directory;
        Database database;
        uint64_t last_id; /* the highest number that was given out, 0 before the first */
        bool marked;      /* the marker is there, and on the disk */
};

/* Returns: what journal_unlock() takes, for _cleanup_unlock_. */
pthread_mutex_t *journal_lock(Journal *journal);
void journal_unlock(pthread_mutex_t **lock);
#define _cleanup_unlock_ _cleanup_(journal_unlock)

/* Returns: 0; -ENOENT if there is no database yet; what database_open() returns. */
int journal_open_read(Journal *journal, Failure *f);
/* Makes the database if need be. Returns: 0; EXM_E_REFUSED; EXM_E_TIMEOUT; -errno. */
int journal_open_write(Journal *journal, Failure *f);

/* The next number, which is thereby given out. Returns: 0; as database_failure(). */
int journal_take_id(Journal *journal, uint64_t *ret, Failure *f);

/* The marker, on the disk. Returns: 0; EXM_E_REFUSED; -errno. */
int journal_mark(Journal *journal, Failure *f);
/* Takes the marker away if nothing is unfinished. `durable`: all that was committed is on the disk
 * already; else it is brought there first. */
void journal_unmark(Journal *journal, bool durable);
