/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-text.c - what is left of a text that a package's script may have written, and PackageKit's
 * errors as conditions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "packages/pk-error.h"
#include "util/macro.h"

static void texts_are_cleaned(void **state)
{
        static const struct {
                const char *text, *clean;
                size_t max;
        } cases[] = {
                { "", "", 10 },
                { "\n\n", "", 10 },
                { "one\r\ntwo\r\n", "one\ntwo", 100 },
                { "1%\r2%\r100%\r\ndone", "100%\ndone", 100 },
                { "1%\r2%\r", "2%", 100 },
                { "a\rb\nc\rd", "b\nd", 100 },
                { "\033[31mred\033[0m\a", "?[31mred?[0m?", 100 },
                { "a\tb", "a\tb", 100 },
                { "a\x7f", "a?", 100 },
                /* What would turn the rest of the line around. */
                { "a\xe2\x80\xae b", "a??? b", 100 },
                { "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd", 100 },
                { "first\nsecond\nthird", "third", 9 },
                { "first\nsecond\nthird", "second\nthird", 13 },
                { "0123456789", "56789", 5 },
                /* A character that the cut has halved. */
                { "x\xc3\xbc", "\xef\xbf\xbd", 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *clean = pk_clean_text(cases[i].text, cases[i].max);

                assert_non_null(clean);
                assert_string_equal(clean, cases[i].clean);
        }
}

static void error_codes_are_conditions(void **state)
{
        static const struct {
                uint32_t code;
                Condition condition;
        } cases[] = {
                { 8, EXM_E_NO_SUCH_PACKAGE },   { 26, EXM_E_BUSY },
                { 50, EXM_E_REFUSED },          { 16, EXM_E_PACKAGE_FAILED },
                { 9999, EXM_E_PACKAGE_FAILED },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_failure_ Failure f = { 0 };

                assert_int_equal(pk_error_set(&f, cases[i].code, "its\rown \033words"),
                                 cases[i].condition);
                assert_int_equal(f.condition, cases[i].condition);
                assert_non_null(strstr(f.message, "PackageKit: own ?words"));
        }
}

/* What PackageKit passes off as a lock. */
static void an_interruption_is_no_lock(void **state)
{
        _cleanup_failure_ Failure f = { 0 };

        assert_int_equal(pk_error_set(&f, 26,
                                      "E: dpkg was interrupted, you must manually run 'dpkg "
                                      "--configure -a' to correct the problem. "),
                         EXM_E_PACKAGE_FAILED);
        assert_null(strstr(f.message, "another program"));
}

static void bus_errors_are_conditions(void **state)
{
        static const struct {
                const char *name;
                Condition condition;
                const char *says;
        } cases[] = {
                { "org.freedesktop.DBus.Error.ServiceUnknown", EXM_E_REFUSED,
                  "apt-get install packagekit" },
                { "org.freedesktop.systemd1.UnitMasked", EXM_E_REFUSED, "cannot be started" },
                { "org.freedesktop.DBus.Error.NoReply", EXM_E_TIMEOUT, "in time" },
                { "org.freedesktop.PackageKit.Transaction.RefusedByPolicy", EXM_E_PACKAGE_FAILED,
                  "PackageKit: no" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(cases[i].name, "no");
                _cleanup_failure_ Failure f = { 0 };

                assert_int_equal(pk_bus_error_set(&f, &error), cases[i].condition);
                assert_non_null(strstr(f.message, cases[i].says));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_are_cleaned),
                cmocka_unit_test(error_codes_are_conditions),
                cmocka_unit_test(an_interruption_is_no_lock),
                cmocka_unit_test(bus_errors_are_conditions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
