/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * database.h - the journal's SQLite file: opened safely, its settings, and words for its errors.
 *
 * Not locked: journal.c serialises. The settings and their reasons are in database.c.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "util/failure.h"

/* A file of the service's maximum (util/limits.c, FileBytes). */
#define DATABASE_CONTENT_MAX (32U * 1024 * 1024)

typedef struct Database {
        char *path;          /* for messages */
        sqlite3 *connection; /* NULL: not open */
        int directory;       /* where it is; open while the connection is */
        bool newer;          /* of a later version's schema */
        bool read_only;      /* the file system is */
        bool damaged;        /* found while it was in use */
        bool full;           /* the transaction under way did not fit */
        int wal_pages;       /* as of the last transaction */
} Database;

/* Opens what is there, or, if it is absent and `create`, makes it. Nothing happens if it is open.
 * Returns: 0; -ENOENT; EXM_E_REFUSED (damaged, not ours, unsafe, cannot be opened); EXM_E_TIMEOUT
 * (another process has it); -errno. */
int database_open(Database *db, const char *directory, bool create, Failure *f);
void database_close(Database *db);

/* What can be known without writing, of an open one. Returns: 0; EXM_E_REFUSED. */
int database_check_writable(const Database *db, Failure *f);

/* Says that the file system is full or read-only. Returns: 0; EXM_E_REFUSED; -errno. */
int database_check_space(int directory, const char *path, Failure *f);

/* Opens the directory; one that anybody else could enter is EXM_E_REFUSED. Returns: 0 or that. */
int database_open_directory(const char *path, int *ret, Failure *f);

/* What the extended code `rc`, just returned for this connection, means for the caller.
 * Returns: 0 for SQLITE_OK; EXM_E_REFUSED; EXM_E_TIMEOUT; EXM_E_LIMIT_EXCEEDED; -errno. */
int database_failure(Database *db, int rc, Failure *f);

/* One statement or several that return nothing. Returns: an extended code. */
int database_execute(Database *db, const char *sql);

/* A transaction for writing. `durable` false: it may be lost in a power cut, as a whole. A commit
 * that failed is to be rolled back. Returns: as database_failure(). */
int database_begin(Database *db, bool durable, Failure *f);
int database_commit(Database *db, Failure *f);
void database_rollback(Database *db);

/* Brings everything into the main file, on the disk, and empties the WAL. Returns: extended code.
 */
int database_checkpoint(Database *db);
