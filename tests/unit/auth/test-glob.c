/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-glob.c - what globs match, which share a name, and that neither can be made to take long.
 */
#include "auth/glob.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_are_matched(void **state)
{
        static const struct {
                const char *pattern, *name;
                bool matches;
        } cases[] = {
                { "/etc/hosts", "/etc/hosts", true },
                { "/etc/hosts", "/etc/hosts2", false },
                { "/etc/hosts", "/etc/host", false },
                { "/etc/*", "/etc/hosts", true },
                { "/etc/*", "/etc/.hidden", true },
                { "/etc/*", "/etc/a/b", false },
                { "/etc/*", "/etc", false },
                { "/etc/*.conf", "/etc/.conf", true },
                { "/etc/*.conf", "/etc/a.conf.d", false },
                { "/etc/**", "/etc/a/b/c", true },
                { "/etc/**", "/etc/a", true },
                { "/etc/**", "/etc", false },
                { "/etc/**", "/etcetera", false },
                { "/etc/**/x", "/etc/x", true },
                { "/etc/**/x", "/etc/a/b/x", true },
                { "/etc/**/x", "/etc/ax", false },
                { "/etc/**/x", "/etc/a/bx", false },
                { "/etc/**/**/x", "/etc/x", true },
                { "/etc/**/**/x", "/etc/a/x", true },
                { "/**/x", "/x", true },
                { "/etc/**.conf", "/etc/a/b.conf", true },
                { "/etc/a**b", "/etc/a/c/b", true },
                { "/etc/*/**/z", "/etc/a/z", true },
                { "/etc/*/**/z", "/etc/z", false },
                { "/etc/?", "/etc/a", true },
                { "/etc/?", "/etc/\xC3\xA4", true },
                { "/etc/?", "/etc/ab", false },
                { "/etc?x", "/etc/x", false },
                { "/etc/[abc]", "/etc/b", true },
                { "/etc/[a-c]x", "/etc/cx", true },
                { "/etc/[!a-c]", "/etc/b", false },
                { "/etc/[^a-c]", "/etc/d", true },
                { "/etc[!a]x", "/etc/x", false },
                { "/etc[+-9]x", "/etc/x", false },
                { "/etc[+-9+-9+-9]x", "/etc5x", true },
                { "/etc/[]]", "/etc/]", true },
                { "/etc/[!]]", "/etc/]", false },
                { "/etc/[a-]", "/etc/-", true },
                { "/etc/[\\]x]", "/etc/]", true },
                { "/etc/[\xC3\xA0-\xC3\xBC]", "/etc/\xC3\xA4", true },
                { "/etc/[\xC3\xA0-\xC3\xBC]", "/etc/z", false },
                { "/etc/\\*", "/etc/*", true },
                { "/etc/\\*", "/etc/a", false },
                { "/etc/\\[a]", "/etc/[a]", true },
                { "/etc/a]", "/etc/a]", true },
                { "/etc/\\\\", "/etc/\\", true },
                { "/etc/*a*b*c", "/etc/xaxbxc", true },
                { "/etc/*a*b*c", "/etc/xaxcxb", false },
                { "/etc/*", "/etc/\xE4", true },
                { "*.service", "nginx.service", true },
                { "", "", true },
                { "", "a", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (glob_matches(cases[i].pattern, cases[i].name) != cases[i].matches)
                        fail_msg("%s and %s", cases[i].pattern, cases[i].name);
}

static void beginnings_are_matched(void **state)
{
        static const struct {
                const char *pattern, *prefix;
                bool matches;
        } cases[] = {
                { "/etc/nginx/*", "/etc", true },       { "/etc/nginx/*", "/etc/", true },
                { "/etc/nginx/*", "/", true },          { "/etc/nginx/*", "", true },
                { "/etc/nginx/*", "/etc/ng", true },    { "/etc/nginx/*", "/etc/nginx/a", true },
                { "/etc/nginx/*", "/etc/ssh", false },  { "/etc/nginx/*", "/etc/nginx/a/", false },
                { "/etc/**", "/etc/a/b/c/", true },     { "/etc/*/x", "/etc/a/", true },
                { "/etc/*/x", "/etc/a/y", false },      { "/etc/hosts", "/etc/hosts", true },
                { "/etc/hosts", "/etc/hosts/", false }, { "/etc/[ab]/x", "/etc/c", false },
                { "/etc/\\*", "/etc/a", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (glob_matches_beginning(cases[i].pattern, cases[i].prefix) != cases[i].matches)
                        fail_msg("%s and %s", cases[i].pattern, cases[i].prefix);
}

static Glob *compile(const char *pattern)
{
        const char *fault = NULL;
        Glob *glob = NULL;

        if (glob_compile(&glob, pattern, &fault) != 0)
                fail_msg("%s: %s", pattern, fault);
        return glob;
}

static void shared_names_are_found(void **state)
{
        static const struct {
                const char *a, *b;
                int share;
        } cases[] = {
                { "/etc/hosts", "/etc/hosts", 1 },
                { "/etc/hosts", "/etc/host", 0 },
                { "/etc/*", "/etc/sudoers", 1 },
                { "/etc/*", "/etc/sudoers.d/*", 0 },
                { "/etc/**", "/etc/sudoers.d/*", 1 },
                { "/etc/s*", "/etc/*s", 1 },
                { "/etc/s*", "/etc/t*", 0 },
                { "/etc/*a", "/etc/*b", 0 },
                { "/**", "/etc/cron.*/**", 1 },
                { "/etc/?udoers", "/etc/sudoer[st]", 1 },
                { "/etc/[!s]udoers", "/etc/sudoers", 0 },
                { "/etc/[a-m]", "/etc/[m-z]", 1 },
                { "/etc/[a-m]", "/etc/[n-z]", 0 },
                { "/etc/**/x", "/etc/x", 1 },
                { "/etc/**/x", "/etc/ax", 0 },
                { "/etc/**/x", "/etc/a?x", 0 },
                { "/etc/**/x", "/etc/*/*/x", 1 },
                { "/etc/**/x/**/y", "/etc/x/y", 1 },
                { "/etc/**/**/y", "/etc/y", 1 },
                { "/etc/*/y", "/etc/**/y", 1 },
                { "/etc/*/y", "/**/x", 0 },
                { "/etc/\\*", "/etc/a", 0 },
                { "/etc/\\*", "/etc/*", 1 },
                { "/etc/a*b", "/etc/*c*", 1 },
                { "/etc/a**b", "/etc/*/b", 1 },
                { "/usr/**", "/etc/**", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(glob_free_cleanup) Glob *a = compile(cases[i].a),
                                                  *b = compile(cases[i].b);

                if (globs_share(a, b) != cases[i].share || globs_share(b, a) != cases[i].share)
                        fail_msg("%s and %s", cases[i].a, cases[i].b);
        }
}

/* All short patterns and names of a small alphabet: two globs share a name exactly if some name is
 * matched by both (names of up to 5 characters are enough for patterns this short). */
static void shared_names_are_those_that_both_match(void **state)
{
        static const char *const patterns[] = {
                "/a",    "/*",    "/?",    "/**",   "/a*",   "/*a",  "/a/*", "/*/a",
                "/**/a", "/a/**", "/[ab]", "/[!a]", "/a**b", "/**b", "/a?",  "/b*a",
        };
        static const char letters[] = "/ab";
        enum { LONGEST = 5 };
        bool both[ELEMENTSOF(patterns)][ELEMENTSOF(patterns)] = { 0 };

        for (unsigned code = 0; code < 3U * 3 * 3 * 3 * 4; code++) {
                char name[LONGEST + 2] = "/";
                unsigned rest = code / 4, n = 1 + code % 4;
                bool one[ELEMENTSOF(patterns)];

                for (unsigned i = 0; i < n; i++, rest /= 3)
                        name[1 + i] = letters[rest % 3];
                for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                        one[i] = glob_matches(patterns[i], name);
                for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                        for (size_t k = 0; k < ELEMENTSOF(patterns); k++)
                                both[i][k] |= one[i] && one[k];
        }
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                for (size_t k = 0; k < ELEMENTSOF(patterns); k++) {
                        _cleanup_(glob_free_cleanup) Glob *a = compile(patterns[i]),
                                                          *b = compile(patterns[k]);

                        if (globs_share(a, b) != both[i][k])
                                fail_msg("%s and %s", patterns[i], patterns[k]);
                }
}

static void damaged_patterns_are_refused(void **state)
{
        static const char *const damaged[] = {
                "/a[",    "/a[b",          "/a[]",  "/a[!]",  "/a[z-a]", "/a\\",  "/a\\b",
                "/a***b", "/a[[:alpha:]]", "/a[/]", "/a[b\\", "/a[\\q]", "/a[a-",
        };

        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                const char *fault = NULL;
                Glob *glob = NULL;

                if (glob_compile(&glob, damaged[i], &fault) != -EINVAL || !fault || glob)
                        fail_msg("accepted: %s", damaged[i]);
                assert_false(glob_matches(damaged[i], damaged[i]));
        }
}

static void literals_are_told(void **state)
{
        _cleanup_free_ char *name = glob_unescape("/a\\*\\\\b");

        assert_true(glob_is_literal("/etc/hosts"));
        assert_true(glob_is_literal("/a\\*b\\?\\["));
        assert_false(glob_is_literal("/a*"));
        assert_false(glob_is_literal("/[a]"));
        assert_false(glob_is_literal("/\\\\*"));
        assert_string_equal(name, "/a*\\b");
}

/* With backtracking this would not end before the sun does. */
static void long_ones_end(void **state)
{
        char pattern[4096], name[4096];

        for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
                memcpy(pattern + i, "*a", 2);
        pattern[200] = '\0';
        memset(name, 'a', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        name[sizeof(name) - 2] = 'b';
        assert_false(glob_matches(pattern, name));
        name[sizeof(name) - 2] = 'a';
        assert_true(glob_matches(pattern, name));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_matched),
                cmocka_unit_test(beginnings_are_matched),
                cmocka_unit_test(shared_names_are_found),
                cmocka_unit_test(shared_names_are_those_that_both_match),
                cmocka_unit_test(damaged_patterns_are_refused),
                cmocka_unit_test(literals_are_told),
                cmocka_unit_test(long_ones_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
