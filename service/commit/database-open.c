/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * database-open.c - finding, making and opening the file; why SQLite is set as it is.
 *
 * WAL, since then a durable commit costs one fsync (a rollback journal: four), a commit that need
 * not be durable costs none and a power cut can still take it away only as a whole, and every crash
 * is mended by the next open: frames of the WAL count up to the last whole transaction whose
 * checksums hold. synchronous=FULL makes that the last one that was committed.
 *
 * locking_mode=EXCLUSIVE: one process at a time, so that no second one settles changes that a first
 * is still writing; and the WAL's index is on the heap: no -shm file.
 *
 * Old content is secret. secure_delete overwrites it in the main file; the WAL, which holds copies,
 * is emptied by each checkpoint, and not only written over from its start. Checkpoints are not
 * SQLite's automatic ones, which would come within a change, but the journal's: after one
 * (journal-store.c), after pruning and at the end. They write each page of the WAL once and fsync
 * twice.
 *
 * The file is new under another name until it is complete: an empty one is damaged, never a new
 * beginning with numbers from 1. It is opened by way of its directory's descriptor, which has been
 * found to be our own and closed to others: nobody can exchange names in there. It must never be
 * opened but by SQLite while that has it open: closing the descriptor would drop SQLite's lock.
 */
#include "commit/database-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "commit/journal.h"
#include "commit/schema.h"
#include "commit/statement.h"

#define NEW_FILE     JOURNAL_FILE ".new"
#define WAL_FILE     JOURNAL_FILE "-wal"
#define BUSY_MSEC    2000
#define XATTRS_MAX   (1024U * 1024) /* files/metadata.c */
#define ROW_OVERHEAD (64U * 1024)

/* Locking mode first: it counts from the first access on. */
static const char settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
                               "PRAGMA trusted_schema=OFF;"
                               "PRAGMA cell_size_check=ON;"
                               "PRAGMA mmap_size=0;"
                               "PRAGMA temp_store=MEMORY;"
                               "PRAGMA foreign_keys=ON;"
                               "PRAGMA secure_delete=ON;";

int database_open_directory(const char *path, int *ret, Failure *f)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return failure_set(f, EXM_E_REFUSED, "%s: the journal's directory: %s", path,
                                   strerror(errno));
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: the journal's directory must be root's and closed to "
                                   "others: chown root and chmod 0700",
                                   path);
        *ret = TAKE_FD(fd);
        return 0;
}

/* Returns: 0 and its size; -ENOENT; EXM_E_REFUSED; -errno. */
static int check_file(const Database *db, const char *name, off_t *ret_size, Failure *f)
{
        struct stat st;

        if (fstatat(db->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: %s must be a plain file and have no other name: move "
                                   "what is there away",
                                   db->path, name);
        if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: %s must be root's and closed to others: find out who "
                                   "changed that, then chown root and chmod 0600",
                                   db->path, name);
        *ret_size = st.st_size;
        return 0;
}

static int is_on_read_only(int directory, bool *ret)
{
        struct statvfs vfs;

        if (fstatvfs(directory, &vfs) < 0)
                return -errno;
        *ret = vfs.f_flag & ST_RDONLY;
        return 0;
}

/* A schema from elsewhere can run nothing, and a statement of ours cannot harm the schema. */
static int configure(sqlite3 *connection)
{
        static const struct {
                int option, value;
        } options[] = {
                { SQLITE_DBCONFIG_DEFENSIVE, 1 },   { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
                { SQLITE_DBCONFIG_ENABLE_VIEW, 0 }, { SQLITE_DBCONFIG_DQS_DML, 0 },
                { SQLITE_DBCONFIG_DQS_DDL, 0 },
        };
        int rc;

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                rc = sqlite3_db_config(connection, options[i].option, options[i].value, NULL);
                if (rc != SQLITE_OK)
                        return rc;
        }
        sqlite3_limit(connection, SQLITE_LIMIT_LENGTH,
                      (int)(DATABASE_CONTENT_MAX + XATTRS_MAX + ROW_OVERHEAD));
        sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 0);
        return sqlite3_busy_timeout(connection, BUSY_MSEC);
}

/* On a read-only file system nobody writes, so nothing needs a lock, and a WAL can be read but not
 * made: without one the main file is all there is. */
static int connect_file(Database *db, const char *name, bool has_wal)
{
        char uri[128];
        int flags = db->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
        int rc;

        snprintf(uri, sizeof(uri), "file:/proc/self/fd/%d/%s%s", db->directory, name,
                 !db->read_only ? ""
                 : has_wal      ? "?vfs=unix-none"
                                : "?immutable=1");
        rc = sqlite3_open_v2(uri, &db->connection,
                             flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             NULL);
        if (rc == SQLITE_OK)
                rc = configure(db->connection);
        return rc == SQLITE_OK ? database_execute(db, settings) : rc;
}

static int set_wal_mode(Database *db)
{
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_free_ char *mode = NULL;

        statement_init(&s, db->connection, "PRAGMA journal_mode=WAL");
        if (statement_step(&s))
                mode = statement_text(&s, 0);
        if (s.rc == SQLITE_OK && (!mode || strcmp(mode, "wal") != 0))
                s.rc = SQLITE_CANTOPEN;
        return statement_run(&s);
}

static int note_wal_pages(void *userdata, sqlite3 *connection, const char *name, int pages)
{
        Database *db = userdata;

        db->wal_pages = pages;
        return SQLITE_OK;
}

static int fill_new(Database *db)
{
        int rc;

        rc = connect_file(db, NEW_FILE, /* has_wal= */ false);
        if (rc == SQLITE_OK)
                rc = database_execute(db,
                                      "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA synchronous=FULL");
        if (rc == SQLITE_OK)
                rc = schema_migrate(db->connection, schema_list(), 0);
        return rc == SQLITE_OK ? set_wal_mode(db) : rc;
}

static int remove_new(const Database *db)
{
        static const char *const names[] = { NEW_FILE, NEW_FILE "-journal", NEW_FILE "-wal" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (unlinkat(db->directory, names[i], 0) < 0 && errno != ENOENT)
                        return -errno;
        return 0;
}

static void disconnect(Database *db)
{
        sqlite3_close(db->connection);
        db->connection = NULL;
}

static int make_new(Database *db, int fd, Failure *f)
{
        int r;

        r = database_failure(db, fill_new(db), f);
        disconnect(db);
        if (r != 0)
                return r;
        if (fsync(fd) < 0 ||
            renameat2(db->directory, NEW_FILE, db->directory, JOURNAL_FILE, RENAME_NOREPLACE) < 0 ||
            fsync(db->directory) < 0)
                return -errno;
        return 0;
}

/* The WAL of a database that was moved away must not be taken for that of the new one. */
static int refuse_leftovers(const Database *db, Failure *f)
{
        static const char *const names[] = { WAL_FILE, JOURNAL_FILE "-journal" };
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (fstatat(db->directory, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
                        return failure_set(f, EXM_E_REFUSED,
                                           "%s is missing but its %s is there: move that away too, "
                                           "or bring the database back",
                                           db->path, names[i]);
        return 0;
}

static int create(Database *db, Failure *f)
{
        _cleanup_close_ int fd = -1;
        int r;

        r = database_check_space(db->directory, db->path, f);
        if (r == 0)
                r = refuse_leftovers(db, f);
        if (r == 0)
                r = remove_new(db);
        if (r != 0)
                return r;
        fd = openat(db->directory, NEW_FILE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd < 0)
                return errno == ENOSPC || errno == EDQUOT ? database_refuse_full(db->path, f)
                                                          : -errno;
        r = make_new(db, fd, f);
        if (r != 0)
                remove_new(db);
        return r;
}

static int read_application_id(Database *db, int64_t *ret)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, db->connection, "PRAGMA application_id");
        if (statement_step(&s))
                *ret = statement_int(&s, 0);
        return s.rc;
}

/* A newer one is left as it is to the byte: not even its WAL is brought into it. */
static int use_newer(Database *db)
{
        int rc;

        db->newer = true;
        rc = sqlite3_db_config(db->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return rc == SQLITE_OK ? database_execute(db, "PRAGMA query_only=ON") : rc;
}

static int use_older(Database *db, size_t version, Failure *f)
{
        int rc;

        if (db->read_only)
                return database_refuse_read_only(db->path, f);
        rc = set_wal_mode(db);
        if (rc == SQLITE_OK && version < schema_list().n)
                rc = schema_migrate(db->connection, schema_list(), version);
        return database_failure(db, rc, f);
}

/* What is not ours is not touched. */
static int use_schema(Database *db, Failure *f)
{
        int64_t application = 0;
        size_t version = 0;
        int rc;

        rc = read_application_id(db, &application);
        if (rc == SQLITE_OK && application != SCHEMA_APPLICATION_ID)
                return failure_set(f, EXM_E_REFUSED,
                                   "%s is not a journal of ExMachina: move it away", db->path);
        if (rc == SQLITE_OK)
                rc = schema_read_version(db->connection, &version);
        if (rc == SQLITE_OK && version > schema_list().n)
                rc = use_newer(db);
        if (rc != SQLITE_OK || version > schema_list().n)
                return database_failure(db, rc, f);
        if (version == schema_list().n && db->read_only)
                return 0;
        return use_older(db, version, f);
}

static int use_file(Database *db, Failure *f)
{
        off_t size, wal_size = 0;
        int r;

        r = check_file(db, JOURNAL_FILE, &size, f);
        if (r == 0 && size == 0)
                r = database_refuse_damaged(db, SQLITE_NOTADB, f);
        if (r == 0)
                r = check_file(db, WAL_FILE, &wal_size, f);
        if (r != 0 && r != -ENOENT)
                return r;
        r = database_failure(db, connect_file(db, JOURNAL_FILE, wal_size > 0), f);
        if (r == 0)
                r = use_schema(db, f);
        if (r == 0)
                sqlite3_wal_hook(db->connection, note_wal_pages, db);
        return r;
}

static int find_file(Database *db, const char *directory, bool create_it, Failure *f)
{
        struct stat st;
        int r;

        r = database_open_directory(directory, &db->directory, f);
        if (r == 0)
                r = is_on_read_only(db->directory, &db->read_only);
        if (r != 0)
                return r;
        if (fstatat(db->directory, JOURNAL_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno != ENOENT || !create_it)
                        return -errno;
                r = create(db, f);
        }
        return r == 0 ? use_file(db, f) : r;
}

int database_open(Database *db, const char *directory, bool create_it, Failure *f)
{
        int r;

        if (db->connection)
                return 0;
        *db = (Database){ .directory = -1 };
        if (asprintf(&db->path, "%s/%s", directory, JOURNAL_FILE) < 0) {
                db->path = NULL;
                return -ENOMEM;
        }
        r = find_file(db, directory, create_it, f);
        if (r != 0)
                database_close(db);
        return r;
}

void database_close(Database *db)
{
        disconnect(db);
        if (db->directory >= 0)
                close(db->directory);
        free(db->path);
        *db = (Database){ .directory = -1 };
}
