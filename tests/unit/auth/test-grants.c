/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-grants.c - who is let through by a grant, and which grants are refused when they are made.
 */
#include "auth/grants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "units/units.h"
#include "util/strv.h"

/* One entry, no list: for tables. */
static Grants with(const char *read, const char *write, const char *unit, bool privileged)
{
        Grants grants = { .privileged = privileged };

        grants.user = strdup("");
        assert_non_null(grants.user);
        if (read)
                assert_int_equal(strv_extend(&grants.read, read), 0);
        if (write)
                assert_int_equal(strv_extend(&grants.write, write), 0);
        if (unit)
                assert_int_equal(strv_extend(&grants.units, unit), 0);
        return grants;
}

static void files_are_read_and_written(void **state)
{
        static const struct {
                const char *read, *write;
                bool privileged;
                const char *name;
                bool plain; /* public, and ordinary */
                bool may_read, may_write;
        } cases[] = {
                { "/etc/hosts", NULL, false, "/etc/hosts", true, true, false },
                { "/etc/shadow", NULL, false, "/etc/shadow", false, true, false },
                { "/etc/shado[w]", NULL, false, "/etc/shadow", false, false, false },
                { "/etc/*", NULL, false, "/etc/hosts", true, true, false },
                { "/etc/*", NULL, false, "/etc/shadow", false, false, false },
                { "/etc/*", NULL, true, "/etc/shadow", false, true, false },
                { "/etc/*", NULL, true, "/etc/a/b", true, false, false },
                { NULL, "/etc/hosts", false, "/etc/hosts", true, true, true },
                { NULL, "/etc/fstab", false, "/etc/fstab", false, true, true },
                { NULL, "/etc/**", false, "/etc/hosts", true, true, true },
                { NULL, "/etc/**", false, "/etc/sudoers", false, false, false },
                { NULL, "/etc/**", true, "/etc/sudoers", false, true, true },
                { NULL, "/etc/\\*", false, "/etc/*", false, true, true },
                { NULL, "/etc/\\*", false, "/etc/x", true, false, false },
                { NULL, NULL, true, "/etc/hosts", true, false, false },
                { "/etc/[", "/etc/[", true, "/etc/[", true, false, false },
                /* ExMachina itself, and the kernel's files. */
                { NULL, "/**", true, "/etc/exmachina/exmachina.conf", true, false, false },
                { NULL, "/**", true, "/etc/exmachina/keys.d/web.key", false, false, false },
                { NULL, "/etc/exmachina/x", true, "/etc/exmachina/x", true, false, false },
                { NULL, "/**", true, "/var/lib/exmachina/journal.sqlite", false, false, false },
                { NULL, "/**", true, "/var/cache/exmachina/x", true, false, false },
                { NULL, "/**", true, "/run/exmachina/x", true, false, false },
                { NULL, "/**", true, "/proc/sys/kernel/core_pattern", true, false, false },
                { NULL, "/**", true, "/etc/exmachinas", false, true, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(grants_done) Grants g =
                        with(cases[i].read, cases[i].write, NULL, cases[i].privileged);

                if (grants_read(&g, cases[i].name, cases[i].plain) != cases[i].may_read ||
                    grants_write(&g, cases[i].name, cases[i].plain, /* only_text= */ true) !=
                            cases[i].may_write ||
                    grants_write(&g, cases[i].name, cases[i].plain, /* only_text= */ false) !=
                            (cases[i].may_write && cases[i].privileged))
                        fail_msg("case %zu: %s", i, cases[i].name);
        }
}

static void units_are_acted_on(void **state)
{
        static const struct {
                const char *entry;
                bool privileged;
                const char *id, *verb;
                bool may;
        } cases[] = {
                { "nginx.service:reload,restart", false, "nginx.service", "reload", true },
                { "nginx.service:reload,restart", false, "nginx.service", "restart", true },
                { "nginx.service:reload,restart", false, "nginx.service", "start", false },
                { "nginx.service:reload-or-restart", false, "nginx.service", "reload", false },
                { "nginx.service:reload-or-restart", false, "nginx.service", "restart", false },
                { "nginx.service:unmask", false, "nginx.service", "mask", false },
                { "nginx.service:stop", false, "nginx.socket", "stop", false },
                { "nginx.*:stop", false, "nginx.socket", "stop", true },
                { "a:b@*.service:stop", false, "a:b@x.service", "stop", true },
                { "*:start", false, "cups.service", "start", true },
                { "*:start", false, "poweroff.target", "start", false },
                { "*:start", false, "systemd-poweroff.service", "start", false },
                { "*:start", false, "reboot.target", "start", false },
                { "*:start", false, "halt.target", "start", false },
                { "*:start", false, "kexec.target", "start", false },
                { "*:start", false, "rescue.service", "start", false },
                { "*:start", false, "emergency.target", "start", false },
                { "*:start", false, "debug-shell.service", "start", false },
                { "*:start", false, "user@1000.service", "start", false },
                { "*:stop", false, "exmachina.service", "stop", false },
                { "*:stop", false, "exmachina-recover.service", "stop", false },
                { "*:stop", false, "exmachina-deadline-1-2.timer", "stop", false },
                { "*:start", false, "ctrl-alt-del.target", "start", false },
                { "*:stop", false, "sysinit.target", "stop", false },
                { "*:stop", false, "system.slice", "stop", false },
                { "*:stop", false, "dbus.socket", "stop", false },
                { "*:stop", false, "systemd-logind.service", "stop", false },
                { "*:start", false, "getty@tty2.service", "start", false },
                { "*:stop", false, "srv.mount", "stop", false },
                { "*:start", true, "poweroff.target", "start", true },
                { "poweroff.target:start", false, "poweroff.target", "start", true },
                { "poweroff.targe[t]:start", false, "poweroff.target", "start", false },
                { "a\\\\x2db.mount:stop", false, "a\\x2db.mount", "stop", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(grants_done) Grants g =
                        with(NULL, NULL, cases[i].entry, cases[i].privileged);

                if (grants_unit(&g, cases[i].id, cases[i].verb) != cases[i].may)
                        fail_msg("case %zu: %s", i, cases[i].id);
                if (cases[i].may)
                        assert_true(grants_any_verb(&g, cases[i].id));
        }
}

static void packages_are_named(void **state)
{
        static const struct {
                const char *entry, *name;
                bool may;
        } cases[] = {
                { "hello", "hello", true },
                { "hello", "hello2", false },
                { "hel*", "hello", true },
                { "*", "g++", true },
                { "g++", "g++", true },
                { "lib?-[0-9]", "libx-7", true },
                { "lib?-[0-9]", "libxy-7", false },
                { "[", "[", false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_(grants_done) Grants grants = with(NULL, NULL, NULL, false);

                assert_false(grants_any_package(&grants));
                assert_false(grants_package(&grants, cases[i].name));
                assert_int_equal(strv_extend(&grants.packages, cases[i].entry), 0);
                assert_true(grants_any_package(&grants));
                assert_int_equal(grants_package(&grants, cases[i].name), cases[i].may);
        }
}

static void bad_packages_are_refused(void **state)
{
        static const char *const bad[] = { "",    "-o",   "a/b", "/x.deb",  "a=1", "a;b",
                                           "a b", "a\nb", "[",   "a:amd64", "ü" };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                _cleanup_(grants_done) Grants grants = with(NULL, NULL, NULL, true);
                _cleanup_failure_ Failure f = { 0 };

                assert_int_equal(strv_extend(&grants.packages, bad[i]), 0);
                assert_int_equal(grants_check(&grants, &f), EXM_E_INVALID_ARGS);
                assert_non_null(strstr(f.message, "packages: "));
        }
}

static void looking_comes_before_knowing(void **state)
{
        _cleanup_(grants_done) Grants g = with("/etc/nginx/**", "/etc/motd", NULL, false);
        _cleanup_(grants_done) Grants none = with(NULL, NULL, "a.service:stop", false);

        assert_true(grants_may_look(&g, "/etc/nginx/nginx.conf"));
        assert_true(grants_may_look(&g, "/etc/motd"));
        assert_false(grants_may_look(&g, "/etc/shadow"));
        assert_true(grants_may_walk(&g, "/etc"));
        assert_true(grants_may_walk(&g, "/etc/"));
        assert_true(grants_may_walk(&g, "/etc/nginx/conf.d/"));
        assert_false(grants_may_walk(&g, "/etc/ssh/"));
        assert_true(grants_any_file(&g));
        assert_false(grants_any_file(&none));
        assert_false(grants_may_walk(&none, "/etc/"));
        assert_true(grants_any_verb(&none, "a.service"));
        assert_false(grants_any_verb(&none, "b.service"));
}

static void bad_grants_are_refused(void **state)
{
        static const char *const files[] = {
                "",
                "etc/hosts",
                "/etc/",
                "/etc//x",
                "/etc/../x",
                "/etc/./x",
                "/etc/**/..",
                "/etc/[",
                "/etc/\\x",
                "/etc/a\nb",
                "/etc/\xE4",
                "/",
                "/etc/exmachina/x",
                "/proc/1/mem",
                "/etc/\xE2\x80\xAE",
                "/var/lib/exmachina/\\*",
                "/etc/a***",
        };
        static const char *const units[] = {
                "nginx.service",        "nginx.service:",
                "nginx.service:kill",   ":start",
                "nginx.service:start,", "nginx.service:,start",
                "nginx.service: start", "/etc/x.service:start",
                "nginx:start",          "a b.service:start",
                "a\\x2db.mount:start",  "[.service:start",
                "nginx.service:START",
        };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_(grants_done) Grants r = with(files[i], NULL, NULL, true),
                                              w = with(NULL, files[i], NULL, false);
                _cleanup_failure_ Failure f = { 0 };

                if (grants_check(&r, &f) != EXM_E_INVALID_ARGS || !f.message ||
                    grants_check(&w, NULL) != EXM_E_INVALID_ARGS)
                        fail_msg("accepted: %s", files[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                _cleanup_(grants_done) Grants g = with(NULL, NULL, units[i], true);

                if (grants_check(&g, NULL) != EXM_E_INVALID_ARGS)
                        fail_msg("accepted: %s", units[i]);
        }
}

static void users_are_names(void **state)
{
        static const char *const bad[] = { "a b", "a:b", "-a", "a/b", "a\n", "a\xE4", "a;b" };
        static const char *const good[] = { "", "alice", "www-data", "_apt", "a.b", "host$" };
        Grants g = { 0 };

        assert_int_equal(grants_check(&g, NULL), EXM_E_INVALID_ARGS);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                g.user = (char *)bad[i];
                if (grants_check(&g, NULL) != EXM_E_INVALID_ARGS)
                        fail_msg("accepted: %s", bad[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                g.user = (char *)good[i];
                assert_int_equal(grants_check(&g, NULL), 0);
        }
}

static void lists_are_bounded(void **state)
{
        _cleanup_(grants_done) Grants g = with(NULL, NULL, NULL, false);
        char entry[GRANTS_MAX_BYTES + 2];

        for (unsigned i = 0; i < GRANTS_MAX; i++)
                assert_int_equal(strv_extend(&g.read, "/etc/*"), 0);
        assert_int_equal(grants_check(&g, NULL), 0);
        assert_int_equal(strv_extend(&g.read, "/etc/*"), 0);
        assert_int_equal(grants_check(&g, NULL), EXM_E_INVALID_ARGS);
        g.read = strv_free(g.read);

        memset(entry, '*', sizeof(entry));
        for (size_t i = 0; i < sizeof(entry); i += 2)
                entry[i] = '/';
        entry[GRANTS_MAX_BYTES] = '\0';
        assert_int_equal(strv_extend(&g.read, entry), 0);
        assert_int_equal(grants_check(&g, NULL), 0);
        entry[GRANTS_MAX_BYTES] = '/';
        entry[GRANTS_MAX_BYTES + 1] = '\0';
        assert_int_equal(strv_extend(&g.read, entry), 0);
        assert_int_equal(grants_check(&g, NULL), EXM_E_INVALID_ARGS);
}

/* grants-check.c has the words again, for the rooms know nothing of each other. */
static void verbs_are_those_of_units(void **state)
{
        for (UnitVerb verb = 0; verb < _UNIT_VERB_MAX; verb++) {
                _cleanup_free_ char *entry = NULL;
                _cleanup_(grants_done) Grants g = with(NULL, NULL, NULL, false);

                assert_true(asprintf(&entry, "a.service:%s", unit_verb_to_string(verb)) > 0);
                assert_int_equal(strv_extend(&g.units, entry), 0);
                assert_int_equal(grants_check(&g, NULL), 0);
                assert_true(grants_unit(&g, "a.service", unit_verb_to_string(verb)));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_are_read_and_written),
                cmocka_unit_test(units_are_acted_on),
                cmocka_unit_test(packages_are_named),
                cmocka_unit_test(bad_packages_are_refused),
                cmocka_unit_test(looking_comes_before_knowing),
                cmocka_unit_test(bad_grants_are_refused),
                cmocka_unit_test(users_are_names),
                cmocka_unit_test(lists_are_bounded),
                cmocka_unit_test(verbs_are_those_of_units),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
