/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-recover.c - changes that a crash, a reboot or a deadline left unfinished, made by hand: what
 * is on the disk, and what the journal says, after recovery.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "commit/journal-fixture.h"
#include "commit/moment.h"
#include "commit/recover.h"
#include "util/strv.h"

#define A "/mnt/etc/a"
#define B "/mnt/etc/x/b"

typedef struct Bench {
        Roots *roots;
        Journal *journal;
        ChangeRecord record; /* "old" -> "new" in A, nothing -> "new" in B */
} Bench;

static void plan(Bench *bench, uint32_t confirm_within)
{
        FileChange changes[2];

        *bench = (Bench){ .roots = scratch_roots(), .journal = journal_fixture_open() };
        scratch_write(A, "old", 0640);
        changes[0] = change_write(bench->roots, A, "new");
        changes[1] = change_write(bench->roots, B, "new");
        bench->record.confirm_within = confirm_within;
        bench->record.steps = calloc(2, sizeof(FileStep));
        bench->record.n_steps = 2;
        assert_int_equal(moment_boot_id(bench->record.boot_id), 0);
        assert_int_equal(journal_next_id(bench->journal, &bench->record.id, NULL), 0);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(file_step_plan(bench->roots, &changes[i], bench->record.id, i,
                                                &bench->record.steps[i], NULL),
                                 0);
                file_change_done(&changes[i]);
        }
        assert_int_equal(journal_prepare(bench->journal, &bench->record, NULL), 0);
}

/* The first n steps are done. */
static void apply(Bench *bench, size_t n)
{
        for (size_t i = 0; i < n; i++)
                assert_int_equal(file_step_apply(bench->roots, &bench->record.steps[i], NULL), 0);
}

static void make_pending(Bench *bench)
{
        apply(bench, 2);
        assert_int_equal(moment_start_pending(&bench->record), 0);
        bench->record.state = CHANGE_PENDING;
}

static void store(Bench *bench)
{
        assert_int_equal(journal_set_state(bench->journal, &bench->record, true, NULL), 0);
}

static void bench_done(Bench *bench)
{
        change_record_done(&bench->record);
        journal_close(bench->journal);
        roots_free(bench->roots);
}

static void assert_all_old(void)
{
        assert_text(A, "old");
        assert_missing("/mnt/etc/x");
        assert_no_litter();
}

static void assert_all_new(void)
{
        assert_text(A, "new");
        assert_text(B, "new");
        assert_no_litter();
}

/* Twice: the second time there is nothing to do. */
static void recover(Bench *bench, unsigned n_settled, ChangeState state)
{
        Recovery recovery;
        Failure f = { 0 };

        for (unsigned i = 0; i < 2; i++) {
                if (recover_all(bench->journal, bench->roots, &recovery, &f) != 0)
                        fail_msg("%s", f.message ? f.message : "?");
                assert_int_equal(recovery.n_settled, i == 0 ? n_settled : 0);
                recovery_done(&recovery);
                assert_int_equal(state_of(bench->journal, bench->record.id), state);
        }
}

static char *reason_of(Bench *bench)
{
        ChangeRecord record;
        char *reason;

        assert_int_equal(journal_load(bench->journal, bench->record.id, false, &record, NULL), 0);
        reason = TAKE_PTR(record.reason);
        change_record_done(&record);
        return reason;
}

static void assert_reason(Bench *bench, const char *word)
{
        _cleanup_free_ char *reason = reason_of(bench);

        if (!strstr(reason, word))
                fail_msg("\"%s\" is not in: %s", word, reason);
}

static void test_prepared(void **state)
{
        for (size_t n = 0; n <= 2; n++) {
                Bench bench;

                journal_fixture_reset(NULL);
                plan(&bench, 0);
                apply(&bench, n);
                recover(&bench, 1, n == 2 ? CHANGE_APPLIED : CHANGE_FAILED);
                if (n == 2)
                        assert_all_new();
                else
                        assert_all_old();
                bench_done(&bench);
        }
}

/* Done, but before it was on record that it waits: it begins to wait now. */
static void test_prepared_to_be_confirmed(void **state)
{
        ChangeRecord record;
        Bench bench;

        plan(&bench, 60);
        apply(&bench, 2);
        recover(&bench, 1, CHANGE_PENDING);
        assert_all_new();
        assert_int_equal(journal_load(bench.journal, bench.record.id, false, &record, NULL), 0);
        assert_int_equal(record.deadline - record.pending_since, 60 * 1000000);
        assert_string_equal(record.boot_id, bench.record.boot_id);
        change_record_done(&record);
        bench_done(&bench);
}

/* What somebody else has edited stays, and is named; the rest goes back. */
static void test_foreign(void **state)
{
        Bench bench;

        plan(&bench, 0);
        apply(&bench, 2);
        scratch_write(A, "edited", 0640);
        recover(&bench, 1, CHANGE_FAILED);
        assert_text(A, "edited");
        assert_missing("/mnt/etc/x");
        assert_reason(&bench, A);
        bench_done(&bench);
}

static void test_pending_waits(void **state)
{
        Bench bench;

        plan(&bench, 60);
        make_pending(&bench);
        store(&bench);
        recover(&bench, 0, CHANGE_PENDING);
        assert_all_new();
        /* An edit of somebody else's is no reason to take it back. */
        scratch_write(A, "edited", 0640);
        recover(&bench, 0, CHANGE_PENDING);
        assert_text(A, "edited");
        bench_done(&bench);
}

static void test_pending_is_over(void **state)
{
        for (unsigned how = 0; how < 2; how++) {
                Bench bench;

                journal_fixture_reset(NULL);
                plan(&bench, 60);
                make_pending(&bench);
                if (how == 0)
                        bench.record.deadline = bench.record.pending_since;
                else
                        memset(bench.record.boot_id, '0', RECORD_BOOT_ID_SIZE - 1);
                store(&bench);
                recover(&bench, 1, CHANGE_REVERTED);
                assert_all_old();
                assert_reason(&bench, "not confirmed");
                bench_done(&bench);
        }
}

/* To take it back had begun when it was interrupted: that goes on before the deadline, too. */
static void test_revert_interrupted(void **state)
{
        Bench bench;

        plan(&bench, 60);
        make_pending(&bench);
        store(&bench);
        assert_int_equal(file_step_undo(bench.roots, &bench.record.steps[1], NULL), 0);
        recover(&bench, 1, CHANGE_REVERTED);
        assert_all_old();
        bench_done(&bench);
}

static void test_revert(void **state)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        Recovery recovery;
        Failure f = { 0 };
        Bench bench;

        plan(&bench, 60);
        make_pending(&bench);
        store(&bench);
        assert_int_equal(recover_revert(bench.journal, bench.roots, bench.record.id, "asked for",
                                        &record, &recovery, &f),
                         0);
        assert_int_equal(recovery.n_settled, 1);
        assert_true(strv_contains(recovery.files, A) && strv_contains(recovery.files, B));
        assert_false(recovery.reload_manager);
        recovery_done(&recovery);
        assert_all_old();
        assert_reason(&bench, "asked for");
        assert_int_equal(state_of(bench.journal, bench.record.id), CHANGE_REVERTED);
        assert_int_equal(recover_revert(bench.journal, bench.roots, bench.record.id, "again",
                                        &record, &recovery, &f),
                         EXM_E_REFUSED);
        failure_done(&f);
        recovery_done(&recovery);
        bench_done(&bench);
}

static void test_revert_keeps_edits(void **state)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        Recovery recovery;
        Failure f = { 0 };
        Bench bench;

        plan(&bench, 60);
        make_pending(&bench);
        store(&bench);
        scratch_write(B, "edited", 0644);
        assert_int_equal(recover_revert(bench.journal, bench.roots, bench.record.id, "asked for",
                                        &record, &recovery, &f),
                         EXM_E_CONFLICT);
        assert_non_null(strstr(f.message, B));
        assert_text(A, "old");
        assert_text(B, "edited");
        assert_int_equal(state_of(bench.journal, bench.record.id), CHANGE_FAILED);
        assert_reason(&bench, B);
        failure_done(&f);
        recovery_done(&recovery);
        bench_done(&bench);
}

/* The file system says no for now: it stays unfinished, and the next time it is done. */
static void test_again_later(void **state)
{
        Bench bench;

        plan(&bench, 0);
        apply(&bench, 1);
        assert_int_equal(mount("/mnt/etc", "/mnt/etc", NULL, MS_BIND, NULL), 0);
        assert_int_equal(mount(NULL, "/mnt/etc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
        recover(&bench, 0, CHANGE_PREPARED);
        assert_text(A, "new");
        assert_int_equal(umount("/mnt/etc"), 0);
        recover(&bench, 1, CHANGE_FAILED);
        assert_all_old();
        bench_done(&bench);
}

static void test_reload_manager(void **state)
{
        static const struct {
                const char *name;
                bool reload;
        } cases[] = {
                { "/etc/systemd/system/a.service", true },
                { "/etc/fstab", true },
                { "/etc/fstabs", false },
        };
        const char *list[] = { "/etc", NULL };
        _cleanup_(roots_free_cleanup) Roots *roots = NULL;

        assert_int_equal(roots_new(&roots, NULL, (char *const *)list), 0);
        assert_int_equal(mount("etc", "/etc", "tmpfs", 0, "mode=755"), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(journal_close_cleanup) Journal *journal = NULL;
                _cleanup_(change_record_done) ChangeRecord record = { .n_steps = 2 };
                FileChange changes[2];
                Recovery recovery;

                journal_fixture_reset(NULL);
                journal = journal_fixture_open();
                record.steps = calloc(2, sizeof(FileStep));
                assert_int_equal(journal_next_id(journal, &record.id, NULL), 0);
                changes[0] = change_write(roots, cases[i].name, "x");
                changes[1] = change_write(roots, "/etc/other", "x");
                for (unsigned k = 0; k < 2; k++) {
                        assert_int_equal(file_step_plan(roots, &changes[k], record.id, k,
                                                        &record.steps[k], NULL),
                                         0);
                        file_change_done(&changes[k]);
                }
                assert_int_equal(journal_prepare(journal, &record, NULL), 0);
                assert_int_equal(file_step_apply(roots, &record.steps[0], NULL), 0);
                assert_int_equal(recover_all(journal, roots, &recovery, NULL), 0);
                assert_int_equal(recovery.reload_manager, cases[i].reload);
                assert_string_equal(recovery.files[0], cases[i].name);
                recovery_done(&recovery);
        }
        assert_int_equal(umount("/etc"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_prepared, journal_fixture_reset),
                cmocka_unit_test_setup(test_prepared_to_be_confirmed, journal_fixture_reset),
                cmocka_unit_test_setup(test_foreign, journal_fixture_reset),
                cmocka_unit_test_setup(test_pending_waits, journal_fixture_reset),
                cmocka_unit_test_setup(test_pending_is_over, journal_fixture_reset),
                cmocka_unit_test_setup(test_revert_interrupted, journal_fixture_reset),
                cmocka_unit_test_setup(test_revert, journal_fixture_reset),
                cmocka_unit_test_setup(test_revert_keeps_edits, journal_fixture_reset),
                cmocka_unit_test_setup(test_again_later, journal_fixture_reset),
                cmocka_unit_test_setup(test_reload_manager, journal_fixture_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
