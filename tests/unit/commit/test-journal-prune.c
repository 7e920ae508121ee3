/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-journal-prune.c - what goes, what stays, that the file shrinks and no old byte is left.
 */
#include <string.h>
#include <time.h>

#include "journal-fixture.h"

#define DAY 86400000000ULL

static const JournalLimits no_limits = { UINT32_MAX, UINT64_MAX, UINT32_MAX };

static uint64_t now_usec(void)
{
        return (uint64_t)time(NULL) * 1000000;
}

static void prepare_at(Journal *journal, uint64_t when, uint64_t reverts, ChangeState state)
{
        _cleanup_record_ ChangeRecord record = record_write("/etc/a", "old", "new");
        char name[32];

        snprintf(name, sizeof(name), "/etc/%u", (unsigned)(when % 1000));
        free(record.steps[0].name);
        record.steps[0].name = strdup(name);
        free(record.steps[0].path);
        record.steps[0].path = strdup(name);
        record.time = when;
        record.reverts = reverts;
        assert_int_equal(journal_prepare(journal, &record, NULL), 0);
        if (state != CHANGE_PREPARED)
                assert_int_equal(set_state(journal, record.id, state, false), 0);
}

static void assert_left(Journal *journal, const char *expected)
{
        JournalFilter filter = { .state = _CHANGE_STATE_MAX };
        ChangeRecord *records;
        char left[256] = "";
        size_t n;

        assert_int_equal(journal_list(journal, &filter, &records, &n, NULL), 0);
        for (size_t i = 0; i < n; i++)
                snprintf(left + strlen(left), sizeof(left) - strlen(left), "%llu ",
                         (unsigned long long)records[i].id);
        change_records_free(records, n);
        assert_string_equal(left, expected);
}

static void test_age(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        JournalLimits limits = no_limits;

        prepare_at(journal, now_usec() - 40 * DAY + 1, 0, CHANGE_APPLIED);
        prepare_at(journal, now_usec() - 40 * DAY + 2, 0, CHANGE_PENDING);
        prepare_at(journal, now_usec() - 40 * DAY + 3, 0, CHANGE_PREPARED);
        prepare_at(journal, now_usec() - 10 * DAY + 4, 0, CHANGE_FAILED);
        prepare_at(journal, now_usec() - 40 * DAY + 5, 0, CHANGE_REVERTED);
        prepare_at(journal, now_usec() + 40 * DAY + 6, 0, CHANGE_APPLIED);
        assert_int_equal(journal_prune(journal, &limits), 0);
        limits.keep_days = 30;
        assert_int_equal(journal_prune(journal, &limits), 2);
        assert_left(journal, "6 4 3 2 ");
        assert_int_equal(journal_prune(journal, &limits), 0);
}

static void test_number(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        JournalLimits limits = no_limits;

        prepare_at(journal, now_usec() + 1, 0, CHANGE_APPLIED);
        prepare_at(journal, now_usec() + 2, 0, CHANGE_APPLIED);
        prepare_at(journal, now_usec() + 3, 0, CHANGE_APPLIED);
        /* Unfinished, and takes back the first, which it may need. */
        prepare_at(journal, now_usec() + 4, 1, CHANGE_PENDING);
        limits.keep_changes = 3;
        assert_int_equal(journal_prune(journal, &limits), 1);
        assert_left(journal, "4 3 1 ");
        assert_int_equal(set_state(journal, 4, CHANGE_APPLIED, false), 0);
        limits.keep_changes = 1;
        assert_int_equal(journal_prune(journal, &limits), 2);
        assert_left(journal, "4 ");
}

static void test_batches(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        JournalLimits limits = no_limits;
        int n, total = 0;

        for (unsigned i = 0; i < 100; i++)
                apply_write(journal, "/etc/a", "old", "new");
        limits.keep_changes = 10;
        while ((n = journal_prune(journal, &limits)) > 0) {
                assert_in_range(n, 1, 40);
                total += n;
        }
        assert_int_equal(n, 0);
        assert_int_equal(total, 90);
}

static off_t size_of(const char *path)
{
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_size;
}

static void test_bytes(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        JournalLimits limits = no_limits;
        off_t before;
        int n;

        for (char c = 'a'; c < 'g'; c++) {
                _cleanup_record_ ChangeRecord r = record_large("/etc/a", 2 * 1024 * 1024, c);

                assert_int_equal(journal_prepare(journal, &r, NULL), 0);
                assert_int_equal(set_state(journal, r.id, CHANGE_APPLIED, false), 0);
        }
        /* The checkpoint that follows a large change has emptied the WAL. */
        assert_int_equal(size_of(JOURNAL_WAL), 0);
        before = size_of(JOURNAL_PATH);
        assert_in_range(before, 24 * 1024 * 1024, 25 * 1024 * 1024);

        limits.keep_bytes = 9 * 1024 * 1024;
        n = journal_prune(journal, &limits);
        assert_int_equal(n, 2);
        n = journal_prune(journal, &limits);
        assert_int_equal(n, 2);
        assert_int_equal(journal_prune(journal, &limits), 0);
        assert_left(journal, "6 5 ");
        assert_in_range(size_of(JOURNAL_PATH), 8 * 1024 * 1024, 9 * 1024 * 1024);
        assert_int_equal(size_of(JOURNAL_WAL), 0);

        limits.keep_bytes = 0;
        assert_int_equal(journal_prune(journal, &limits), 2);
        assert_in_range(size_of(JOURNAL_PATH), 1, 256 * 1024);
}

/* Also in a page that is still in use, and in the WAL. */
static void test_no_byte_is_left(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        JournalLimits limits = no_limits;

        apply_write(journal, "/etc/shadow", "root:canary-old:", "root:canary-new:");
        apply_write(journal, "/etc/b", "other", "kept-content");
        assert_true(directory_holds("canary-old"));
        assert_true(directory_holds("canary-new"));
        limits.keep_changes = 1;
        assert_int_equal(journal_prune(journal, &limits), 1);
        assert_false(directory_holds("canary"));
        assert_false(directory_holds("/etc/shadow"));
        assert_true(directory_holds("kept-content"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_age, journal_fixture_reset),
                cmocka_unit_test_setup(test_number, journal_fixture_reset),
                cmocka_unit_test_setup(test_batches, journal_fixture_reset),
                cmocka_unit_test_setup(test_bytes, journal_fixture_reset),
                cmocka_unit_test_setup(test_no_byte_is_left, journal_fixture_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
