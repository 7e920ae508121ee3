/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-lens-index.c - which lens covers a file: look-up, walk, cache file, and the real lenses.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "bench.h"
#include "tree/lens-index-private.h"
#include "util/strv.h"

#define STAMP "0123456789abcdef"

typedef struct Entry {
        const char *name;
        const char *incl[5];
        const char *excl[5];
} Entry;

static const Entry entries[] = {
        { "Hosts.lns", { "/etc/hosts" }, {} },
        { "Fstab.lns", { "/etc/fstab", "/etc/mtab" }, {} },
        { "Shellvars.lns",
          { "/etc/default/*", "/etc//sysconfig/*", "etc/relative" },
          { "*.bak", "/etc/default/grub_installdevice", "/etc/default//double*" } },
        { "Other.lns", { "/etc/default/special", "/etc/other" }, {} },
        { "Third.lns", { "/etc/other", "/etc/third" }, {} },
        { "Third.lns", { "/etc/third" }, {} },
        { "Other.lns", { "/etc/third" }, {} },
        { "Sshd.lns", { "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf" }, {} },
        { "Deep.lns", { "/home/*/.config/x?.[ab]", "/srv/a\\*b" }, {} },
};

static LensIndex *make_index(const LensFile *configured, size_t n)
{
        LensIndex *index;

        assert_int_equal(lens_index_new(&index, STAMP, configured, n), 0);
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                assert_int_equal(lens_index_add(index, entries[i].name,
                                                (char *const *)entries[i].incl,
                                                (char *const *)entries[i].excl),
                                 0);
        assert_int_equal(lens_index_seal(index), 0);
        return index;
}

static const char *look(const LensIndex *index, const char *file)
{
        const char *lens, *other;

        return lens_index_lookup(index, file, &lens, &other) ? lens : "none";
}

static const char *look_other(const LensIndex *index, const char *file)
{
        const char *lens, *other;

        assert_true(lens_index_lookup(index, file, &lens, &other));
        return other ? other : "none";
}

static void test_lookup(void **state)
{
        static const char *const expected[][2] = {
                { "/etc/hosts", "Hosts.lns" },
                { "/etc/mtab", "Fstab.lns" },
                { "/etc/host", "none" },
                { "/etc/hosts/1", "none" },
                { "/etc", "none" },
                { "/", "none" },
                { "etc/hosts", "none" },
                { "/etc/default/locale", "Shellvars.lns" },
                { "/etc/sysconfig/x", "Shellvars.lns" },
                { "/etc/relative", "Shellvars.lns" },
                { "/etc/default/a.bak", "none" },
                { "/etc/default/.hidden", "none" },
                { "/etc/default/sub/x", "none" },
                { "/etc/default/grub_installdevice", "none" },
                { "/etc/default/doubled", "none" },
                { "/etc/default/special", "Shellvars.lns" },
                { "/etc/ssh/sshd_config.d/10.conf", "Sshd.lns" },
                { "/etc/ssh/sshd_config.d/10.off", "none" },
                { "/home/me/.config/x1.a", "Deep.lns" },
                { "/home/me/.config/x1.c", "none" },
                { "/home/.me/.config/x1.a", "none" },
                { "/srv/a*b", "Deep.lns" },
                { "/srv/aXb", "none" },
        };
        LensIndex *index = make_index(NULL, 0);

        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                assert_string_equal(look(index, expected[i][0]), expected[i][1]);

        assert_string_equal(look_other(index, "/etc/hosts"), "none");
        assert_string_equal(look_other(index, "/etc/default/special"), "Other.lns");
        assert_string_equal(look(index, "/etc/other"), "Other.lns");
        assert_string_equal(look_other(index, "/etc/other"), "Third.lns");
        assert_string_equal(look(index, "/etc/third"), "Third.lns");
        assert_string_equal(look_other(index, "/etc/third"), "Other.lns");
        lens_index_unref(index);
}

static void test_configured_comes_first(void **state)
{
        LensFile configured[] = { { (char *)"/etc/other", (char *)"Mine" },
                                  { (char *)"/opt/*.conf", (char *)"Mine.other_lns" },
                                  { (char *)"/opt/y", (char *)"@Mine" } };
        LensIndex *index = make_index(configured, ELEMENTSOF(configured));

        assert_string_equal(look(index, "/etc/other"), "Mine.lns");
        assert_string_equal(look_other(index, "/etc/other"), "none");
        assert_string_equal(look(index, "/opt/x.conf"), "Mine.other_lns");
        assert_string_equal(look(index, "/opt/y"), "@Mine");
        lens_index_unref(index);
}

static void test_bad_entries(void **state)
{
        static const char *const names[] = { "",       "Hosts", "hosts.lns", "../x.lns", "A.b.c",
                                             "Hosts.", ".lns",  "A b.lns",   "A.l/x",    "A.l\n",
                                             "@",      "@a",    "@A.lns",    "@@A" };
        static const char *const globs[] = { "", "/etc/a\nb", "/etc/\x01", "/etc/\xff" };
        LensFile configured = { (char *)"/etc/x", (char *)"no such name" };
        char *incl[] = { (char *)"/etc/x", NULL };
        LensIndex *index, *none;

        assert_int_equal(lens_index_new(&none, STAMP, &configured, 1), -EINVAL);
        assert_int_equal(lens_index_new(&index, STAMP, NULL, 0), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_int_equal(lens_index_add(index, names[i], incl, NULL), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(globs); i++) {
                incl[0] = (char *)globs[i];
                assert_int_equal(lens_index_add(index, "A.lns", incl, NULL), -EBADMSG);
                assert_int_equal(lens_index_add(index, "A.lns", NULL, incl), -EBADMSG);
        }
        lens_index_unref(index);
}

static void test_candidates(void **state)
{
        static const char *const expected[][2] = {
                { "/etc/hosts", "/etc/hosts" },
                { "/etc/hosts/1/ipaddr", "/etc/hosts" },
                { "/etc/default/locale/LANG", "/etc/default/locale" },
                { "/etc/default", "" },
                { "/", "" },
                { "/etc/nothing/1", "" },
        };
        LensIndex *index = make_index(NULL, 0);

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                _cleanup_strv_ char **files = NULL;
                _cleanup_free_ char *joined = NULL;

                assert_int_equal(lens_index_candidates(index, expected[i][0], &files), 0);
                joined = strv_join(files, "|");
                assert_string_equal(joined, expected[i][1]);
        }
        lens_index_unref(index);
}

/* ---- walk ---- */

typedef struct Place {
        char dir[64];
        LensIndex *index;
        Roots *roots;
} Place;

static void touch(const Place *p, const char *name)
{
        char path[256];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", p->dir, name);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        close(fd);
}

static void make_dir(const Place *p, const char *name)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", p->dir, name);
        assert_int_equal(mkdir(path, 0755), 0);
}

static void place_open(Place *p)
{
        static const char *const globs[] = { "%s/etc/hosts",  "%s/etc/conf.d/*.conf",
                                             "%s/etc/*/main", "%s/etc/none/*",
                                             "%s/etc/fifo",   "%s/private/*",
                                             "%s/etc/linked" };
        char *incl[ELEMENTSOF(globs) + 1] = {}, *excl[] = { (char *)"skip*", NULL };
        char *readable[2] = {}, link[256];

        strcpy(p->dir, "/tmp/exmachina-walk-XXXXXX");
        assert_non_null(mkdtemp(p->dir));
        make_dir(p, "etc");
        make_dir(p, "etc/conf.d");
        make_dir(p, "etc/conf.d/dir.conf");
        make_dir(p, "private");
        touch(p, "etc/hosts");
        touch(p, "etc/conf.d/b.conf");
        touch(p, "etc/conf.d/a.conf");
        touch(p, "etc/conf.d/.dot.conf");
        touch(p, "etc/conf.d/skip.conf");
        touch(p, "etc/conf.d/other");
        touch(p, "etc/conf.d/main");
        touch(p, "etc/conf.d/bad\xff.conf");
        touch(p, "private/key");
        snprintf(link, sizeof(link), "%s/etc/fifo", p->dir);
        assert_int_equal(mkfifo(link, 0644), 0);
        snprintf(link, sizeof(link), "%s/etc/linked", p->dir);
        assert_int_equal(symlink("hosts", link), 0);
        snprintf(link, sizeof(link), "%s/etc/conf.link", p->dir);
        assert_int_equal(symlink("conf.d", link), 0);

        for (size_t i = 0; i < ELEMENTSOF(globs); i++) {
                char glob[256];

                strcpy(glob, p->dir);
                strcat(glob, globs[i] + 2);
                incl[i] = strdup(glob);
        }
        assert_int_equal(lens_index_new(&p->index, STAMP, NULL, 0), 0);
        assert_int_equal(lens_index_add(p->index, "A.lns", incl, excl), 0);
        assert_int_equal(lens_index_add(p->index, "B.lns", incl, excl), 0);
        assert_int_equal(lens_index_seal(p->index), 0);
        for (size_t i = 0; i < ELEMENTSOF(globs); i++)
                free(incl[i]);

        assert_true(asprintf(&readable[0], "%s/etc", p->dir) > 0);
        assert_int_equal(roots_new(&p->roots, readable, NULL), 0);
        free(readable[0]);
}

static void place_close(Place *p)
{
        char command[128];

        lens_index_unref(p->index);
        roots_free(p->roots);
        snprintf(command, sizeof(command), "rm -r %s", p->dir);
        assert_int_equal(system(command), 0);
}

/* The names found, without the directory of the test. */
static char *walk(const Place *p, const char *below, size_t max, int expected)
{
        _cleanup_strv_ char **names = NULL;
        _cleanup_failure_ Failure f = {};
        LensFile *files;
        char prefix[256];
        size_t n;
        int r;

        snprintf(prefix, sizeof(prefix), "%s%s", p->dir, below);
        r = lens_index_walk(p->index, p->roots, below[0] ? prefix : "/", max, &files, &n, &f);
        assert_int_equal(r, expected);
        if (r != 0) {
                assert_non_null(f.message);
                return NULL;
        }
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(files[i].lens, "A.lns");
                assert_int_equal(strv_extend(&names, files[i].file + strlen(p->dir)), 0);
        }
        lens_files_free(files, n);
        return strv_join(names, " ");
}

static void test_walk(void **state)
{
        static const char all[] =
                "/etc/conf.d/a.conf /etc/conf.d/b.conf /etc/conf.d/main /etc/hosts /etc/linked";
        static const char *const expected[][2] = {
                { "", all },
                { "/etc", all },
                { "/etc/conf.d", "/etc/conf.d/a.conf /etc/conf.d/b.conf /etc/conf.d/main" },
                { "/etc/conf", "" },
                { "/etc/hosts", "/etc/hosts" },
                { "/etc/none", "" },
                { "/etc/conf.link", "" },
                { "/private", "" },
                { "/not/there", "" },
        };
        Place p;

        place_open(&p);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                _cleanup_free_ char *found = walk(&p, expected[i][0], 5, 0);

                assert_string_equal(found, expected[i][1]);
        }
        assert_null(walk(&p, "/etc", 4, EXM_E_LIMIT_EXCEEDED));
        assert_null(walk(&p, "/etc", 1, EXM_E_LIMIT_EXCEEDED));
        place_close(&p);
}

/* ---- cache ---- */

static void write_cache(const char *dir, const char *text, size_t size)
{
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/lens-index", dir);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, size, f), size);
        fclose(f);
}

static void test_cache(void **state)
{
        char dir[] = "/tmp/exmachina-cache-XXXXXX", path[128];
        LensFile configured = { (char *)"/opt/x", (char *)"Mine" };
        LensIndex *index = make_index(&configured, 1), *again;
        struct stat st;

        assert_non_null(mkdtemp(dir));
        assert_int_equal(lens_cache_read(&again, dir, STAMP, NULL, 0), -ENOENT);
        assert_int_equal(lens_cache_write(index, dir), 0);
        assert_int_equal(lens_cache_write(index, dir), 0);
        snprintf(path, sizeof(path), "%s/lens-index", dir);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);

        /* What came from the configuration is not in the cache: it may be another one next time. */
        assert_int_equal(lens_cache_read(&again, dir, STAMP, NULL, 0), 0);
        assert_int_equal(again->n_entries, ELEMENTSOF(entries));
        assert_string_equal(look(again, "/opt/x"), "none");
        assert_string_equal(look(again, "/etc/default/locale"), "Shellvars.lns");
        assert_string_equal(look(again, "/etc/default/a.bak"), "none");
        lens_index_unref(again);

        assert_int_equal(lens_cache_read(&again, dir, "other", NULL, 0), -ESTALE);
        assert_int_equal(lens_cache_write(index, "/tmp/no/such/directory"), -ENOENT);
        unlink(path);
        rmdir(dir);
        lens_index_unref(index);
}

static void test_damaged_cache(void **state)
{
#define HEAD "exmachina-lens-index 1\nstamp " STAMP "\n"
        static const char *const damaged[] = {
                "",
                "\n",
                "exmachina-lens-index 2\nstamp " STAMP "\nend 0\n",
                "exmachina-lens-index 1\nstamp " STAMP,
                HEAD,
                HEAD "end 1\n",
                HEAD "end 0",
                HEAD "end 0\nmore\n",
                HEAD "end 0x\n",
                HEAD "lens Hosts.lns\n",
                HEAD "lens Hosts.lns\nincl /etc/hosts\nend 2\n",
                HEAD "lens Hosts.lns\nincl \nend 1\n",
                HEAD "lens ../x.lns\nincl /etc/hosts\nend 1\n",
                HEAD "incl /etc/hosts\nend 0\n",
                HEAD "lens Hosts.lns\nexcl /x\nincl /etc/hosts\nend 1\n",
                HEAD "lens Hosts.lns\nincl /etc/\xff\nend 1\n",
        };
        static const char nul[] = HEAD "lens Hosts.lns\nincl /etc/hosts\0\nend 1\n";
        char dir[] = "/tmp/exmachina-cache-XXXXXX", path[128];
        LensIndex *index;

        assert_non_null(mkdtemp(dir));
        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                write_cache(dir, damaged[i], strlen(damaged[i]));
                assert_int_equal(lens_cache_read(&index, dir, STAMP, NULL, 0), -EBADMSG);
        }
        write_cache(dir, nul, sizeof(nul) - 1);
        assert_int_equal(lens_cache_read(&index, dir, STAMP, NULL, 0), -EBADMSG);
        write_cache(dir, HEAD "end 0\n", strlen(HEAD "end 0\n"));
        assert_int_equal(lens_cache_read(&index, dir, STAMP, NULL, 0), 0);
        lens_index_unref(index);

        snprintf(path, sizeof(path), "%s/lens-index", dir);
        unlink(path);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(lens_cache_read(&index, dir, STAMP, NULL, 0), -EBADMSG);
        unlink(path);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        assert_int_equal(lens_cache_read(&index, dir, STAMP, NULL, 0), -ELOOP);
        unlink(path);
        rmdir(dir);
#undef HEAD
}

/* ---- with a worker ---- */

static void on_index(int r, Failure *f, LensIndex *index, void *userdata)
{
        int *ret = userdata;

        assert_int_equal(r == 0, index != NULL);
        *ret = r;
}

static int get_index(Bench *b)
{
        int r = -1, second = -1;

        tree_get_index(b->tree, on_index, &r);
        tree_get_index(b->tree, on_index, &second);
        for (unsigned i = 0; i < 1000 && (r == -1 || second == -1); i++)
                bench_idle(b, 10);
        assert_int_equal(r, second);
        return r;
}

static void wait_for_cache(Bench *b)
{
        for (unsigned i = 0; i < 200 && !task_pool_is_idle(b->pool); i++)
                bench_idle(b, 10);
}

/* A tree beside that of `b`, over the same cache, whose worker cannot be started. */
static void assert_cache_serves(Bench *b, const char *lens_dir)
{
        Bench other = *b;
        TreeConfig config = {
                .worker_path = "/nonexistent",
                .lens_dir = lens_dir,
                .cache_dir = b->cache_dir,
                .limits = &b->limits,
        };

        assert_int_equal(tree_new(&other.tree, b->event, b->pool, &config), 0);
        assert_int_equal(get_index(&other), 0);
        assert_string_equal(look(tree_index(other.tree), "/etc/hosts"),
                            look(tree_index(b->tree), "/etc/hosts"));
        tree_free(other.tree);
}

static void test_real_lenses(void **state)
{
        Bench b;

        bench_open_real(&b);
        assert_null(tree_index(b.tree));
        assert_int_equal(get_index(&b), 0);
        assert_string_equal(look(tree_index(b.tree), "/etc/hosts"), "Hosts.lns");
        assert_string_equal(look(tree_index(b.tree), "/etc/fstab"), "Fstab.lns");
        assert_string_equal(look(tree_index(b.tree), "/etc/ssh/sshd_config"), "Sshd.lns");
        assert_string_equal(look(tree_index(b.tree), "/etc/nothing-of-this-name"), "none");
        wait_for_cache(&b);
        assert_cache_serves(&b, EXM_LENSDIR);
        bench_close(&b);
}

static void write_lens(const char *dir, const char *file)
{
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/dist/simple.aug", dir);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f,
                "module Simple =\n  autoload xfm\n"
                "  let lns = [ key /[a-z]+/ . del /=/ \"=\" . store /[^\\n]+/ . del /\\n/ \"\\n\" "
                "]*\n"
                "  let xfm = transform lns (incl \"%s\")\n",
                file);
        fclose(f);
}

static void test_index_follows_lenses(void **state)
{
        char dir[] = "/tmp/exmachina-lenses-XXXXXX", path[128];
        Bench b;

        assert_non_null(mkdtemp(dir));
        assert_int_equal(chmod(dir, 0755), 0);
        snprintf(path, sizeof(path), "%s/dist", dir);
        assert_int_equal(mkdir(path, 0755), 0);
        write_lens(dir, "/etc/simple");

        bench_open(&b, getenv("EXM_WORKER"), dir);
        assert_int_equal(get_index(&b), 0);
        assert_string_equal(look(tree_index(b.tree), "/etc/simple"), "Simple.lns");
        wait_for_cache(&b);

        write_lens(dir, "/etc/simpler");
        assert_string_equal(look(tree_index(b.tree), "/etc/simpler"), "none");
        bench_idle(&b, 1100);
        assert_int_equal(get_index(&b), 0);
        assert_string_equal(look(tree_index(b.tree), "/etc/simpler"), "Simple.lns");
        assert_string_equal(look(tree_index(b.tree), "/etc/simple"), "none");
        wait_for_cache(&b);
        assert_cache_serves(&b, dir);

        snprintf(path, sizeof(path), "rm -r %s", dir);
        assert_int_equal(system(path), 0);
        bench_close(&b);
}

/* Freed while the thread looks, and while the worker builds. */
static void test_free_while_looking(void **state)
{
        for (unsigned msec = 0; msec < 100; msec += 20) {
                int r = -1;
                Bench b;

                bench_open_real(&b);
                tree_get_index(b.tree, on_index, &r);
                bench_idle(&b, msec);
                b.view = view_free(b.view);
                b.tree = tree_free(b.tree);
                wait_for_cache(&b);
                assert_int_equal(r, -1);
                bench_close(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lookup),
                cmocka_unit_test(test_configured_comes_first),
                cmocka_unit_test(test_bad_entries),
                cmocka_unit_test(test_candidates),
                cmocka_unit_test(test_walk),
                cmocka_unit_test(test_cache),
                cmocka_unit_test(test_damaged_cache),
                cmocka_unit_test(test_real_lenses),
                cmocka_unit_test(test_index_follows_lenses),
                cmocka_unit_test(test_free_while_looking),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
