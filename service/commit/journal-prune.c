/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal-prune.c - old changes go, a batch at a time, and the file shrinks.
 *
 * What a batch may cost is bounded in changes and in bytes, since others wait for the lock
 * meanwhile: secure_delete writes over each page, and the free pages at the end are given back at
 * once (auto_vacuum=INCREMENTAL). The checkpoint afterwards empties the WAL of the copies that it
 * has. A change that an unfinished one takes back is kept.
 */
#include "commit/journal-private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "commit/statement.h"
#include "util/log.h"

#define BATCH_CHANGES 32
#define BATCH_BYTES   (8ULL * 1024 * 1024)
#define DAY_USEC      (24ULL * 60 * 60 * 1000000)

typedef struct Batch {
        uint64_t ids[BATCH_CHANGES];
        int n;
        uint64_t bytes;
} Batch;

static uint64_t now_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int read_totals(sqlite3 *connection, uint64_t *ret_changes, uint64_t *ret_bytes)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection, "SELECT count(*), ifnull(sum(bytes), 0) FROM change");
        if (statement_step(&s)) {
                *ret_changes = (uint64_t)statement_int(&s, 0);
                *ret_bytes = (uint64_t)statement_int(&s, 1);
        }
        return s.rc;
}

/* Oldest first. One that is over BATCH_BYTES goes alone. */
static int choose(sqlite3 *connection, const JournalLimits *limits, Batch *batch)
{
        _cleanup_statement_ Statement s = { 0 };
        uint64_t changes = 0, total = 0, bytes, now = now_usec();
        uint64_t age = limits->keep_days * DAY_USEC;
        uint64_t cutoff = age < now ? now - age : 0;
        int rc;

        rc = read_totals(connection, &changes, &total);
        if (rc != SQLITE_OK)
                return rc;
        statement_init(&s, connection,
                       "SELECT id, time, bytes FROM change"
                       " WHERE state NOT IN " JOURNAL_UNFINISHED_STATES
                       " AND id NOT IN (SELECT reverts FROM change"
                       " WHERE state IN " JOURNAL_UNFINISHED_STATES ") ORDER BY id");
        while (batch->n < BATCH_CHANGES && statement_step(&s)) {
                bytes = (uint64_t)statement_int(&s, 2);
                if ((uint64_t)statement_int(&s, 1) >= cutoff && changes <= limits->keep_changes &&
                    total <= limits->keep_bytes)
                        continue;
                if (batch->n > 0 && batch->bytes + bytes > BATCH_BYTES)
                        break;
                batch->ids[batch->n++] = (uint64_t)statement_int(&s, 0);
                batch->bytes += bytes;
                changes--;
                total -= bytes;
        }
        return s.rc;
}

static int delete_batch(sqlite3 *connection, const Batch *batch)
{
        _cleanup_statement_ Statement s = { 0 };
        int rc = SQLITE_OK;

        /* Its items and images go with it. */
        statement_init(&s, connection, "DELETE FROM change WHERE id = :id");
        for (int i = 0; rc == SQLITE_OK && i < batch->n; i++) {
                statement_bind_int(&s, ":id", (int64_t)batch->ids[i]);
                rc = statement_run(&s);
        }
        return rc;
}

static int shrink(sqlite3 *connection)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection, "PRAGMA incremental_vacuum");
        return statement_run(&s);
}

/* Not in need of being durable: what a power cut brings back is pruned again. */
static int remove_batch(Journal *journal, const Batch *batch, Failure *f)
{
        Database *db = &journal->database;
        int r, rc;

        r = database_begin(db, /* durable= */ false, f);
        if (r != 0)
                return r;
        rc = delete_batch(db->connection, batch);
        if (rc == SQLITE_OK)
                rc = shrink(db->connection);
        r = database_failure(db, rc, f);
        if (r == 0)
                r = database_commit(db, f);
        if (r != 0) {
                database_rollback(db);
                return r;
        }
        return database_failure(db, database_checkpoint(db), f);
}

/* Returns: the number removed; -ENOENT; -errno; -EIO for what `f` says. */
static int prune(Journal *journal, const JournalLimits *limits, Failure *f)
{
        Batch batch = { 0 };
        int r;

        r = journal_open_read(journal, f);
        if (r == 0)
                r = database_check_writable(&journal->database, f);
        if (r == 0)
                r = database_failure(&journal->database,
                                     choose(journal->database.connection, limits, &batch), f);
        if (r == 0 && batch.n > 0)
                r = remove_batch(journal, &batch, f);
        if (r > 0)
                return -EIO;
        return r < 0 ? r : batch.n;
}

int journal_prune(Journal *journal, const JournalLimits *limits)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        _cleanup_failure_ Failure f = { 0 };
        int r;

        r = prune(journal, limits, &f);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                log_warning("old changes cannot be removed: %s",
                            f.message ? f.message : strerror(-r));
        return r;
}
