/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-journal-full.c - a file system that is full, or read-only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "journal-fixture.h"

#define FILLER JOURNAL_DIR "/filler"

/* JOURNAL_DIR is a file system of its own, of 2 MiB. */
static int set_up(void **state)
{
        umount2(JOURNAL_DIR, MNT_DETACH);
        journal_fixture_reset(state);
        assert_int_equal(mount("small", JOURNAL_DIR, "tmpfs", 0, "mode=700,size=2m"), 0);
        return 0;
}

static int tear_down(void **state)
{
        return umount2(JOURNAL_DIR, MNT_DETACH);
}

static uint64_t free_bytes(void)
{
        struct statvfs vfs;

        assert_int_equal(statvfs(JOURNAL_DIR, &vfs), 0);
        return (uint64_t)vfs.f_bfree * vfs.f_frsize;
}

static void fill(void)
{
        char block[4096] = { 0 };
        int fd = open(FILLER, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        assert_int_equal(errno, ENOSPC);
        assert_int_equal(close(fd), 0);
}

static size_t count(Journal *journal)
{
        JournalFilter filter = { .state = _CHANGE_STATE_MAX };
        ChangeRecord *records = NULL;
        size_t n = 0;

        assert_int_equal(journal_list(journal, &filter, &records, &n, NULL), 0);
        change_records_free(records, n);
        return n;
}

static void test_does_not_fit(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord large = record_large("/etc/a", 3 * 1024 * 1024, 'x');
        uint64_t id = apply_write(journal, "/etc/a", "old", "new"), before = free_bytes();
        Failure f = { 0 };

        assert_failure(journal_prepare(journal, &large, &f), &f, EXM_E_REFUSED, "is full");
        assert_int_equal(large.id, 0);
        /* It does not leave the disk full. */
        assert_in_range(free_bytes(), before - 64 * 1024, 2 * 1024 * 1024);
        assert_int_equal(count(journal), 1);
        assert_int_equal(state_of(journal, id), CHANGE_APPLIED);
        assert_int_equal(journal_check_writable(journal, NULL), 0);
        prepare_write(journal, "/etc/b", "old", "new");
}

static void test_full(void **state)
{
        Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = record_large("/etc/b", 20000, 'x');
        uint64_t id = prepare_write(journal, "/etc/a", "old", "new");
        Failure f = { 0 };

        journal_close(journal);
        journal = journal_fixture_open();
        fill();
        assert_failure(journal_check_writable(journal, &f), &f, EXM_E_REFUSED, "is full");
        assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED, "is full");
        assert_int_equal(set_state(journal, id, CHANGE_APPLIED, true), EXM_E_REFUSED);
        assert_int_equal(count(journal), 1);
        assert_int_equal(state_of(journal, id), CHANGE_PREPARED);
        assert_int_equal(access(JOURNAL_MARK, F_OK), 0);

        assert_int_equal(unlink(FILLER), 0);
        assert_int_equal(journal_check_writable(journal, NULL), 0);
        assert_int_equal(set_state(journal, id, CHANGE_APPLIED, true), 0);
        assert_int_equal(journal_prepare(journal, &record, NULL), 0);
        journal_close(journal);
}

static void test_full_from_the_start(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = record_write("/etc/b", "old", "new");
        Failure f = { 0 };

        fill();
        assert_failure(journal_check_writable(journal, &f), &f, EXM_E_REFUSED, "is full");
        assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED, "is full");
        assert_missing(JOURNAL_PATH);
        assert_missing(JOURNAL_PATH ".new");
        assert_int_equal(unlink(FILLER), 0);
        assert_int_equal(journal_prepare(journal, &record, NULL), 0);
}

static void remount(unsigned long flags)
{
        assert_int_equal(mount(NULL, JOURNAL_DIR, NULL, MS_REMOUNT | flags, "mode=700"), 0);
}

/* A WAL is left behind only by a process that was killed. */
static void prepare_and_die(void)
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                prepare_write(journal_fixture_open(), "/etc/b", "old", "new");
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_read_only(void **state)
{
        Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord record = record_write("/etc/c", "old", "new");
        Failure f = { 0 };

        /* Nothing is there. */
        remount(MS_RDONLY);
        assert_failure(journal_check_writable(journal, &f), &f, EXM_E_REFUSED, "read-only");
        assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED, "read-only");
        assert_int_equal(count(journal), 0);
        remount(0);
        apply_write(journal, "/etc/a", "old", "new");
        journal_close(journal);

        for (unsigned wal = 0; wal < 2; wal++) {
                if (wal > 0)
                        prepare_and_die();
                assert_int_equal(access(JOURNAL_WAL, F_OK) == 0, wal > 0);
                remount(MS_RDONLY);
                journal = journal_fixture_open();
                assert_int_equal(count(journal), 1 + wal);
                assert_int_equal(state_of(journal, 1), CHANGE_APPLIED);
                assert_failure(journal_check_writable(journal, &f), &f, EXM_E_REFUSED, "read-only");
                assert_failure(journal_prepare(journal, &record, &f), &f, EXM_E_REFUSED,
                               "read-only");
                assert_int_equal(set_state(journal, 1 + wal, CHANGE_FAILED, true), EXM_E_REFUSED);
                journal_close(journal);
                remount(0);
        }
        journal = journal_fixture_open();
        assert_int_equal(set_state(journal, 2, CHANGE_FAILED, true), 0);
        assert_int_equal(journal_prepare(journal, &record, NULL), 0);
        journal_close(journal);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_does_not_fit, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_full_from_the_start, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_read_only, set_up, tear_down),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
