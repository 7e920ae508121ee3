/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-schema.c - an older version becomes a newer one, wholly or not at all.
 */
#include <string.h>

#include "commit/schema.h"
#include "commit/statement.h"
#include "journal-fixture.h"

#define FILE_PATH "/mnt/state/x.sqlite"

static const char *const made_up[] = {
        "CREATE TABLE a (x TEXT); INSERT INTO a VALUES ('from 0');",
        "CREATE TABLE b (x TEXT, y INTEGER) STRICT; INSERT INTO b SELECT x, 1 FROM a; DROP TABLE "
        "a;",
        "UPDATE b SET y = y + 1;",
};

static const char *const failing[] = {
        "CREATE TABLE a (x TEXT); INSERT INTO a VALUES ('from 0');",
        "CREATE TABLE b (x TEXT);",
        "DROP TABLE a; SELECT * FROM nowhere;",
};

static sqlite3 *open_file(void)
{
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(FILE_PATH, &db), SQLITE_OK);
        return db;
}

static int64_t number(sqlite3 *db, const char *sql)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, db, sql);
        assert_true(statement_step(&s));
        return statement_int(&s, 0);
}

static void test_migrate(void **state)
{
        SchemaList all = { made_up, 3 }, first = { made_up, 1 };
        sqlite3 *db = open_file();
        size_t version;

        assert_int_equal(schema_read_version(db, &version), SQLITE_OK);
        assert_int_equal(version, 0);
        assert_int_equal(schema_migrate(db, first, 0), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);

        db = open_file();
        assert_int_equal(schema_read_version(db, &version), SQLITE_OK);
        assert_int_equal(version, 1);
        assert_int_equal(schema_migrate(db, all, version), SQLITE_OK);
        assert_int_equal(schema_read_version(db, &version), SQLITE_OK);
        assert_int_equal(version, 3);
        /* The second from the row of the first, the third after the second. */
        assert_int_equal(number(db, "SELECT y FROM b WHERE x = 'from 0'"), 2);
        assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'a'"), 0);
        assert_int_equal(number(db, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
        assert_int_equal(number(db, "PRAGMA foreign_keys"), 1);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_failed_migration(void **state)
{
        SchemaList all = { failing, 3 }, first = { failing, 1 };
        sqlite3 *db = open_file();
        size_t version;

        assert_int_equal(schema_migrate(db, first, 0), SQLITE_OK);
        assert_int_not_equal(schema_migrate(db, all, 1), SQLITE_OK);
        assert_int_equal(sqlite3_get_autocommit(db), 1);
        assert_int_equal(schema_read_version(db, &version), SQLITE_OK);
        assert_int_equal(version, 1);
        assert_int_equal(number(db, "SELECT count(*) FROM a"), 1);
        assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What journal_open() finds: a database of our own that is older has its schema brought up. */
static void test_older_journal(void **state)
{
        Journal *journal = journal_fixture_open();
        sqlite3 *db = NULL;
        size_t version;

        assert_int_equal(sqlite3_open(JOURNAL_PATH, &db), SQLITE_OK);
        assert_int_equal(schema_migrate(db, (SchemaList){ NULL, 0 }, 0), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        assert_int_equal(chmod(JOURNAL_PATH, 0600), 0);

        assert_int_equal(journal_check_writable(journal, NULL), 0);
        assert_int_equal(prepare_write(journal, "/etc/a", "old", "new"), 1);
        journal_close(journal);

        assert_int_equal(sqlite3_open(JOURNAL_PATH, &db), SQLITE_OK);
        assert_int_equal(schema_read_version(db, &version), SQLITE_OK);
        assert_int_equal(version, schema_list().n);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_migrate, journal_fixture_reset),
                cmocka_unit_test_setup(test_failed_migration, journal_fixture_reset),
                cmocka_unit_test_setup(test_older_journal, journal_fixture_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
