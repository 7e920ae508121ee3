/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * schema.c - tables and migrations.
 *
 * A migration that has been released is never edited: a change is a new one at the end.
 *
 * change  one row a change. `bytes` is the sum of its content, so that pruning reads no content.
 * item    what a change acts on. `kind` is 'file' (name and path of files/step.h) or 'timezone'
 * (both are that word). image   an item's state before and after; of a time zone `content` is its
 * name. `content` is the last column: SQLite then reads the others without going through a large
 * content's pages.
 *
 * unit    what is acted on with the files: `place` is the order, `acted` counts how often something
 * was begun with it, by which recovery knows what has seen the change.
 *
 * `checks` is what validators said of the change before it was made, for who can read the database:
 * it may hold any file that root can read. `inconclusive` has the names of those that could not
 * judge it, for who may see the change.
 *
 * Numbers are AUTOINCREMENT: one that was given out stays used when its change is pruned. A token
 * names one change of its owner.
 */
#include "commit/schema.h"

#include "commit/statement.h"

static const char *const migrations[] = {
        /* 0 -> 1 */
        "CREATE TABLE change ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  time INTEGER NOT NULL,"
        "  uid INTEGER NOT NULL,"
        "  user TEXT NOT NULL,"
        "  authority TEXT NOT NULL,"
        "  message TEXT NOT NULL,"
        "  token TEXT NOT NULL,"
        "  state TEXT NOT NULL,"
        "  reason TEXT NOT NULL,"
        "  reverts INTEGER NOT NULL,"
        "  confirm_within INTEGER NOT NULL,"
        "  pending_since INTEGER NOT NULL,"
        "  deadline INTEGER NOT NULL,"
        "  boot_id TEXT NOT NULL,"
        "  units BLOB NOT NULL,"
        "  bytes INTEGER NOT NULL"
        ") STRICT;"
        "CREATE INDEX change_state ON change (state);"
        "CREATE UNIQUE INDEX change_token ON change (uid, token) WHERE token <> '';"
        "CREATE TABLE item ("
        "  change INTEGER NOT NULL REFERENCES change (id) ON DELETE CASCADE,"
        "  place INTEGER NOT NULL,"
        "  kind TEXT NOT NULL,"
        "  name TEXT NOT NULL,"
        "  path TEXT NOT NULL,"
        "  parents BLOB NOT NULL,"
        "  in_place INTEGER NOT NULL,"
        "  PRIMARY KEY (change, place)"
        ") STRICT, WITHOUT ROWID;"
        "CREATE INDEX item_name ON item (name);"
        "CREATE INDEX item_path ON item (path);"
        "CREATE TABLE image ("
        "  change INTEGER NOT NULL,"
        "  place INTEGER NOT NULL,"
        "  side TEXT NOT NULL,"
        "  kind TEXT NOT NULL,"
        "  mode INTEGER NOT NULL,"
        "  uid INTEGER NOT NULL,"
        "  gid INTEGER NOT NULL,"
        "  link_target TEXT,"
        "  version TEXT NOT NULL,"
        "  size INTEGER NOT NULL,"
        "  xattrs BLOB NOT NULL,"
        "  content BLOB,"
        "  PRIMARY KEY (change, place, side),"
        "  FOREIGN KEY (change, place) REFERENCES item (change, place) ON DELETE CASCADE"
        ") STRICT;",
        /* 1 -> 2 */
        "DROP INDEX change_token;"
        "CREATE UNIQUE INDEX change_token"
        " ON change (" SCHEMA_OWNER("authority", "uid") ", token) WHERE token <> '';",
        /* 2 -> 3: no version before ever stored a unit in change.units */
        "CREATE TABLE unit ("
        "  change INTEGER NOT NULL REFERENCES change (id) ON DELETE CASCADE,"
        "  place INTEGER NOT NULL,"
        "  id TEXT NOT NULL,"
        "  verb TEXT NOT NULL,"
        "  was_active INTEGER NOT NULL,"
        "  acted INTEGER NOT NULL,"
        "  PRIMARY KEY (change, place)"
        ") STRICT, WITHOUT ROWID;"
        "ALTER TABLE change ADD COLUMN grace INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE change DROP COLUMN units;",
        /* 3 -> 4 */
        "ALTER TABLE change ADD COLUMN checks TEXT NOT NULL DEFAULT '';",
        /* 4 -> 5 */
        "ALTER TABLE change ADD COLUMN inconclusive BLOB NOT NULL DEFAULT x'';",
};

SchemaList schema_list(void)
{
        return (SchemaList){ .migrations = migrations, .n = ELEMENTSOF(migrations) };
}

int schema_read_version(sqlite3 *connection, size_t *ret)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection, "PRAGMA user_version");
        if (statement_step(&s))
                *ret = (size_t)statement_int(&s, 0);
        return s.rc;
}

static int run_migrations(sqlite3 *connection, SchemaList list, size_t from)
{
        char version[64];
        int rc = SQLITE_OK;

        for (size_t i = from; rc == SQLITE_OK && i < list.n; i++)
                rc = sqlite3_exec(connection, list.migrations[i], NULL, NULL, NULL);
        if (rc != SQLITE_OK)
                return rc;
        snprintf(version, sizeof(version), "PRAGMA user_version=%zu; PRAGMA application_id=%d",
                 list.n, SCHEMA_APPLICATION_ID);
        return sqlite3_exec(connection, version, NULL, NULL, NULL);
}

/* A migration that rebuilds a table drops the old one: its rows' children must not go with it. */
int schema_migrate(sqlite3 *connection, SchemaList list, size_t from)
{
        int rc;

        rc = sqlite3_exec(connection, "PRAGMA foreign_keys=OFF; BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = run_migrations(connection, list, from);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(connection, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK && !sqlite3_get_autocommit(connection))
                sqlite3_exec(connection, "ROLLBACK", NULL, NULL, NULL);
        sqlite3_exec(connection, "PRAGMA foreign_keys=ON", NULL, NULL, NULL);
        return rc;
}
