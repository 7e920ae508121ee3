/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-validators.c - the files of validators.d: what is read, what is refused, what is laid over
 * what, and which units use which files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>

#include "util/strv.h"
#include "validate/validators.h"

static char directory[] = "/tmp/test-validators.XXXXXX";
static char vendor[64], local[64];

static void put(const char *where, const char *name, const char *text)
{
        _cleanup_fclose_ FILE *file = NULL;
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", where, name) > 0);
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
        return remove(path);
}

static int setup(void **state)
{
        memset(strrchr(directory, '.') + 1, 'X', 6);
        if (!mkdtemp(directory))
                return -1;
        snprintf(vendor, sizeof(vendor), "%s/vendor", directory);
        snprintf(local, sizeof(local), "%s/local", directory);
        return mkdir(vendor, 0700) < 0 || mkdir(local, 0700) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
        return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int load(Validators **ret)
{
        const char *const directories[] = { vendor, local, "/nonexistent", NULL };

        return validators_load(ret, directories);
}

static void test_all_keys(void **state)
{
        _cleanup_(validators_free_cleanup) Validators *all = NULL;
        const Validator *v;

        put(vendor, "web.conf",
            "[Validator]\nFiles=/etc/web.conf /etc/web.d/**\nUnits=web.service web@*.service\n"
            "Command=/usr/bin/web --check 'a b' %f\nTimeoutSec=7\nCpuSec=3\nMemoryMiB=64\n"
            "Processes=5\nUser=root\nCapabilities=CAP_CHOWN CAP_NET_BIND_SERVICE\n"
            "Sockets=inet6 netlink\nProcSubset=all\nEmpty=/var/log/web\n"
            "[Location]\na=line %l of %f\nb=%f\n[Inconclusive]\nx=no "
            "(net|clock)\n[Failed]\ny=bad\n");
        put(vendor, "notes.txt", "not read");
        assert_int_equal(load(&all), 0);
        assert_int_equal(all->n, 1);
        v = all->list[0];
        assert_string_equal(v->name, "web");
        assert_int_equal(strv_length(v->command), 4);
        assert_string_equal(v->command[2], "a b");
        assert_int_equal(v->timeout_sec, 7);
        assert_int_equal(v->cpu_sec, 3);
        assert_int_equal(v->memory_bytes, 64 << 20);
        assert_int_equal(v->processes, 5);
        assert_true(v->as_root && v->whole_proc);
        assert_int_equal(v->capabilities, 1 << CAP_CHOWN | 1 << CAP_NET_BIND_SERVICE);
        assert_int_equal(v->families, VALIDATOR_INET6 | VALIDATOR_NETLINK);
        assert_string_equal(v->empty[0], "/var/log/web");
        assert_int_equal(v->n_locations, 2);
        assert_int_equal(v->locations[0].line, 1);
        assert_int_equal(v->locations[0].file, 2);
        assert_int_equal(v->locations[1].line, 0);
        assert_int_equal(v->inconclusive.n, 1);
        assert_int_equal(v->failed.n, 1);
}

static void test_without_keys_little_is_allowed(void **state)
{
        _cleanup_(validators_free_cleanup) Validators *all = NULL;
        const Validator *v;

        put(vendor, "web.conf", "[Validator]\nFiles=/etc/web.conf\nCommand=/usr/bin/web\n");
        assert_int_equal(load(&all), 0);
        v = all->list[0];
        assert_false(v->as_root || v->whole_proc);
        assert_int_equal(v->capabilities, 0);
        assert_int_equal(v->families, 0);
        assert_int_equal(v->processes, 1);
        assert_true(v->timeout_sec > 0 && v->cpu_sec > 0 && v->memory_bytes > 0);
}

static void test_damaged(void **state)
{
        static const char *const lines[] = {
                "Timeout=5",
                "TimeoutSec=0",
                "TimeoutSec=301",
                "TimeoutSec=5s",
                "MemoryMiB=-1",
                "Processes=257",
                "User=nobody",
                "Capabilities=CAP_SYS_ADMIN",
                "Capabilities=ALL",
                "Sockets=unix",
                "ProcSubset=none",
                "Empty=/etc",
                "Empty=/usr/lib",
                "Empty=run/x",
                "Files=web.conf",
                "Files=/etc/**/x",
                "Files=",
                "Command=web",
                "Command=",
                "Command=/usr/bin/web 'x",
                "[Other]\nx=y",
                "[Location]\na=line",
                "[Location]\na=(x) %f",
                "[Inconclusive]\na=[",
                "[Failed]\na=(",
                "no key",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_(validators_free_cleanup) Validators *all = NULL;
                _cleanup_free_ char *text = NULL;

                assert_true(asprintf(&text, "[Validator]\n%s%s%s\n",
                                     strstr(lines[i], "Files=") ? "" : "Files=/etc/web.conf\n",
                                     strstr(lines[i], "Command=") ? "" : "Command=/usr/bin/web\n",
                                     lines[i]) > 0);
                put(vendor, "web.conf", text);
                assert_int_equal(load(&all), 0);
                /* Without globs there is nothing that it could stop. */
                if (strstr(lines[i], "Files=") ? all->n != 0
                                               : all->n != 1 || !all->list[0]->damaged)
                        fail_msg("taken: %s", lines[i]);
                if (all->n > 0) {
                        assert_null(all->list[0]->command);
                        assert_null(all->list[0]->stand_in);
                        assert_true(validator_matches(all->list[0], "/etc/web.conf"));
                }
        }
}

static void test_replaced_and_masked(void **state)
{
        _cleanup_(validators_free_cleanup) Validators *all = NULL;
        _cleanup_free_ char *link = NULL;

        put(vendor, "a.conf", "[Validator]\nFiles=/etc/a\nCommand=/usr/bin/vendor\n");
        put(vendor, "b.conf", "[Validator]\nFiles=/etc/b\nCommand=/usr/bin/vendor\n");
        put(vendor, "c.conf", "[Validator]\nFiles=/etc/c\nCommand=/usr/bin/vendor\n");
        put(vendor, "d.conf", "[Validator]\nFiles=/etc/d\nCommand=/usr/bin/vendor\n");
        put(local, "b.conf", "[Validator]\nFiles=/etc/b\nCommand=/usr/bin/local\n");
        put(local, "c.conf", "");
        assert_true(asprintf(&link, "%s/d.conf", local) > 0);
        assert_int_equal(symlink("/dev/null", link), 0);
        put(local, "e.conf", "[Validator]\nFiles=/etc/e\nCommand=/usr/bin/local\n");
        assert_int_equal(load(&all), 0);
        assert_int_equal(all->n, 3);
        assert_string_equal(all->list[0]->name, "a");
        assert_string_equal(all->list[1]->name, "b");
        assert_string_equal(all->list[1]->command[0], "/usr/bin/local");
        assert_string_equal(all->list[2]->name, "e");
}

/* What is shipped stays in force, and there is one that says why. */
static void test_damaged_does_not_replace(void **state)
{
        _cleanup_(validators_free_cleanup) Validators *all = NULL;
        _cleanup_free_ char *link = NULL;
        const Validator *v;

        put(vendor, "a.conf", "[Validator]\nFiles=/etc/a\nCommand=/usr/bin/vendor\n");
        put(local, "a.conf", "[Validator]\n Files = /etc/a /etc/b\r\nrubbish\n");
        put(vendor, "c.conf", "[Validator]\nFiles=/etc/c\nCommand=/usr/bin/vendor\n");
        assert_true(asprintf(&link, "%s/c.conf", local) > 0);
        assert_int_equal(symlink("/nonexistent", link), 0);
        put(vendor, "d.conf", "rubbish\nFiles=/etc/d\n");
        put(local, "d.conf", "");
        assert_int_equal(load(&all), 0);
        assert_int_equal(all->n, 4);
        for (size_t i = 0; i < 4; i += 2) {
                v = all->list[i]->damaged ? all->list[i] : all->list[i + 1];
                assert_non_null(v->damaged);
                assert_non_null(v->stand_in);
                assert_string_equal(v->stand_in->command[0], "/usr/bin/vendor");
                assert_true(validator_matches(v, i == 0 ? "/etc/b" : "/etc/c"));
        }
}

static void assert_units(const Validators *all, const char *file, const char *wanted)
{
        char *const files[] = { (char *)"/etc/none", (char *)file, NULL };
        _cleanup_strv_ char **units = NULL;
        _cleanup_free_ char *joined = NULL;

        assert_int_equal(validators_units(all, files, &units), 0);
        joined = strv_join(units, " ");
        assert_string_equal(joined ?: "", wanted);
}

static void test_units_of_files(void **state)
{
        _cleanup_(validators_free_cleanup) Validators *all = NULL;

        put(vendor, "a.conf", "[Validator]\nFiles=/etc/a/** /etc/x\nUnits=a.service x.service\n");
        put(vendor, "b.conf", "[Validator]\nFiles=/etc/a/*.b\nUnits=b@*.service a.service\n");
        assert_int_equal(load(&all), 0);
        assert_units(all, "/etc/a/deep/file", "a.service x.service");
        assert_units(all, "/etc/a/1.b", "a.service x.service b@*.service");
        assert_units(all, "/etc/a/deep/1.b", "a.service x.service");
        assert_units(all, "/etc/x", "a.service x.service");
        assert_units(all, "/etc/a", "");
        assert_units(all, "/etc/ab", "");
}

/* What is installed with the service. */
static void test_shipped(void **state)
{
        static const struct {
                const char *file, *units;
        } cases[] = {
                { "/etc/ssh/sshd_config", "ssh.service sshd.service" },
                { "/etc/ssh/sshd_config.d/50-local.conf", "ssh.service sshd.service" },
                { "/etc/ssh/ssh_config", "" },
                { "/etc/nginx/sites-available/web", "nginx.service" },
                { "/etc/php/8.2/fpm/pool.d/www.conf", "php*-fpm.service" },
                { "/etc/sudoers.d/x", "" },
                { "/etc/hosts", "" },
        };
        _cleanup_(validators_free_cleanup) Validators *all = NULL;
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/validators.d", getenv("POLICY_DIR")) > 0);
        assert_int_equal(validators_load(&all, (const char *const[]){ path, NULL }), 0);
        assert_true(all->n >= 18);
        for (size_t i = 0; i < all->n; i++)
                assert_non_null(all->list[i]->command);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_units(all, cases[i].file, cases[i].units);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all_keys, setup, teardown),
                cmocka_unit_test_setup_teardown(test_without_keys_little_is_allowed, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
                cmocka_unit_test_setup_teardown(test_damaged_does_not_replace, setup, teardown),
                cmocka_unit_test_setup_teardown(test_replaced_and_masked, setup, teardown),
                cmocka_unit_test_setup_teardown(test_units_of_files, setup, teardown),
                cmocka_unit_test(test_shipped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
