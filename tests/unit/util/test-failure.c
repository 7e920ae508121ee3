/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-failure.c - every condition has a D-Bus name of its own, and the first word wins.
 */
#include "util/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_condition_has_its_name(void **state)
{
        for (int i = 1; i < _EXM_E_MAX; i++) {
                const char *name = condition_to_dbus_name(i);

                assert_string_not_equal(name, "org.freedesktop.DBus.Error.Failed");
                assert_int_equal(condition_from_dbus_name(name), i);
        }
        assert_string_equal(condition_to_dbus_name(-5), "org.freedesktop.DBus.Error.Failed");
        assert_string_equal(condition_to_dbus_name(_EXM_E_MAX),
                            "org.freedesktop.DBus.Error.Failed");
        assert_int_equal(condition_from_dbus_name("org.example.Unknown"), EXM_E_NONE);
}

static void first_word_wins(void **state)
{
        Failure f = { 0 }, g = { 0 };

        assert_int_equal(failure_set(&f, EXM_E_CONFLICT, "%s", "first"), EXM_E_CONFLICT);
        failure_set(&f, EXM_E_REFUSED, "second");
        assert_int_equal(f.condition, EXM_E_CONFLICT);
        failure_prefix(&f, "edit %u: ", 3U);
        assert_string_equal(f.message, "edit 3: first");

        failure_move(&g, &f);
        assert_string_equal(g.message, "edit 3: first");
        assert_null(f.message);
        failure_set(&f, EXM_E_TIMEOUT, "late");
        failure_move(&g, &f);
        assert_int_equal(g.condition, EXM_E_CONFLICT);
        failure_done(&g);
        assert_int_equal(failure_set(NULL, EXM_E_REFUSED, "nobody listens"), EXM_E_REFUSED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_condition_has_its_name),
                cmocka_unit_test(first_word_wins),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
