/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * database.c - transactions, and what SQLite's errors mean for a person.
 */
#include "commit/database-private.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "util/log.h"

#define SPACE_MIN (256U * 1024)

int database_execute(Database *db, const char *sql)
{
        return sqlite3_exec(db->connection, sql, NULL, NULL, NULL);
}

int database_refuse_damaged(const Database *db, int rc, Failure *f)
{
        return failure_set(f, EXM_E_REFUSED,
                           "%s is damaged (%s): it is kept as it is; stop the service and put a "
                           "backup in its place, or move it and its -wal file away to begin anew",
                           db->path, sqlite3_errstr(rc));
}

int database_refuse_full(const char *path, Failure *f)
{
        return failure_set(f, EXM_E_REFUSED,
                           "the file system of %s is full: nothing is changed that cannot be "
                           "journaled; make room first",
                           path);
}

int database_refuse_read_only(const char *path, Failure *f)
{
        return failure_set(f, EXM_E_REFUSED,
                           "%s cannot be written (read-only): mount its file system read-write",
                           path);
}

static int refuse_newer(const Database *db, Failure *f)
{
        return failure_set(f, EXM_E_REFUSED,
                           "%s was made by a newer version of ExMachina: it is only read; install "
                           "that version again to make changes",
                           db->path);
}

static int refuse_with_errno(Database *db, int rc, Failure *f)
{
        int error = sqlite3_system_errno(db->connection);

        if (error == ENOSPC || error == EDQUOT)
                return database_refuse_full(db->path, f);
        if (error == EROFS)
                return database_refuse_read_only(db->path, f);
        return failure_set(f, EXM_E_REFUSED, "%s cannot be used: %s (%s)", db->path,
                           sqlite3_errstr(rc), error ? strerror(error) : "no more is known");
}

int database_failure(Database *db, int rc, Failure *f)
{
        if (rc == SQLITE_IOERR_NOMEM)
                return -ENOMEM;
        switch (rc & 0xff) {
        case SQLITE_OK:
                return 0;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                db->damaged = true;
                return database_refuse_damaged(db, rc, f);
        case SQLITE_FULL:
                db->full = true;
                return database_refuse_full(db->path, f);
        case SQLITE_READONLY:
                return database_refuse_read_only(db->path, f);
        case SQLITE_TOOBIG:
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "the change has a part that is too long for the journal");
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return failure_set(f, EXM_E_TIMEOUT,
                                   "%s is in use by another process (fuser names it): try again "
                                   "when that has ended",
                                   db->path);
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_NOLFS:
                return refuse_with_errno(db, rc, f);
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        default:
                if (db->newer)
                        return refuse_newer(db, f);
                log_error("%s: %s", db->path, sqlite3_errmsg(db->connection));
                return -EIO;
        }
}

int database_check_space(int directory, const char *path, Failure *f)
{
        struct statvfs vfs;

        if (fstatvfs(directory, &vfs) < 0)
                return -errno;
        if (vfs.f_flag & ST_RDONLY)
                return database_refuse_read_only(path, f);
        return (uint64_t)vfs.f_bfree * vfs.f_frsize < SPACE_MIN ? database_refuse_full(path, f) : 0;
}

int database_check_writable(const Database *db, Failure *f)
{
        int moved = 0;

        if (db->newer)
                return refuse_newer(db, f);
        if (db->damaged)
                return database_refuse_damaged(db, SQLITE_CORRUPT, f);
        sqlite3_file_control(db->connection, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
        if (moved)
                return failure_set(f, EXM_E_REFUSED,
                                   "%s was moved or removed while in use: restart the service",
                                   db->path);
        return 0;
}

int database_begin(Database *db, bool durable, Failure *f)
{
        int rc;

        rc = database_execute(db, durable ? "PRAGMA synchronous=FULL; BEGIN IMMEDIATE"
                                          : "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE");
        return database_failure(db, rc, f);
}

int database_commit(Database *db, Failure *f)
{
        return database_failure(db, database_execute(db, "COMMIT"), f);
}

/* What a transaction that did not fit has left in the WAL is given back to the file system. */
void database_rollback(Database *db)
{
        if (!sqlite3_get_autocommit(db->connection))
                database_execute(db, "ROLLBACK");
        if (db->full)
                database_checkpoint(db);
        db->full = false;
}

int database_checkpoint(Database *db)
{
        int rc;

        rc = sqlite3_wal_checkpoint_v2(db->connection, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                       NULL);
        if (rc == SQLITE_OK)
                db->wal_pages = 0;
        return rc;
}
