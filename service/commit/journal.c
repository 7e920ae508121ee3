/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.c - the object, the numbers, and the marker of unfinished changes.
 *
 * Opening costs nothing: the database is opened by the first function that wants it, made by the
 * first that writes, and tried again by the next when that failed, so that an administrator can
 * mend it while the service runs.
 *
 * The marker is on the disk before a change is, and goes when none is unfinished and that is on the
 * disk. A change that became applied without being made durable therefore leaves it there, for the
 * next durable state, journal_unfinished() or journal_close() to take away; a marker too many costs
 * a look into the database at boot.
 */
#include "commit/journal-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "commit/statement.h"
#include "util/log.h"

int journal_open(Journal **ret, const char *directory)
{
        Journal *journal;

        journal = calloc(1, sizeof(Journal));
        if (!journal)
                return -ENOMEM;
        journal->database.directory = -1;
        journal->directory = strdup(directory);
        if (!journal->directory || pthread_mutex_init(&journal->lock, NULL) != 0) {
                free(journal->directory);
                free(journal);
                return -ENOMEM;
        }
        *ret = journal;
        return 0;
}

Journal *journal_close(Journal *journal)
{
        if (!journal)
                return NULL;
        if (journal->database.connection)
                journal_unmark(journal, /* durable= */ false);
        database_close(&journal->database);
        pthread_mutex_destroy(&journal->lock);
        free(journal->directory);
        free(journal);
        return NULL;
}

pthread_mutex_t *journal_lock(Journal *journal)
{
        pthread_mutex_lock(&journal->lock);
        return &journal->lock;
}

void journal_unlock(pthread_mutex_t **lock)
{
        pthread_mutex_unlock(*lock);
}

int journal_open_read(Journal *journal, Failure *f)
{
        return database_open(&journal->database, journal->directory, /* create= */ false, f);
}

int journal_open_write(Journal *journal, Failure *f)
{
        int r;

        r = database_open(&journal->database, journal->directory, /* create= */ true, f);
        return r == 0 ? database_check_writable(&journal->database, f) : r;
}

/* Nothing is there yet: will it be possible to make it? */
static int check_directory(const Journal *journal, Failure *f)
{
        _cleanup_close_ int directory = -1;
        int r;

        r = database_open_directory(journal->directory, &directory, f);
        return r == 0 ? database_check_space(directory, journal->directory, f) : r;
}

int journal_check_writable(Journal *journal, Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        int r;

        r = journal_open_read(journal, f);
        if (r == -ENOENT)
                return check_directory(journal, f);
        if (r == 0)
                r = database_check_writable(&journal->database, f);
        if (r == 0)
                r = database_check_space(journal->database.directory, journal->database.path, f);
        return r;
}

/* Pruning may have taken the newest away: its number is in sqlite_sequence still. */
static int read_last_id(Journal *journal, Failure *f)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, journal->database.connection,
                       "SELECT max(ifnull((SELECT max(id) FROM change), 0),"
                       " ifnull((SELECT max(seq) FROM sqlite_sequence WHERE name = 'change'), 0))");
        if (statement_step(&s))
                journal->last_id = (uint64_t)statement_int(&s, 0);
        return database_failure(&journal->database, s.rc, f);
}

/* Nobody else gives any out while the database is open. */
int journal_take_id(Journal *journal, uint64_t *ret, Failure *f)
{
        int r = journal->last_id == 0 ? read_last_id(journal, f) : 0;

        if (r == 0)
                *ret = ++journal->last_id;
        return r;
}

int journal_next_id(Journal *journal, uint64_t *ret, Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        int r;

        r = journal_open_write(journal, f);
        return r == 0 ? journal_take_id(journal, ret, f) : r;
}

/* Returns: 0 or -errno. */
static int make_marker(int directory)
{
        _cleanup_close_ int fd = -1;

        fd = openat(directory, JOURNAL_UNFINISHED,
                    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        return fd < 0 || fsync(fd) < 0 || fsync(directory) < 0 ? -errno : 0;
}

int journal_mark(Journal *journal, Failure *f)
{
        int directory = journal->database.directory;
        int r;

        if (journal->marked &&
            faccessat(directory, JOURNAL_UNFINISHED, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        r = make_marker(directory);
        if (r < 0)
                return failure_set(f, EXM_E_REFUSED, "%s/%s cannot be made: %s", journal->directory,
                                   JOURNAL_UNFINISHED, strerror(-r));
        journal->marked = true;
        return 0;
}

static bool has_unfinished(Journal *journal)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, journal->database.connection,
                       "SELECT 1 FROM change WHERE state IN " JOURNAL_UNFINISHED_STATES " LIMIT 1");
        return statement_step(&s) || s.rc != SQLITE_OK;
}

/* That the name is gone need not be on the disk. */
void journal_unmark(Journal *journal, bool durable)
{
        Database *db = &journal->database;

        if (db->newer || db->read_only || db->damaged ||
            faccessat(db->directory, JOURNAL_UNFINISHED, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
            has_unfinished(journal) || (!durable && database_checkpoint(db) != SQLITE_OK))
                return;
        journal->marked = false;
        if (unlinkat(db->directory, JOURNAL_UNFINISHED, 0) < 0)
                log_warning("%s/%s: %s", journal->directory, JOURNAL_UNFINISHED, strerror(errno));
}

bool journal_has_unfinished(const Journal *journal)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;

        /* In doubt, look: recovery asks the database. */
        if (asprintf(&path, "%s/%s", journal->directory, JOURNAL_UNFINISHED) < 0) {
                path = NULL;
                return true;
        }
        return lstat(path, &st) == 0 || errno != ENOENT;
}
