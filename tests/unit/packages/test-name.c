/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-name.c - which strings are the name of a package. Nothing that PackageKit or apt could take
 * for something else gets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "packages/packages.h"
#include "util/macro.h"

static const char *const good[] = {
        "hello",          "g++",         "libstdc++6", "0ad",   "python3.11", "x",
        "NetworkManager", "java_common", "foo-1.2.3",  "x.deb", "a+b-c.d",
};

static const char *const bad[] = {
        "",        "-o",          "--purge",    "../x.deb", "/tmp/x.deb", "./x",   "foo=1.0",
        "foo/sid", "a;b",         "a;1;all;",   "a:amd64",  "foo*",       "fo?",   "[a]",
        "foo bar", "foo\n",       "foo\t",      "$(id)",    "`id`",       "~nfoo", "!foo",
        "foo|bar", "foo,bar",     "http://x/y", "%s",       "\\x",        "+foo",  ".foo",
        "_foo",    "foo\xc3\xbc", "@foo",       "foo#1",    "foo'",       "foo\"",
};

static void names_are_exact(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_int_equal(packages_check_names(&good[i], 1, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_failure_ Failure f = { 0 };

                assert_int_equal(packages_check_names(&bad[i], 1, &f), EXM_E_INVALID_ARGS);
                assert_non_null(strstr(f.message, "is not the name of a package"));
                assert_null(strchr(f.message, '\n'));
        }
}

static void lengths_and_numbers_are_bounded(void **state)
{
        _cleanup_free_ const char **many = calloc(PACKAGES_MAX_NAMES + 1, sizeof(*many));
        char texts[PACKAGES_MAX_NAMES + 1][8], longest[257];
        const char *one = longest;

        assert_non_null(many);
        memset(longest, 'x', sizeof(longest));
        longest[255] = '\0';
        assert_int_equal(packages_check_names(&one, 1, NULL), 0);
        longest[255] = 'x';
        longest[256] = '\0';
        assert_int_equal(packages_check_names(&one, 1, NULL), EXM_E_INVALID_ARGS);

        for (size_t i = 0; i <= PACKAGES_MAX_NAMES; i++) {
                snprintf(texts[i], sizeof(texts[i]), "p%zu", i);
                many[i] = texts[i];
        }
        assert_int_equal(packages_check_names(many, PACKAGES_MAX_NAMES, NULL), 0);
        assert_int_equal(packages_check_names(many, PACKAGES_MAX_NAMES + 1, NULL),
                         EXM_E_LIMIT_EXCEEDED);
        assert_int_equal(packages_check_names(many, 0, NULL), EXM_E_INVALID_ARGS);
        many[PACKAGES_MAX_NAMES - 1] = "p0";
        assert_int_equal(packages_check_names(many, PACKAGES_MAX_NAMES, NULL), EXM_E_INVALID_ARGS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_exact),
                cmocka_unit_test(lengths_and_numbers_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
