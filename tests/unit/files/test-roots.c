/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-roots.c - names that are refused before any I/O, and what a root covers.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "files/scratch.h"
#include "util/limits.h"

static void test_good_names(void **state)
{
        static const char *const good[] = {
                "/etc/hosts", "/a", "/etc/...", "/etc/..a", "/etc/a b", "/etc/\xC3\xA4", "/etc/.a",
        };
        Failure f = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_int_equal(path_check(good[i], &f), 0);
        assert_null(f.message);
}

static void test_bad_names(void **state)
{
        static const char *const bad[] = {
                "",
                "/",
                "//",
                "etc/hosts",
                "./etc/hosts",
                "/etc/",
                "/etc//hosts",
                "//etc/hosts",
                "/etc/./hosts",
                "/etc/.",
                "/etc/..",
                "/etc/../shadow",
                "/..",
                "/../etc/hosts",
                "/etc/hosts/",
                "/etc/ho\nsts",
                "/etc/ho\tsts",
                "/etc/ho\x7Fsts",
                "/etc/ho\x01sts",
                "/etc/ho\xC2\x85sts",
                "/etc/ho\xE4sts",
                "/etc/\xC0\xAE\xC0\xAE/shadow",
                "/etc/\xED\xA0\x80",
                "/etc/\xF8\x88\x80\x80\x80",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Failure f = { 0 };

                if (path_check(bad[i], &f) != EXM_E_INVALID_PATH)
                        fail_msg("accepted: %s", bad[i]);
                assert_non_null(f.message);
                failure_done(&f);
        }
}

static void test_lengths(void **state)
{
        char path[LIMIT_PATH_BYTES + 2];

        memset(path, 'a', sizeof(path));
        for (size_t i = 0; i < sizeof(path); i += 200)
                path[i] = '/';
        path[LIMIT_PATH_BYTES] = '\0';
        assert_int_equal(path_check(path, NULL), 0);
        path[LIMIT_PATH_BYTES] = 'a';
        path[LIMIT_PATH_BYTES + 1] = '\0';
        assert_int_equal(path_check(path, NULL), EXM_E_INVALID_PATH);

        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[NAME_MAX + 1] = '\0';
        assert_int_equal(path_check(path, NULL), 0);
        path[NAME_MAX + 1] = 'a';
        path[NAME_MAX + 2] = '\0';
        assert_int_equal(path_check(path, NULL), EXM_E_INVALID_PATH);
}

static void test_cover(void **state)
{
        const char *readable[] = { "/usr/lib/os-release", NULL };
        const char *writable[] = { "/etc", NULL };
        _cleanup_(roots_free_cleanup) Roots *roots = NULL;

        assert_int_equal(roots_new(&roots, (char *const *)readable, (char *const *)writable), 0);
        assert_true(roots_may_read(roots, "/etc/hosts"));
        assert_true(roots_may_write(roots, "/etc/hosts"));
        assert_true(roots_may_read(roots, "/usr/lib/os-release"));
        assert_false(roots_may_write(roots, "/usr/lib/os-release"));
        assert_false(roots_may_read(roots, "/usr/lib/os-release2"));
        assert_false(roots_may_read(roots, "/usr/lib"));
        assert_false(roots_may_read(roots, "/etc2/hosts"));
        assert_false(roots_may_read(roots, "/root/x"));
}

/* Whatever the configuration says. */
static void test_never(void **state)
{
        static const char *const never[] = {
                "/etc/exmachina",
                "/etc/exmachina/exmachina.conf",
                "/var/lib/exmachina/db",
                "/var/cache/exmachina/lens-index",
                "/run/exmachina/x",
                "/proc/self/environ",
                "/sys/kernel/notes",
                "/dev/mem",
                "/usr/share/exmachina/file-modes",
        };
        const char *all[] = { "/", "/etc/exmachina", NULL };
        _cleanup_(roots_free_cleanup) Roots *roots = NULL;

        assert_int_equal(roots_new(&roots, (char *const *)all, (char *const *)all), 0);
        assert_true(roots_may_write(roots, "/etc/exmachina2"));
        for (size_t i = 0; i < ELEMENTSOF(never); i++) {
                assert_false(roots_may_read(roots, never[i]));
                assert_false(roots_may_write(roots, never[i]));
        }
}

static void test_bad_roots(void **state)
{
        static const char *const bad[] = { "etc", "/etc/", "/etc/../root", "", "/a//b" };
        Roots *roots = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                const char *list[] = { "/etc", bad[i], NULL };

                assert_int_equal(roots_new(&roots, (char *const *)list, NULL), -EINVAL);
                assert_int_equal(roots_new(&roots, NULL, (char *const *)list), -EINVAL);
        }
        assert_null(roots);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good_names), cmocka_unit_test(test_bad_names),
                cmocka_unit_test(test_lengths),    cmocka_unit_test(test_cover),
                cmocka_unit_test(test_never),      cmocka_unit_test(test_bad_roots),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
