/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-warnings.c - no grant that can reach a way to root goes unwarned, and what cannot, does.
 */
#include "auth/key-warnings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/strv.h"

typedef struct Lists {
        WaysToRoot *ways;
        OrdinaryFiles *ordinary;
} Lists;

static Lists lists;

static int load(void **state)
{
        _cleanup_free_ char *ways = NULL, *ordinary = NULL;

        assert_true(asprintf(&ways, "%s/ways-to-root", getenv("POLICY_DIR")) > 0);
        assert_true(asprintf(&ordinary, "%s/ordinary-files", getenv("POLICY_DIR")) > 0);
        assert_int_equal(ways_to_root_load(&lists.ways, ways), 0);
        return ordinary_files_load(&lists.ordinary, ordinary);
}

static int unload(void **state)
{
        ways_to_root_free(lists.ways);
        ordinary_files_free(lists.ordinary);
        return 0;
}

static void add(char ***list, const char *entry)
{
        if (entry)
                assert_int_equal(strv_extend(list, entry), 0);
}

/* Returns: all of them, a line each. */
static char *warnings_of(const char *read, const char *write, const char *unit, bool privileged)
{
        _cleanup_(grants_done)
                Grants grants = { .user = strdup("alice"), .privileged = privileged };
        _cleanup_strv_ char **list = NULL;
        _cleanup_failure_ Failure f = { 0 };
        char *joined;

        add(&grants.read, read);
        add(&grants.write, write);
        add(&grants.units, unit);
        if (grants_check(&grants, &f) != 0)
                fail_msg("%s", f.message);
        assert_int_equal(key_warnings(lists.ways, lists.ordinary, &grants, &list), 0);
        joined = list ? strv_join(list, "\n") : strdup("");
        assert_non_null(joined);
        return joined;
}

static void grants_are_warned_of(void **state)
{
        static const struct {
                const char *read, *write, *unit;
                bool privileged;
                const char *said; /* "": nothing at all */
        } cases[] = {
                { NULL, "/etc/hosts", NULL, false, "" },
                { NULL, "/etc/hostname", "nginx.service:stop", false, "" },
                { "/etc/hosts", NULL, NULL, false, "" },
                { "/etc/**", NULL, NULL, false, "" },
                { NULL, NULL, "nginx.service:reload,restart", false, "" },
                { NULL, NULL, "*:start", false, "login on a serial line" },
                { NULL, "/etc/sudoers", NULL, false, "sudo lets whoever it names" },
                { NULL, "/etc/sudoers.d/web", NULL, false, "/etc/sudoers.d/**: sudo lets" },
                { NULL, "/etc/shadow", NULL, false, "hashes of passwords" },
                { NULL, "/etc/[s]udoers", NULL, true, "/etc/sudoers: sudo" },
                { NULL, "/**", NULL, true, "/etc/ld.so.preload: a library" },
                { NULL, "/etc/*/*.conf", NULL, true, "/etc/nginx/**: load_module" },
                { NULL, "/etc/**", NULL, true, "every other file that it reaches" },
                { NULL, "/etc/nginx/nginx.conf", NULL, false, "load_module" },
                { NULL, "/etc/unheard/of.conf", NULL, false, "not on the list of ordinary files" },
                { NULL, "/srv/www/index.html", NULL, false, "not on the list of ordinary files" },
                { NULL, "/etc/\\*", NULL, false, "not on the list of ordinary files" },
                { NULL, "/etc/nginx/*", NULL, false, "reaches nothing" },
                { NULL, "/etc/*", NULL, false, "" },
                { "/etc/shadow", NULL, NULL, false, "hashes of passwords" },
                { "/etc/s*", NULL, NULL, true, "/etc/shadow: hashes of passwords" },
                { "/etc/ssh/ssh_host_rsa_key", NULL, NULL, false, "the host's private key" },
                { NULL, NULL, "debug-shell.service:start", false, "a shell of root" },
                { NULL, NULL, "*.service:start", true, "a shell of root" },
                { NULL, NULL, "nftables.service:stop", false, "takes the firewall away" },
                { NULL, NULL, "*:mask", false, "takes the firewall away" },
                { NULL, "/etc/nginx/x", "nginx.service:reload", false,
                  "nginx.service:reload with write /etc/nginx/x: what is written" },
                { NULL, "/etc/systemd/system/a@.service", "a@b.service:start", false, "at once" },
                { NULL, "/etc/default/**", "ngin?.service:restart", true, "at once" },
                { NULL, "/etc/fancy.conf", "[f]ancy.service:restart", false, "at once" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *said = warnings_of(cases[i].read, cases[i].write,
                                                        cases[i].unit, cases[i].privileged);

                if (cases[i].said[0] ? !strstr(said, cases[i].said) : said[0] != '\0')
                        fail_msg("case %zu: %s", i, said);
        }
}

static void what_is_not_reached_is_not_warned_of(void **state)
{
        _cleanup_free_ char *unit = warnings_of(NULL, NULL, "*:start,stop", false);
        _cleanup_free_ char *stopped =
                warnings_of(NULL, "/etc/nginx/x", "nginx.service:stop", false);
        _cleanup_free_ char *other = warnings_of(NULL, "/etc/nginx/x", "cups.service:start", false);
        _cleanup_free_ char *write = warnings_of(NULL, "/etc/cron.d/x", NULL, false);

        assert_null(strstr(unit, "debug-shell"));
        assert_null(strstr(unit, "poweroff"));
        assert_null(strstr(stopped, "at once"));
        assert_null(strstr(other, "at once"));
        assert_null(strstr(write, "sudo"));
        assert_null(strstr(write, "not on the list"));
}

/* Whatever a single file is called: if a glob reaches it and the list has it, it is warned of. */
static void globs_reach_what_names_do(void **state)
{
        static const char *const globs[] = { "/etc/**",     "/etc/*",   "/**/s*",
                                             "/etc/?u*",    "/etc/*/*", "/etc/**/*.conf",
                                             "/etc/[!a-r]*" };
        static const char *const names[] = {
                "/etc/sudoers",      "/etc/sudoers.d/a", "/etc/shadow",        "/etc/crontab",
                "/etc/cron.d/x",     "/etc/pam.d/sshd",  "/etc/ld.so.preload", "/etc/nginx/a.conf",
                "/etc/ssh/x/y.conf", "/etc/default/x",   "/etc/X11/a/b.conf",  "/etc/sysctl.conf",
        };

        for (size_t i = 0; i < ELEMENTSOF(globs); i++) {
                _cleanup_free_ char *said = warnings_of(NULL, globs[i], NULL, true);
                const WayToRoot *way;

                for (size_t k = 0; k < ELEMENTSOF(names); k++)
                        for (size_t m = 0; (way = ways_to_root_get(lists.ways, m)); m++)
                                if (way_to_root_has_act(way, "write") &&
                                    glob_matches(globs[i], names[k]) &&
                                    glob_matches(way->pattern, names[k]) &&
                                    !strstr(said, way->reason))
                                        fail_msg("%s reaches %s", globs[i], names[k]);
        }
}

static void warnings_are_bounded(void **state)
{
        _cleanup_(grants_done) Grants grants = { .user = strdup(""), .privileged = true };
        _cleanup_strv_ char **list = NULL;

        for (unsigned i = 0; i < GRANTS_MAX; i++)
                add(&grants.write, "/**");
        assert_int_equal(key_warnings(lists.ways, lists.ordinary, &grants, &list), 0);
        assert_int_equal(strv_length(list), KEY_WARNINGS_MAX + 1);
        assert_non_null(strstr(list[0], "every local user"));
        assert_non_null(strstr(list[1], "privileged"));
        assert_memory_equal(list[KEY_WARNINGS_MAX], "... and ", 8);
}

static void damaged_lists_are_refused(void **state)
{
        static const char *const damaged[] = {
                "write",
                "write /etc/x",
                "write etc/x why",
                "write /etc/[ why",
                "run /etc/x why",
                "start /etc/x why",
                "write,start /etc/x why",
                "start,kill a.service why",
                "write a.service why",
                " /etc/x why",
        };
        char path[] = "/tmp/ways-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                WaysToRoot *ways = NULL;

                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, damaged[i], strlen(damaged[i]), 0), strlen(damaged[i]));
                if (ways_to_root_load(&ways, path) != -EINVAL)
                        fail_msg("accepted: %s", damaged[i]);
        }
        close(fd);
        unlink(path);
        assert_int_equal(ways_to_root_load(&(WaysToRoot *){ NULL }, path), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(grants_are_warned_of),
                cmocka_unit_test(what_is_not_reached_is_not_warned_of),
                cmocka_unit_test(globs_reach_what_names_do),
                cmocka_unit_test(warnings_are_bounded),
                cmocka_unit_test(damaged_lists_are_refused),
        };
        return cmocka_run_group_tests(tests, load, unload);
}
