/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.h - every change, durable before it happens: the only code with SQLite.
 *
 * One database in the state directory (0700, file 0600; synchronous=FULL, secure_delete, WAL: see
 * journal.c for why). Its schema has a version: an older one is migrated, a newer one is opened
 * read-only. A database that is damaged, full or newer is no reason not to start: reading what can be
 * read goes on, journal_check_writable() says why nothing can be committed, and nobody writes a file
 * that was not journaled.
 *
 * All functions block and may be called from any thread (one lock inside). While a change is
 * prepared or pending the marker file "unfinished" stands beside the database: the recovery unit looks
 * only for that.
 */
#pragma once

#include <stdbool.h>

#include "commit/record.h"

#define JOURNAL_FILE       "journal.sqlite"
#define JOURNAL_UNFINISHED "unfinished"

typedef struct Journal Journal;

typedef struct JournalLimits {
        uint32_t keep_days;    /* finished changes older than this are pruned */
        uint64_t keep_bytes;   /* and the oldest, when all content together is more than this */
        uint32_t keep_changes; /* and when there are more than this */
} JournalLimits;

/* What ListChanges filters by; unset fields are 0 or NULL or _CHANGE_STATE_MAX. */
typedef struct JournalFilter {
        uint64_t before, since; /* µs, CLOCK_REALTIME */
        uint32_t limit;         /* 0: the default of 100; at most 1000 */
        const char *file;
        const char *token;
        ChangeState state;
        bool own_only;          /* only changes of `uid` (and of no key) */
        uid_t uid;
} JournalFilter;

/* `directory` exists. Always succeeds in making an object, also for a damaged database. -ENOMEM. */
int journal_open(Journal **ret, const char *directory);
Journal *journal_close(Journal *journal);
DEFINE_CLEANUP(Journal *, journal_close);

/* Returns: 0, or EXM_E_REFUSED with what is wrong and what to do. */
int journal_check_writable(Journal *journal, Failure *f);

/* Makes the change durable in state prepared, with all its steps, and gives it its number (which the
 * steps get too). Numbers are never used twice. The marker is there before this returns.
 * Returns: 0; EXM_E_REFUSED (damaged, full, read-only); EXM_E_CONFLICT naming the pending change that
 * has one of the files; -errno. */
int journal_prepare(Journal *journal, ChangeRecord *record, Failure *f);

/* A number for a change before it is prepared (its steps' temporary names need it). Returns: 0 or ... */
int journal_next_id(Journal *journal, uint64_t *ret, Failure *f);

/* prepared -> applied or pending (then with pending_since, deadline and boot_id of `record`), or any
 * unfinished state -> applied, reverted, failed. `durable` false: an applied change may be found
 * prepared after a power cut; recovery sees by its files that it was done. */
int journal_set_state(Journal *journal, const ChangeRecord *record, bool durable, Failure *f);

/* Without content (nodes' content NULL, size and version there) unless `content`.
 * Returns: 0; -ENOENT; EXM_E_REFUSED; -errno. */
int journal_load(Journal *journal, uint64_t id, bool content, ChangeRecord *ret, Failure *f);

/* Newest first, without content. Returns: 0; EXM_E_REFUSED; -errno. */
int journal_list(Journal *journal, const JournalFilter *filter, ChangeRecord **ret, size_t *ret_n,
                 Failure *f);
void change_records_free(ChangeRecord *records, size_t n);

/* The numbers of changes that are prepared or pending, oldest first. */
int journal_unfinished(Journal *journal, uint64_t **ret_ids, size_t *ret_n, Failure *f);

/* Removes what is over the limits, a bounded number of changes at a time; never unfinished ones, nor
 * what a kept change needs. Returns: the number removed (call again while it is not 0), or -errno. */
int journal_prune(Journal *journal, const JournalLimits *limits);
