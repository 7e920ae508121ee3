/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.h - every change, durable before it happens: the only code with SQLite.
 *
 * One database in the state directory (0700, file 0600; why its settings are as they are:
 * database-open.c). Its schema has a version: an older one is migrated, a newer one is only read. A
 * database that is damaged, full or newer is no reason not to start: reading what can be read goes
 * on, journal_check_writable() says why nothing can be committed, and nobody writes a file that was
 * not journaled. No file is ever removed or replaced because it is damaged.
 *
 * The database is opened by the first function that needs it and made by the first that writes; an
 * absent one is an empty history. One process at a time has it, until journal_close(): any function
 * that takes a Failure may return EXM_E_TIMEOUT when another has it for more than two seconds.
 *
 * All functions block and may be called from any thread (one lock inside). While a change is
 * prepared or pending the marker file "unfinished" stands beside the database: the recovery unit
 * looks only for that. It may stand for longer (journal.c), never for less.
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
        uint64_t id;            /* of the one change that is asked for */
        uint64_t before, since; /* µs, CLOCK_REALTIME: time < before, time >= since */
        uint32_t limit;         /* 0: the default of 100; at most 1000 */
        const char *file;       /* a step's name or path */
        const char *token;
        ChangeState state;
        bool own_only; /* only changes of `uid`, made by no key, and of `key` */
        uid_t uid;
        const char *key;    /* name; NULL: none */
        uint64_t key_since; /* µs, CLOCK_REALTIME: a key of that name before was another one */
} JournalFilter;

/* Opens no file yet: `directory` is looked at by the first function that needs it. -ENOMEM. */
int journal_open(Journal **ret, const char *directory);
/* All threads are done with it. Brings everything into the database file, on the disk. */
Journal *journal_close(Journal *journal);
DEFINE_CLEANUP(Journal *, journal_close);

/* Returns: 0, or EXM_E_REFUSED with what is wrong and what to do; EXM_E_TIMEOUT; -errno. */
int journal_check_writable(Journal *journal, Failure *f);

/* Makes the change durable in state prepared, with all its steps, and gives it its number (which
 * the steps get too) unless it has one of journal_next_id(). The marker is there before this
 * returns. On failure the record is as it was.
 * Returns: 0; EXM_E_REFUSED (damaged, full, read-only); EXM_E_CONFLICT naming the prepared or
 * pending change that has one of the files (by name or path), or the change of this owner that has
 * this token already; EXM_E_LIMIT_EXCEEDED (a file of more than 32 MiB); -EEXIST (the number is
 * taken, or two steps have one place); -errno. */
int journal_prepare(Journal *journal, ChangeRecord *record, Failure *f);

/* A number for a change before it is prepared (its steps' temporary names need it). No two calls
 * get the same, and none gets that of a change that was ever prepared; one that is not used is
 * given out again by a later process. Returns: 0; EXM_E_REFUSED; -errno. */
int journal_next_id(Journal *journal, uint64_t *ret, Failure *f);

/* prepared or pending -> pending (then with pending_since, deadline and boot_id of `record`: also
 * to extend it), applied, reverted, failed (with `reason`). Only id and these are read. `durable`
 * false: after a power cut the change may be found as it was; recovery sees by its files that it
 * was done.
 * Returns: 0; -ENOENT; EXM_E_CONFLICT (it is finished already: the message says how);
 * EXM_E_REFUSED; -errno. */
int journal_set_state(Journal *journal, const ChangeRecord *record, bool durable, Failure *f);

/* Before something is begun with unit `place` of a change: for the `acted`th time. It survives the
 * end of this process; not a power cut, after which units begin anew anyway.
 * Returns: 0; -ENOENT; EXM_E_REFUSED; EXM_E_TIMEOUT; -errno. */
int journal_set_acted(Journal *journal, uint64_t id, size_t place, uint32_t acted, Failure *f);

/* Without content (nodes' content NULL, size and version there) unless `content`; content that is
 * not what was stored is EXM_E_REFUSED (damaged).
 * Returns: 0; -ENOENT; EXM_E_REFUSED; -errno. */
int journal_load(Journal *journal, uint64_t id, bool content, ChangeRecord *ret, Failure *f);

/* Newest (highest number) first, without content; to be freed with change_records_free(), also if
 * *ret_n is 0. Returns: 0; EXM_E_REFUSED; -errno. */
int journal_list(Journal *journal, const JournalFilter *filter, ChangeRecord **ret, size_t *ret_n,
                 Failure *f);

/* Returns: true if the marker stands there: cheap, opens nothing. */
bool journal_has_unfinished(const Journal *journal);

/* The numbers of changes that are prepared or pending, oldest first. If there is none, a marker
 * that was left goes. Returns: 0; EXM_E_REFUSED; -errno. */
int journal_unfinished(Journal *journal, uint64_t **ret_ids, size_t *ret_n, Failure *f);

/* Removes what is over the limits, a bounded number of changes at a time; never unfinished ones,
 * nor what an unfinished one takes back. Returns: the number removed (call again while it is not
 * 0), or -errno (logged). */
int journal_prune(Journal *journal, const JournalLimits *limits);
