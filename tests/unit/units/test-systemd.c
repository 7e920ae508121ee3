/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-systemd.c - the room against the real systemd, in the throwaway machine only:
 *   tests/machine BUILD/tests/unit/units/test-units-systemd
 * It makes units of its own, named exm-test-*, and is skipped anywhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "bench.h"

#define SKIPPED  77
#define UNIT_DIR "/etc/systemd/system/"

#define SLEEP "[Service]\nExecStart=/bin/sleep 1000\n"

static const struct {
        const char *name, *text;
} units[] = {
        { "exm-test-sleep.service",
          SLEEP "ExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
                "Alias=exm-test-alias.service\n" },
        { "exm-test-plain.service", SLEEP },
        { "exm-test-fail.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n" },
        { "exm-test-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n" },
        { "exm-test-dependent.service",
          "[Unit]\nRequires=exm-test-fail.service\nAfter=exm-test-fail.service\n" SLEEP },
        { "exm-test-assert.service", "[Unit]\nAssertPathExists=/nonexistent\n" SLEEP },
        { "exm-test-condition.service", "[Unit]\nConditionPathExists=/nonexistent\n" SLEEP },
        { "exm-test-refuse.service", "[Unit]\nRefuseManualStart=yes\n" SLEEP },
        { "exm-test-broken.service", "[Service]\nExecStart=relative/path\n" },
        { "exm-test-time.service",
          "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=/bin/sleep 1000\n" },
        { "exm-test-many@.service", "[Service]\nExecStart=/bin/sleep 1000\n" },
};

static void write_units(void)
{
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_fclose_ FILE *f = NULL;

                assert_true(asprintf(&path, UNIT_DIR "%s", units[i].name) > 0);
                f = fopen(path, "we");
                assert_non_null(f);
                assert_true(fputs(units[i].text, f) >= 0);
        }
}

static int setup(void **state)
{
        static Bench b;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;

        assert_int_equal(sd_event_new(&event), 0);
        write_units();
        bench_init(&b, event, NULL);
        assert_true(sd_bus_call_method(
                            b.bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                            "org.freedesktop.systemd1.Manager", "Reload", NULL, NULL, "") >= 0);
        *state = &b;
        return 0;
}

static int teardown(void **state)
{
        bench_done(*state);
        return 0;
}

static void assert_says(const Answer *a, Condition condition, const char *words)
{
        if (a->r != (int)condition || !a->message || !strstr(a->message, words))
                fail_msg("r=%d, not %d with '%s': %s", a->r, condition, words,
                         a->message ? a->message : "(nothing)");
}

static void assert_works(const Answer *a)
{
        if (a->r != 0)
                fail_msg("r=%d: %s", a->r, a->message ? a->message : "(nothing)");
}

static void jobs_work(void **state)
{
        static const struct {
                UnitVerb verb;
                const char *after;
        } steps[] = {
                { UNIT_START, "active" },
                { UNIT_START, "active" },
                { UNIT_RELOAD, "active" },
                { UNIT_RESTART, "active" },
                { UNIT_RELOAD_OR_RESTART, "active" },
                { UNIT_STOP, "inactive" },
                { UNIT_STOP, "inactive" },
        };
        Answer a = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                bench_job(*state, &a, "exm-test-sleep.service", steps[i].verb);
                assert_works(&a);
                assert_string_equal(a.result, "done");
                assert_string_equal(a.active_state, steps[i].after);
        }
        answer_clear(&a);
}

static void failures_say_why(void **state)
{
        Answer a = { 0 };

        bench_job(*state, &a, "exm-test-fail.service", UNIT_START);
        assert_says(&a, EXM_E_UNIT_FAILED,
                    "exm-test-fail.service: start failed (result 'exit-code')");
        bench_job(*state, &a, "exm-test-dependent.service", UNIT_START);
        assert_says(&a, EXM_E_UNIT_FAILED, "(job result 'dependency')");
        bench_job(*state, &a, "exm-test-assert.service", UNIT_START);
        assert_says(&a, EXM_E_UNIT_FAILED, "(job result 'assert')");
        bench_job(*state, &a, "exm-test-time.service", UNIT_START);
        assert_says(&a, EXM_E_UNIT_FAILED, "(result 'timeout')");
        bench_job(*state, &a, "exm-test-refuse.service", UNIT_START);
        assert_says(&a, EXM_E_UNIT_FAILED, "RefuseManualStart=");
        bench_job(*state, &a, "exm-test-broken.service", UNIT_START);
        assert_says(&a, EXM_E_UNIT_FAILED, "mend its unit file");
        bench_job(*state, &a, "exm-test-plain.service", UNIT_RELOAD);
        assert_says(&a, EXM_E_UNIT_FAILED, "exm-test-plain.service: cannot reload: ");
        bench_job(*state, &a, "exm-test-sleep.service", UNIT_RELOAD);
        assert_says(&a, EXM_E_UNIT_FAILED, "a unit that is not active cannot be reloaded");
        bench_job(*state, &a, "exm-test-condition.service", UNIT_START);
        assert_works(&a);
        assert_string_equal(a.active_state, "inactive");
        answer_clear(&a);
}

static void a_slow_job_times_out_and_goes_on(void **state)
{
        Bench *b = *state;
        Answer a = { 0 }, stop = { 0 };

        b->limits.job_sec = 1;
        bench_job(b, &a, "exm-test-slow.service", UNIT_START);
        limits_default(&b->limits);
        assert_says(&a, EXM_E_TIMEOUT, "has not ended within");
        bench_status(b, &a, "exm-test-slow.service");
        assert_string_equal(a.active_state, "activating");

        /* A start that another job pushes aside is told so. */
        answer_clear(&a);
        assert_int_equal(
                units_job(b->units, "exm-test-slow.service", UNIT_START, answer_take, &a, NULL), 0);
        bench_run(b, 100);
        bench_job(b, &stop, "exm-test-slow.service", UNIT_STOP);
        assert_works(&stop);
        bench_wait(b, &a);
        assert_says(&a, EXM_E_UNIT_FAILED, "(job result 'canceled')");
        answer_clear(&a);
        answer_clear(&stop);
}

static void names_resolve_to_real_ids(void **state)
{
        Answer a = { 0 };

        bench_change_files(*state, &a, "exm-test-sleep.service", UNIT_ENABLE);
        assert_works(&a);
        assert_int_equal(a.n_changes, 2);
        bench_resolve(*state, &a, "exm-test-alias.service");
        assert_works(&a);
        assert_string_equal(a.id, "exm-test-sleep.service");
        bench_status(*state, &a, "exm-test-sleep.service");
        assert_int_equal(a.n_names, 2);
        bench_change_files(*state, &a, "exm-test-sleep.service", UNIT_DISABLE);
        assert_works(&a);
        assert_int_equal(a.n_changes, 2);

        bench_resolve(*state, &a, "exm-test-many@one.service");
        assert_string_equal(a.id, "exm-test-many@one.service");
        bench_resolve(*state, &a, "exm-test-none.service");
        assert_says(&a, EXM_E_NO_SUCH_UNIT, "exm-test-none.service: there is no such unit");
        bench_resolve(*state, &a, "exm-none@one.service");
        assert_says(&a, EXM_E_NO_SUCH_UNIT, "there is no such unit");
        answer_clear(&a);
}

static void masked_units_say_so_and_come_back(void **state)
{
        Answer a = { 0 };

        /* The unit's file is itself in /etc, where the mask would go. */
        bench_change_files(*state, &a, "exm-test-plain.service", UNIT_MASK);
        assert_says(&a, EXM_E_UNIT_FAILED, "move that file away first");

        bench_change_files(*state, &a, "exm-test-many@one.service", UNIT_MASK);
        assert_works(&a);
        assert_int_equal(a.n_changes, 1);
        bench_change_files(*state, &a, "exm-test-many@one.service", UNIT_MASK);
        assert_works(&a);
        assert_int_equal(a.n_changes, 0);
        bench_resolve(*state, &a, "exm-test-many@one.service");
        assert_string_equal(a.id, "exm-test-many@one.service");
        bench_job(*state, &a, "exm-test-many@one.service", UNIT_START);
        assert_says(&a, EXM_E_UNIT_FAILED, "unmask it first");
        bench_change_files(*state, &a, "exm-test-many@one.service", UNIT_ENABLE);
        assert_says(&a, EXM_E_UNIT_FAILED, "unmask it first");
        bench_change_files(*state, &a, "exm-test-many@one.service", UNIT_UNMASK);
        assert_works(&a);
        assert_int_equal(a.n_changes, 1);
        bench_job(*state, &a, "exm-test-many@one.service", UNIT_START);
        assert_works(&a);
        assert_string_equal(a.active_state, "active");
        answer_clear(&a);
}

static void what_cannot_be_enabled_is_an_error(void **state)
{
        Answer a = { 0 };

        bench_change_files(*state, &a, "exm-test-plain.service", UNIT_ENABLE);
        assert_says(&a, EXM_E_UNIT_FAILED, "has no [Install] section");
        bench_change_files(*state, &a, "exm-test-none.service", UNIT_ENABLE);
        assert_says(&a, EXM_E_NO_SUCH_UNIT, "exm-test-none.service: cannot enable: ");
        answer_clear(&a);
}

static void paths_and_patterns_get_nowhere(void **state)
{
        Bench *b = *state;

        assert_int_equal(units_change_files(b->units, "/etc/hostname.service", UNIT_ENABLE,
                                            answer_take, NULL, NULL),
                         -EINVAL);
        assert_int_equal(
                units_job(b->units, "exm-test-*.service", UNIT_STOP, answer_take, NULL, NULL),
                -EINVAL);
        assert_int_equal(
                units_job(b->units, "exm-test-plain.service", UNIT_MASK, answer_take, NULL, NULL),
                -EINVAL);
        assert_int_equal(units_change_files(b->units, "exm-test-plain.service", UNIT_START,
                                            answer_take, NULL, NULL),
                         -EINVAL);
}

static void status_tells_the_main_process(void **state)
{
        Answer a = { 0 };

        bench_job(*state, &a, "exm-test-plain.service", UNIT_START);
        bench_status(*state, &a, "exm-test-plain.service");
        assert_works(&a);
        assert_string_equal(a.id, "exm-test-plain.service");
        assert_string_equal(a.active_state, "active");
        assert_int_not_equal(a.main_pid, 0);
        bench_job(*state, &a, "exm-test-plain.service", UNIT_STOP);
        bench_status(*state, &a, "exm-test-plain.service");
        assert_int_equal(a.main_pid, 0);
        bench_status(*state, &a, "multi-user.target");
        assert_string_equal(a.active_state, "active");
        assert_int_equal(a.main_pid, 0);
        answer_clear(&a);
}

static void lists_have_one_row_each(void **state)
{
        Answer a = { 0 };

        bench_list(*state, &a, "exm-test-condition.service");
        assert_works(&a);
        assert_int_equal(a.n_rows, 1);
        assert_string_equal(a.row_id, "exm-test-condition.service");
        assert_string_equal(a.row_file_state, "static");
        bench_list(*state, &a, "exm-test-none*");
        assert_int_equal(a.n_rows, 0);
        /* All but the template. */
        bench_list(*state, &a, "exm-test-[!m]*");
        assert_int_equal(a.n_rows, ELEMENTSOF(units) - 1);
        bench_list(*state, &a, NULL);
        assert_true(a.n_rows > 50);
        answer_clear(&a);
}

static void a_job_survives_daemon_reexec(void **state)
{
        Bench *b = *state;
        Answer a = { 0 }, stop = { 0 };

        assert_int_equal(
                units_job(b->units, "exm-test-slow.service", UNIT_START, answer_take, &a, NULL), 0);
        bench_run(b, 200);
        (void)sd_bus_call_method(b->bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                 "org.freedesktop.systemd1.Manager", "Reexecute", NULL, NULL, "");
        bench_run(b, 2000);
        assert_int_equal(a.n_done, 0);
        bench_job(b, &stop, "exm-test-slow.service", UNIT_STOP);
        assert_works(&stop);
        bench_wait(b, &a);
        assert_says(&a, EXM_E_UNIT_FAILED, "(job result 'canceled')");
        answer_clear(&a);
        answer_clear(&stop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jobs_work),
                cmocka_unit_test(failures_say_why),
                cmocka_unit_test(a_slow_job_times_out_and_goes_on),
                cmocka_unit_test(names_resolve_to_real_ids),
                cmocka_unit_test(masked_units_say_so_and_come_back),
                cmocka_unit_test(what_cannot_be_enabled_is_an_error),
                cmocka_unit_test(paths_and_patterns_get_nowhere),
                cmocka_unit_test(status_tells_the_main_process),
                cmocka_unit_test(lists_have_one_row_each),
                cmocka_unit_test(a_job_survives_daemon_reexec),
        };

        /* systemd-nspawn leaves this file; no machine that somebody uses is one of its containers
         * with our checkout inside. */
        if (access("/run/systemd/container", F_OK) < 0 || access("/usr/src/exmachina", F_OK) < 0)
                return SKIPPED;
        return cmocka_run_group_tests(tests, setup, teardown);
}
