/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-policy.c - the policy data as it is installed, and damaged lines in such files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "files/modes.h"
#include "files/ordinary.h"
#include "files/scratch.h"

static char *policy_file(const char *name)
{
        char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", getenv("POLICY_DIR"), name) > 0);
        return path;
}

static void test_ordinary(void **state)
{
        static const char *const sensitive[] = {
                "/etc/environment", "/etc/default/locale", "/etc/sudoers",     "/etc/profile",
                "/etc/resolv.conf", "/etc/nsswitch.conf",  "/etc/ssh/x",       "/etc/host",
                "/etc/hosts2",      "/etc/machine-info",   "/etc/locale.conf", "/etc/hosts.allow",
        };
        _cleanup_(ordinary_files_free_cleanup) OrdinaryFiles *files = NULL;
        _cleanup_free_ char *path = policy_file("ordinary-files");

        assert_int_equal(ordinary_files_load(&files, path), 0);
        assert_true(ordinary_files_contains(files, "/etc/hosts"));
        assert_true(ordinary_files_contains(files, "/etc/hostname"));
        assert_true(ordinary_files_contains(files, "/etc/motd"));
        assert_true(ordinary_files_contains(files, "/etc/issue"));
        for (size_t i = 0; i < ELEMENTSOF(sensitive); i++)
                assert_false(ordinary_files_contains(files, sensitive[i]));
}

static void test_modes(void **state)
{
        static const struct {
                const char *path;
                mode_t mode;
        } cases[] = {
                { "/etc/hosts", 0644 },
                { "/etc/sudoers", 0440 },
                { "/etc/sudoers.d/web", 0440 },
                { "/etc/sudoers.d/a/b", 0644 },
                { "/etc/ssh/ssh_host_rsa_key", 0600 },
                { "/etc/ssh/ssh_host_rsa_key.pub", 0644 },
                { "/etc/ssh/sshd_config", 0644 },
                { "/etc/ssl/private/a/b.pem", 0600 },
                { "/etc/ssl/certs/b.pem", 0644 },
                { "/etc/NetworkManager/system-connections/x.nmconnection", 0600 },
                { "/etc/shadow", 0600 },
                { "/etc/cron.d/job", 0644 },
                { "/etc/cron.daily/job", 0755 },
                { "/etc/wireguard/wg0.conf", 0600 },
        };
        _cleanup_(file_modes_free_cleanup) FileModes *modes = NULL;
        _cleanup_free_ char *path = policy_file("file-modes");

        assert_int_equal(file_modes_load(&modes, path), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (file_modes_get(modes, cases[i].path) != cases[i].mode)
                        fail_msg("%s: %o", cases[i].path, file_modes_get(modes, cases[i].path));
}

static void test_first_match_wins(void **state)
{
        _cleanup_(file_modes_free_cleanup) FileModes *modes = NULL;

        scratch_write("/mnt/data", "# x\n\n  /a/b 0600\n/a/*\t0640\n/a/** 0400", 0644);
        assert_int_equal(file_modes_load(&modes, "/mnt/data"), 0);
        assert_int_equal(file_modes_get(modes, "/a/b"), 0600);
        assert_int_equal(file_modes_get(modes, "/a/c"), 0640);
        assert_int_equal(file_modes_get(modes, "/a/c/d"), 0400);
        assert_int_equal(file_modes_get(modes, "/ab"), 0644);
}

static void test_damaged(void **state)
{
        static const char *const bad_modes[] = {
                "/a",          "/a 0999",          "/a 4755",   "/a 0666",  "/a 0622",
                "/a 00000600", "/a 0600 x",        "a 0600",    "/a/ 0600", "/a/../b 0600",
                "0600",        "/a/**/b 0600",     "/a** 0600", "/a 6x0",   "/a\xE4 0600",
                "/a 07",       "/a 0600 # secret",
        };
        static const char *const bad_names[] = {
                "etc/hosts", "/etc/*",  "/etc/hosts x", "/etc/hosts\n/etc/hosts",
                "/etc/",     "/a/../b", "/etc/h\xE4",   "/etc/hosts # ordinary",
        };
        OrdinaryFiles *files = NULL;
        FileModes *modes = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad_modes); i++) {
                scratch_write("/mnt/data", bad_modes[i], 0644);
                if (file_modes_load(&modes, "/mnt/data") != -EINVAL)
                        fail_msg("accepted: %s", bad_modes[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad_names); i++) {
                scratch_write("/mnt/data", bad_names[i], 0644);
                if (ordinary_files_load(&files, "/mnt/data") != -EINVAL)
                        fail_msg("accepted: %s", bad_names[i]);
        }
        assert_int_equal(file_modes_load(&modes, "/mnt/none"), -ENOENT);
        assert_int_equal(ordinary_files_load(&files, "/mnt/none"), -ENOENT);
        assert_null(files);
        assert_null(modes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ordinary),
                cmocka_unit_test(test_modes),
                cmocka_unit_test_setup(test_first_match_wins, scratch_reset),
                cmocka_unit_test_setup(test_damaged, scratch_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
