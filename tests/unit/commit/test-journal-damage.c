/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-journal-damage.c - a database that is damaged, unsafe, foreign or newer: words and no crash,
 * never wrong content, and the file stays as it was.
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>

#include "commit/database.h"
#include "journal-fixture.h"
#include "util/log.h"

#define CHANGES 12

static void content_of(unsigned i, bool after, char *ret, size_t size)
{
        snprintf(ret, size, "%s content of change %u %0*u", after ? "new" : "old", i,
                 (int)(i * 700 + 1), 0U);
}

/* Changes 1 to CHANGES, the last two pending. */
static void make_history(Journal *journal)
{
        char name[32], old[10000], new[10000];
        uint64_t id;

        for (unsigned i = 1; i <= CHANGES; i++) {
                snprintf(name, sizeof(name), "/etc/%u", i);
                content_of(i, false, old, sizeof(old));
                content_of(i, true, new, sizeof(new));
                id = prepare_write(journal, name, old, new);
                assert_int_equal(id, i);
                assert_int_equal(set_state(journal, id,
                                           i > CHANGES - 2 ? CHANGE_PENDING : CHANGE_APPLIED, true),
                                 0);
        }
}

static void make_database(void)
{
        Journal *journal = journal_fixture_open();

        make_history(journal);
        journal_close(journal);
}

static int list_all(Journal *journal, size_t *ret_n, Failure *f)
{
        JournalFilter filter = { .state = _CHANGE_STATE_MAX };
        ChangeRecord *records = NULL;
        int r;

        *ret_n = 0;
        r = journal_list(journal, &filter, &records, ret_n, f);
        if (r == 0)
                change_records_free(records, *ret_n);
        return r;
}

/* Nothing works, each time with `word`; and the file is what it was. */
static void assert_all_refused(const char *path, const char *word)
{
        Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = record_write("/etc/new", "old", "new");
        _cleanup_free_ char *before = NULL, *after = NULL;
        size_t size, size_after, n;
        uint64_t id, *ids;
        Failure f = { 0 };

        before = read_bytes(path, &size);
        assert_failure(journal_check_writable(journal, &f), &f, EXM_E_REFUSED, word);
        assert_failure(journal_next_id(journal, &id, &f), &f, EXM_E_REFUSED, word);
        assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED, word);
        assert_failure(list_all(journal, &n, &f), &f, EXM_E_REFUSED, word);
        assert_failure(journal_unfinished(journal, &ids, &n, &f), &f, EXM_E_REFUSED, word);
        journal_close(journal);
        after = read_bytes(path, &size_after);
        assert_int_equal(size, size_after);
        assert_memory_equal(before, after, size);
}

static void test_garbage(void **state)
{
        char garbage[9000];

        memset(garbage, 'x', sizeof(garbage));
        write_bytes(JOURNAL_PATH, garbage, sizeof(garbage), 0600);
        assert_all_refused(JOURNAL_PATH, "is damaged");
        write_bytes(JOURNAL_PATH, garbage, 20, 0600);
        assert_all_refused(JOURNAL_PATH, "is damaged");
        /* Not taken for a new one, whose numbers would start again. */
        write_bytes(JOURNAL_PATH, garbage, 0, 0600);
        assert_all_refused(JOURNAL_PATH, "is damaged");
}

/* Returns: how many changes could be read; what is read is right. */
static unsigned read_what_can_be(Journal *journal)
{
        char content[10000];
        unsigned n_read = 0;

        for (unsigned i = 1; i <= CHANGES; i++) {
                _cleanup_record_ ChangeRecord record = { 0 };
                int r = journal_load(journal, i, true, &record, NULL);

                if (r != 0) {
                        assert_true(r == EXM_E_REFUSED || r == -ENOENT || r == -EIO);
                        continue;
                }
                for (size_t k = 0; k < record.n_steps; k++) {
                        content_of(i, false, content, sizeof(content));
                        if (record.steps[k].before.content)
                                assert_string_equal(record.steps[k].before.content, content);
                        content_of(i, true, content, sizeof(content));
                        if (record.steps[k].after.content)
                                assert_string_equal(record.steps[k].after.content, content);
                }
                n_read += record.n_steps == 1;
        }
        return n_read;
}

/* Everything once; what it says is of no matter here. */
static unsigned use_damaged(void)
{
        Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = record_write("/etc/new", "old", "new");
        JournalLimits limits = { 1, 1, 1 };
        unsigned n_read = read_what_can_be(journal);
        uint64_t *ids = NULL;
        size_t n;

        list_all(journal, &n, NULL);
        if (journal_unfinished(journal, &ids, &n, NULL) == 0)
                free(ids);
        if (journal_prepare(journal, &record, NULL) == 0)
                set_state(journal, record.id, CHANGE_APPLIED, false);
        journal_prune(journal, &limits);
        journal_close(journal);
        return n_read;
}

/* The last page may be cut within: what SQLite reads of it is judged as damage is, below. */
static void test_truncated(void **state)
{
        _cleanup_free_ char *data = NULL;
        size_t size;

        make_database();
        data = read_bytes(JOURNAL_PATH, &size);
        for (size_t cut = 0; cut <= size - 4096; cut += 1536) {
                write_bytes(JOURNAL_PATH, data, cut, 0600);
                assert_all_refused(JOURNAL_PATH, "is damaged");
        }
        for (size_t cut = size - 4095; cut < size; cut += 300) {
                write_bytes(JOURNAL_PATH, data, cut, 0600);
                assert_true(use_damaged() < CHANGES);
        }
        write_bytes(JOURNAL_PATH, data, size, 0600);
        Journal *journal = journal_fixture_open();
        assert_int_equal(read_what_can_be(journal), CHANGES);
        journal_close(journal);
}

static void test_damaged_pages(void **state)
{
        _cleanup_free_ char *data = NULL, *bad = NULL;
        unsigned fewest = CHANGES, most = 0, n;
        size_t size, length;

        make_database();
        data = read_bytes(JOURNAL_PATH, &size);
        bad = malloc(size);
        assert_non_null(bad);
        srand(1);
        for (unsigned i = 0; i < 150; i++) {
                size_t at = i % 3 == 0 ? (size_t)rand() % size : i * 4096 % size;

                length = i % 3 == 0 ? 1 : i % 3 == 1 ? 16 : 4096;
                memcpy(bad, data, size);
                for (size_t k = at; k < at + length && k < size; k++)
                        bad[k] = (char)(i % 2 == 0 ? rand() : bad[k] ^ (1 << (i % 8)));
                unlink(JOURNAL_WAL);
                unlink(JOURNAL_MARK);
                write_bytes(JOURNAL_PATH, bad, size, 0600);
                n = use_damaged();
                fewest = n < fewest ? n : fewest;
                most = n > most ? n : most;
        }
        /* It was damage, and not always all was lost. */
        assert_int_equal(fewest, 0);
        assert_int_equal(most, CHANGES);
}

static void test_damaged_wal(void **state)
{
        _cleanup_free_ char *data = NULL, *wal = NULL, *bad = NULL;
        Journal *journal = journal_fixture_open();
        size_t size, wal_size, n, last = 0;

        make_history(journal);
        data = read_bytes(JOURNAL_PATH, &size);
        wal = read_bytes(JOURNAL_WAL, &wal_size);
        bad = malloc(wal_size);
        assert_non_null(bad);
        journal_close(journal);
        for (size_t cut = 0; cut <= wal_size;
             cut += cut < wal_size - 5000 ? 5000 : wal_size - cut) {
                write_bytes(JOURNAL_PATH, data, size, 0600);
                write_bytes(JOURNAL_WAL, wal, cut, 0600);
                journal = journal_fixture_open();
                assert_int_equal(list_all(journal, &n, NULL), 0);
                assert_true(n >= last);
                assert_int_equal(read_what_can_be(journal), n);
                last = n;
                journal_close(journal);
                if (cut == wal_size)
                        break;
        }
        assert_int_equal(last, CHANGES);
        for (size_t at = 0; at < wal_size; at += 7001) {
                memcpy(bad, wal, wal_size);
                bad[at] ^= 4;
                write_bytes(JOURNAL_PATH, data, size, 0600);
                write_bytes(JOURNAL_WAL, bad, wal_size, 0600);
                use_damaged();
        }
}

/* A disk that alters bytes: SQLite does not see it. */
static void test_altered_content(void **state)
{
        _cleanup_free_ char *data = NULL;
        Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = { 0 };
        Failure f = { 0 };
        size_t size;
        char *found;

        apply_write(journal, "/etc/a", "old-canary", "new");
        apply_write(journal, "/etc/b", "old", "new");
        journal_close(journal);
        data = read_bytes(JOURNAL_PATH, &size);
        found = memmem(data, size, "old-canary", 10);
        assert_non_null(found);
        found[3] = '+';
        write_bytes(JOURNAL_PATH, data, size, 0600);

        journal = journal_fixture_open();
        assert_int_equal(journal_load(journal, 1, false, &record, NULL), 0);
        change_record_done(&record);
        assert_failure(journal_load(journal, 1, true, &record, &f), &f, EXM_E_REFUSED,
                       "is damaged");
        assert_null(record.steps);
        assert_int_equal(journal_load(journal, 2, true, &record, NULL), 0);
        /* Once it is known, nothing is written to it. */
        assert_failure(journal_check_writable(journal, &f), &f, EXM_E_REFUSED, "is damaged");
        journal_close(journal);
}

static void test_newer(void **state)
{
        _cleanup_free_ char *before = NULL, *after = NULL;
        Journal *journal;
        _cleanup_record_ ChangeRecord record = record_write("/etc/new", "old", "new");
        JournalLimits nothing = { 0 };
        size_t size, size_after, n;
        Failure f = { 0 };
        uint64_t id;

        make_database();
        run_sql(JOURNAL_PATH, "ALTER TABLE change ADD COLUMN later TEXT; PRAGMA user_version=99");
        before = read_bytes(JOURNAL_PATH, &size);
        journal = journal_fixture_open();
        assert_failure(journal_check_writable(journal, &f), &f, EXM_E_REFUSED, "newer version");
        assert_failure(journal_next_id(journal, &id, &f), &f, EXM_E_REFUSED, "newer version");
        assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED, "newer version");
        assert_int_equal(set_state(journal, CHANGES, CHANGE_APPLIED, true), EXM_E_REFUSED);
        assert_int_equal(journal_prune(journal, &nothing), -EIO);
        assert_int_equal(list_all(journal, &n, NULL), 0);
        assert_int_equal(n, CHANGES);
        assert_int_equal(state_of(journal, CHANGES), CHANGE_PENDING);
        journal_close(journal);
        after = read_bytes(JOURNAL_PATH, &size_after);
        assert_int_equal(size, size_after);
        assert_memory_equal(before, after, size);

        /* What this version looks for is not there. */
        run_sql(JOURNAL_PATH, "ALTER TABLE change RENAME COLUMN authority TO by");
        journal = journal_fixture_open();
        assert_failure(list_all(journal, &n, &f), &f, EXM_E_REFUSED, "newer version");
        journal_close(journal);
}

/* A newer version was killed: what it had in its WAL is left for it, and is seen. */
static void test_newer_wal(void **state)
{
        _cleanup_free_ char *before = NULL, *after = NULL;
        Journal *journal;
        size_t size, size_after, n;
        sqlite3 *db = NULL;
        int status;
        pid_t pid;

        make_database();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (sqlite3_open(JOURNAL_PATH, &db) == SQLITE_OK &&
                    sqlite3_exec(db, "DELETE FROM change WHERE id = 1; PRAGMA user_version=99",
                                 NULL, NULL, NULL) == SQLITE_OK)
                        _exit(0);
                _exit(1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        before = read_bytes(JOURNAL_WAL, &size);
        assert_true(size > 0);
        journal = journal_fixture_open();
        assert_int_equal(list_all(journal, &n, NULL), 0);
        assert_int_equal(n, CHANGES - 1);
        assert_int_equal(journal_check_writable(journal, NULL), EXM_E_REFUSED);
        journal_close(journal);
        after = read_bytes(JOURNAL_WAL, &size_after);
        assert_int_equal(size, size_after);
        assert_memory_equal(before, after, size);
}

static void test_foreign(void **state)
{
        write_bytes(JOURNAL_PATH, "", 0, 0600);
        run_sql(JOURNAL_PATH, "CREATE TABLE a (x)");
        assert_all_refused(JOURNAL_PATH, "not a journal of ExMachina");
}

static void test_unsafe(void **state)
{
        make_database();
        assert_int_equal(chmod(JOURNAL_PATH, 0640), 0);
        assert_all_refused(JOURNAL_PATH, "chmod 0600");
        assert_int_equal(chmod(JOURNAL_PATH, 0600), 0);
        assert_int_equal(chown(JOURNAL_PATH, 1, 0), 0);
        assert_all_refused(JOURNAL_PATH, "must be root's");
        assert_int_equal(chown(JOURNAL_PATH, 0, 0), 0);
        assert_int_equal(chmod(JOURNAL_DIR, 0750), 0);
        assert_all_refused(JOURNAL_PATH, "chmod 0700");
        assert_int_equal(chmod(JOURNAL_DIR, 0700), 0);
        assert_int_equal(chown(JOURNAL_DIR, 1, 0), 0);
        assert_all_refused(JOURNAL_PATH, "chown root");
        assert_int_equal(chown(JOURNAL_DIR, 0, 0), 0);

        assert_int_equal(link(JOURNAL_PATH, "/mnt/usr/other"), 0);
        assert_all_refused(JOURNAL_PATH, "no other name");
        assert_int_equal(unlink(JOURNAL_PATH), 0);
        assert_int_equal(symlink("/mnt/usr/other", JOURNAL_PATH), 0);
        assert_all_refused("/mnt/usr/other", "plain file");
        assert_int_equal(unlink(JOURNAL_PATH), 0);
        assert_int_equal(symlink("/mnt/usr/nowhere", JOURNAL_PATH), 0);
        assert_all_refused("/mnt/usr/other", "plain file");
        assert_missing("/mnt/usr/nowhere");
        assert_int_equal(unlink(JOURNAL_PATH), 0);
        assert_int_equal(rename("/mnt/usr/other", JOURNAL_PATH), 0);
        assert_int_equal(symlink("/mnt/usr/nowhere", JOURNAL_WAL), 0);
        assert_all_refused(JOURNAL_PATH, "-wal must be a plain file");
        assert_int_equal(unlink(JOURNAL_WAL), 0);

        assert_int_equal(rename(JOURNAL_DIR, "/mnt/usr/real"), 0);
        assert_all_refused("/mnt/usr/real/" JOURNAL_FILE, "/mnt/state");
        assert_int_equal(symlink("/mnt/usr/real", JOURNAL_DIR), 0);
        assert_all_refused("/mnt/usr/real/" JOURNAL_FILE, "/mnt/state");
        assert_int_equal(unlink(JOURNAL_DIR), 0);
        assert_int_equal(rename("/mnt/usr/real", JOURNAL_DIR), 0);

        /* Mended: all of it is there. */
        Journal *journal = journal_fixture_open();
        assert_int_equal(read_what_can_be(journal), CHANGES);
        journal_close(journal);
}

/* The WAL of a database that was moved away would be played into a new one. */
static void test_leftover_wal(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = record_write("/etc/new", "old", "new");
        Failure f = { 0 };
        size_t n;

        write_bytes(JOURNAL_WAL, "x", 1, 0600);
        write_bytes(JOURNAL_PATH ".new", "half made", 9, 0600);
        assert_int_equal(list_all(journal, &n, NULL), 0);
        assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED, "-wal is there");
        assert_int_equal(unlink(JOURNAL_WAL), 0);
        assert_int_equal(journal_prepare(journal, &record, NULL), 0);
        assert_missing(JOURNAL_PATH ".new");
}

/* While it was in use: what is written now would not be found after a crash. */
static void test_moved_away(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = record_write("/etc/new", "old", "new");
        Failure f = { 0 };

        make_history(journal);
        assert_int_equal(rename(JOURNAL_PATH, "/mnt/usr/away"), 0);
        assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED, "was moved");
}

static void test_too_long(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord fits = record_large("/etc/a", DATABASE_CONTENT_MAX, 'x');
        _cleanup_record_ ChangeRecord large = record_large("/etc/b", DATABASE_CONTENT_MAX + 1, 'x');
        _cleanup_record_ ChangeRecord found = { 0 };
        Failure f = { 0 };

        assert_failure(journal_prepare(journal, &large, &f), &f, EXM_E_LIMIT_EXCEEDED, "/etc/b");
        assert_int_equal(journal_prepare(journal, &fits, NULL), 0);
        assert_int_equal(journal_load(journal, fits.id, true, &found, NULL), 0);
        assert_int_equal(found.steps[0].after.size, DATABASE_CONTENT_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_garbage, journal_fixture_reset),
                cmocka_unit_test_setup(test_truncated, journal_fixture_reset),
                cmocka_unit_test_setup(test_damaged_pages, journal_fixture_reset),
                cmocka_unit_test_setup(test_damaged_wal, journal_fixture_reset),
                cmocka_unit_test_setup(test_altered_content, journal_fixture_reset),
                cmocka_unit_test_setup(test_newer, journal_fixture_reset),
                cmocka_unit_test_setup(test_newer_wal, journal_fixture_reset),
                cmocka_unit_test_setup(test_foreign, journal_fixture_reset),
                cmocka_unit_test_setup(test_unsafe, journal_fixture_reset),
                cmocka_unit_test_setup(test_leftover_wal, journal_fixture_reset),
                cmocka_unit_test_setup(test_moved_away, journal_fixture_reset),
                cmocka_unit_test_setup(test_too_long, journal_fixture_reset),
        };

        scratch_enter();
        /* It says each time why it does not prune. */
        log_set_level(LOG_ERR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
