/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-error.c - what systemd's errors and job results become: no failure may pass as success, and
 * each says which unit, which verb, and where to look.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "units/unit-error.h"

static const struct {
        const char *name;
        Condition condition;
        const char *word; /* must be in the message */
} errors[] = {
        { "org.freedesktop.systemd1.NoSuchUnit", EXM_E_NO_SUCH_UNIT, "no such unit" },
        { "org.freedesktop.systemd1.UnitMasked", EXM_E_UNIT_FAILED, "unmask it first" },
        { "org.freedesktop.systemd1.LoadFailed", EXM_E_UNIT_FAILED, "systemd says so" },
        { "org.freedesktop.systemd1.BadUnitSetting", EXM_E_UNIT_FAILED, "daemon-reload" },
        { "org.freedesktop.systemd1.JobTypeNotApplicable", EXM_E_UNIT_FAILED, "ExecReload=" },
        { "org.freedesktop.systemd1.OnlyByDependency", EXM_E_UNIT_FAILED, "RefuseManualStart=" },
        { "org.freedesktop.systemd1.UnitExists", EXM_E_UNIT_FAILED, "move that file away" },
        { "org.freedesktop.systemd1.UnitGenerated", EXM_E_UNIT_FAILED, "generator" },
        { "org.freedesktop.systemd1.TransactionIsDestructive", EXM_E_UNIT_FAILED, "list-jobs" },
        { "org.freedesktop.systemd1.ShuttingDown", EXM_E_UNIT_FAILED, "shutting down" },
        { "org.freedesktop.systemd1.NotYetInvented", EXM_E_UNIT_FAILED, "systemd says so" },
        { "org.freedesktop.DBus.Error.AccessDenied", EXM_E_UNIT_FAILED, "systemd says so" },
        { "org.freedesktop.DBus.Error.InvalidArgs", EXM_E_INVALID_ARGS, "systemd says so" },
        { "org.freedesktop.DBus.Error.NoReply", EXM_E_TIMEOUT, "in time" },
        { "org.freedesktop.DBus.Error.Timeout", EXM_E_TIMEOUT, "in time" },
        { "org.freedesktop.DBus.Error.ServiceUnknown", EXM_E_UNIT_FAILED, "system bus" },
        { "org.freedesktop.DBus.Error.NameHasNoOwner", EXM_E_UNIT_FAILED, "system bus" },
};

static void errors_have_words(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                const sd_bus_error e = SD_BUS_ERROR_MAKE_CONST(errors[i].name, "systemd says so");
                Failure f = { 0 };

                assert_int_equal(unit_error_set(&f, "x.service", "start", &e), errors[i].condition);
                assert_memory_equal(f.message, "x.service: cannot start: ", 25);
                if (!strstr(f.message, errors[i].word))
                        fail_msg("'%s' is not in: %s", errors[i].word, f.message);
                failure_done(&f);
        }
}

static void an_error_without_words_keeps_its_name(void **state)
{
        const sd_bus_error e = SD_BUS_ERROR_MAKE_CONST("org.example.Strange", NULL);
        Failure f = { 0 };

        assert_int_equal(unit_error_set(&f, NULL, "list units", &e), EXM_E_UNIT_FAILED);
        assert_string_equal(f.message, "cannot list units: org.example.Strange");
        failure_done(&f);
}

static void only_done_and_skipped_are_success(void **state)
{
        /* All JobResults of systemd 252, and one of the future. */
        static const char *const failures[] = { "failed",      "canceled",  "timeout",
                                                "dependency",  "invalid",   "assert",
                                                "unsupported", "collected", "once",
                                                "concurrency", "" };

        assert_int_equal(unit_job_result_check(NULL, "x.service", UNIT_STOP, "done", NULL), 0);
        assert_int_equal(unit_job_result_check(NULL, "x.service", UNIT_STOP, "skipped", NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(failures); i++) {
                Failure f = { 0 };

                assert_int_equal(
                        unit_job_result_check(&f, "x.service", UNIT_STOP, failures[i], NULL),
                        EXM_E_UNIT_FAILED);
                assert_memory_equal(f.message, "x.service: stop failed", 22);
                assert_non_null(strstr(f.message, failures[i]));
                assert_non_null(strstr(f.message, "systemctl status x.service"));
                assert_non_null(strstr(f.message, "journalctl -u x.service"));
                failure_done(&f);
        }
}

static void the_reason_of_the_unit_is_told(void **state)
{
        Failure f = { 0 };

        unit_job_result_check(&f, "x.service", UNIT_START, "failed", "exit-code");
        assert_non_null(strstr(f.message, "start failed (result 'exit-code')"));
        failure_done(&f);
        unit_job_result_check(&f, "x.service", UNIT_START, "failed", "success");
        assert_non_null(strstr(f.message, "start failed (result 'failed')"));
        failure_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(errors_have_words),
                cmocka_unit_test(an_error_without_words_keeps_its_name),
                cmocka_unit_test(only_done_and_skipped_are_success),
                cmocka_unit_test(the_reason_of_the_unit_is_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
