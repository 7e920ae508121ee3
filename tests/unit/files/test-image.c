/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-image.c - what is read, how it is classed, and what is never opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

#include "files/scratch.h"

/* A minimal ACL with a mask: user::rw-, user:65534:r--, group::r--, mask::r--, other::r-- */
static const unsigned char acl[] = {
        2, 0,    0,    0,    1,    0,    6,  0, 0xFF, 0xFF, 0xFF, 0xFF, 2,    0,    4,
        0, 0xFE, 0xFF, 0,    0,    4,    0,  4, 0,    0xFF, 0xFF, 0xFF, 0xFF, 16,   0,
        4, 0,    0xFF, 0xFF, 0xFF, 0xFF, 32, 0, 4,    0,    0xFF, 0xFF, 0xFF, 0xFF,
};

static FileClass class_of(const Roots *roots, const char *path)
{
        _cleanup_(file_image_unref_cleanup) FileImage *probe = NULL, *full = NULL;

        assert_int_equal(file_image_take(&probe, roots, path, false, 0, NULL), 0);
        assert_int_equal(file_image_take(&full, roots, path, true, 1000, NULL), 0);
        assert_int_equal(probe->class, full->class);
        assert_null(probe->content);
        assert_string_equal(probe->version, "");
        return full->class;
}

static int take_result(const Roots *roots, const char *path, bool with_content, uint64_t max)
{
        FileImage *image = NULL;
        Failure f = { 0 };
        int r;

        r = file_image_take(&image, roots, path, with_content, max, &f);
        if (r > 0) {
                assert_null(image);
                assert_non_null(f.message);
        }
        file_image_unref(image);
        failure_done(&f);
        return r;
}

static void test_content(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_image_unref_cleanup) FileImage *a = NULL, *b = NULL, *none = NULL,
                                                      *one = NULL;

        scratch_write("/mnt/etc/hosts", "127.0.0.1 localhost\n", 0640);
        scratch_write("/mnt/one", "", 0644);
        a = scratch_take(roots, "/mnt/etc/hosts");
        assert_true(a->stamp.exists);
        assert_true(a->stamp.young);
        assert_string_equal(a->content, "127.0.0.1 localhost\n");
        assert_int_equal(a->size, 20);
        assert_int_equal(a->mode, 0640);
        assert_int_equal(a->n_link, 1);
        assert_int_equal(strlen(a->version), 64);
        assert_null(a->link_target);
        scratch_age();
        b = scratch_take(roots, "/mnt/etc/hosts");
        assert_false(b->stamp.young);
        assert_false(file_stamp_equal(&a->stamp, &b->stamp));
        assert_true(file_stamp_equal(&b->stamp, &b->stamp));
        assert_string_equal(a->version, b->version);

        none = scratch_take(roots, "/mnt/etc/none");
        assert_false(none->stamp.exists);
        assert_string_equal(none->version, "");
        assert_true(file_stamp_equal(&none->stamp, &none->stamp));
        assert_false(file_stamp_equal(&none->stamp, &b->stamp));
        one = scratch_take(roots, "/mnt/one");
        assert_int_equal(one->size, 0);
        assert_int_equal(strlen(one->version), 64);
}

static void test_version_covers_metadata(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        char versions[6][DIGEST_HEX_SIZE];
        FileImage *image;

        for (unsigned i = 0; i < ELEMENTSOF(versions); i++) {
                scratch_write("/mnt/etc/a", i == 1 ? "y" : "x", i == 2 ? 0600 : 0644);
                if (i == 3)
                        assert_int_equal(chown("/mnt/etc/a", 7, 0), 0);
                if (i == 4)
                        assert_int_equal(chown("/mnt/etc/a", 0, 7), 0);
                if (i == 5)
                        assert_int_equal(setxattr("/mnt/etc/a", "trusted.x", "1", 1, 0), 0);
                image = scratch_take(roots, "/mnt/etc/a");
                memcpy(versions[i], image->version, DIGEST_HEX_SIZE);
                file_image_unref(image);
                for (unsigned k = 0; k < i; k++)
                        assert_string_not_equal(versions[i], versions[k]);
                assert_int_equal(unlink("/mnt/etc/a"), 0);
        }
}

static void test_class(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        static const struct {
                mode_t file, dir;
                FileClass class;
        } cases[] = {
                { 0644, 0755, FILE_CLASS_PUBLIC }, { 0444, 0711, FILE_CLASS_PUBLIC },
                { 0640, 0755, FILE_CLASS_SECRET }, { 0600, 0755, FILE_CLASS_SECRET },
                { 0644, 0750, FILE_CLASS_SECRET }, { 0644, 0700, FILE_CLASS_SECRET },
                { 0644, 0744, FILE_CLASS_SECRET }, { 0604, 0755, FILE_CLASS_SECRET },
                { 0644, 0705, FILE_CLASS_SECRET }, { 0777, 0754, FILE_CLASS_SECRET },
        };

        assert_int_equal(mkdir("/mnt/etc/d", 0755), 0);
        assert_int_equal(mkdir("/mnt/etc/d/e", 0755), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                bool open = (cases[i].dir & 0011) == 0011;

                scratch_write("/mnt/etc/d/e/f", "x", cases[i].file);
                assert_int_equal(chmod("/mnt/etc/d", cases[i].dir), 0);
                if (class_of(roots, "/mnt/etc/d/e/f") != cases[i].class)
                        fail_msg("%o in %o", cases[i].file, cases[i].dir);
                /* A missing one, also some directories deep. */
                assert_int_equal(class_of(roots, "/mnt/etc/d/e/none"), !open);
                assert_int_equal(class_of(roots, "/mnt/etc/d/no/no"), !open);
                /* Through a link outside of it. */
                (void)unlink("/mnt/etc/link");
                assert_int_equal(symlink("d/e/f", "/mnt/etc/link"), 0);
                assert_int_equal(class_of(roots, "/mnt/etc/link"), cases[i].class);
        }
        assert_int_equal(chmod("/mnt/etc/d", 0755), 0);
        scratch_write("/mnt/etc/d/e/f", "x", 0644);
        assert_int_equal(class_of(roots, "/mnt/etc/d/e/f"), FILE_CLASS_PUBLIC);
        assert_int_equal(setxattr("/mnt/etc/d/e/f", "system.posix_acl_access", acl, sizeof(acl), 0),
                         0);
        assert_int_equal(class_of(roots, "/mnt/etc/d/e/f"), FILE_CLASS_SECRET);
}

/* A link in a place that others cannot see, to a public file. */
static void test_class_of_link(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;

        assert_int_equal(mkdir("/mnt/etc/d", 0700), 0);
        scratch_write("/mnt/usr/f", "x", 0644);
        assert_int_equal(symlink("../../usr/f", "/mnt/etc/d/link"), 0);
        assert_int_equal(class_of(roots, "/mnt/etc/d/link"), FILE_CLASS_SECRET);
        image = scratch_take(roots, "/mnt/etc/d/link");
        assert_string_equal(image->canonical, "/mnt/usr/f");
        assert_string_equal(image->link_target, "../../usr/f");
        assert_string_equal(image->content, "x");
        assert_false(image->parents_public);
        assert_int_equal(class_of(roots, "/mnt/usr/f"), FILE_CLASS_PUBLIC);
}

/* Nobody without a right learns what is in a directory that he cannot search. */
static void test_probe_tells_nothing(void **state)
{
        static const char *const names[] = { "none",     "dir",    "fifo",  "out",
                                             "middle/x", "circle", "file/x" };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        assert_int_equal(mkdir("/mnt/etc/d", 0700), 0);
        assert_int_equal(mkdir("/mnt/etc/d/dir", 0755), 0);
        assert_int_equal(mkfifo("/mnt/etc/d/fifo", 0644), 0);
        assert_int_equal(symlink("/root/x", "/mnt/etc/d/out"), 0);
        assert_int_equal(symlink("dir", "/mnt/etc/d/middle"), 0);
        assert_int_equal(symlink("circle", "/mnt/etc/d/circle"), 0);
        scratch_write("/mnt/etc/d/file", "x", 0644);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;
                _cleanup_free_ char *path = NULL;
                Failure f = { 0 };

                assert_true(asprintf(&path, "/mnt/etc/d/%s", names[i]) > 0);
                assert_int_equal(file_image_take(&image, roots, path, false, 0, &f), 0);
                assert_null(f.message);
                assert_false(image->stamp.exists);
                assert_int_equal(image->class, FILE_CLASS_SECRET);
                assert_false(image->parents_public);
                if (i != 0 && i != 6)
                        assert_int_equal(take_result(roots, path, true, 100), EXM_E_REFUSED);
        }
}

static void test_links(void **state)
{
        static const struct {
                const char *target, *canonical;
        } cases[] = {
                { "file", "/mnt/etc/file" },
                { "./file", "/mnt/etc/file" },
                { "/mnt/etc/file", "/mnt/etc/file" },
                { "../etc/file", "/mnt/etc/file" },
                { "../../../../mnt/etc/file", "/mnt/etc/file" },
                { "none", "/mnt/etc/none" },
                { "/etc/passwd", NULL },
                { "../out", NULL },
                { "../etc2/file", NULL },
                { "dir/../file", NULL },
                { "dirlink/file", NULL },
                { "a", NULL },
                { "file/", NULL },
                { "dir", NULL },
                { "..", NULL },
                { "/", NULL },
                { "/proc/self/root/etc/passwd", NULL },
                { "fi\nle", NULL },
        };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/etc/file", "x", 0644);
        assert_int_equal(mkdir("/mnt/etc/dir", 0755), 0);
        scratch_write("/mnt/etc/dir/file", "x", 0644);
        assert_int_equal(symlink("dir", "/mnt/etc/dirlink"), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;

                (void)unlink("/mnt/etc/a");
                assert_int_equal(symlink(cases[i].target, "/mnt/etc/a"), 0);
                if (!cases[i].canonical) {
                        if (take_result(roots, "/mnt/etc/a", false, 0) != EXM_E_REFUSED)
                                fail_msg("followed: %s", cases[i].target);
                        continue;
                }
                image = scratch_take(roots, "/mnt/etc/a");
                assert_string_equal(image->canonical, cases[i].canonical);
                assert_string_equal(image->link_target, cases[i].target);
                assert_string_equal(image->path, "/mnt/etc/a");
        }
        assert_int_equal(take_result(roots, "/mnt/etc/dirlink/file", true, 9), EXM_E_REFUSED);
}

static void test_depth_of_links(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        char name[] = "/mnt/etc/0", target[] = "0";

        scratch_write("/mnt/etc/0", "x", 0644);
        for (char c = '1'; c <= '9'; c++) {
                name[strlen(name) - 1] = c;
                target[0] = (char)(c - 1);
                assert_int_equal(symlink(target, name), 0);
        }
        assert_int_equal(take_result(roots, "/mnt/etc/8", true, 9), 0);
        assert_int_equal(take_result(roots, "/mnt/etc/9", true, 9), EXM_E_REFUSED);
}

static void make_socket(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, path);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void test_not_plain(void **state)
{
        static const char *const names[] = { "/mnt/etc/dir", "/mnt/etc/fifo",   "/mnt/etc/zero",
                                             "/mnt/etc/tty", "/mnt/etc/socket", "/mnt/etc/tofifo" };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        struct timespec before, after;

        assert_int_equal(mkdir("/mnt/etc/dir", 0755), 0);
        assert_int_equal(mkfifo("/mnt/etc/fifo", 0644), 0);
        assert_int_equal(mknod("/mnt/etc/zero", S_IFCHR | 0644, makedev(1, 5)), 0);
        assert_int_equal(mknod("/mnt/etc/tty", S_IFCHR | 0644, makedev(5, 0)), 0);
        assert_int_equal(symlink("fifo", "/mnt/etc/tofifo"), 0);
        make_socket("/mnt/etc/socket");
        clock_gettime(CLOCK_MONOTONIC, &before);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(take_result(roots, names[i], true, 1000), EXM_E_REFUSED);
                assert_int_equal(take_result(roots, names[i], false, 0), EXM_E_REFUSED);
        }
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_true((after.tv_sec - before.tv_sec) * 1000 +
                            (after.tv_nsec - before.tv_nsec) / 1000000 <
                    100);
}

static void test_size(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/etc/a", "12345", 0644);
        assert_int_equal(take_result(roots, "/mnt/etc/a", true, 5), 0);
        assert_int_equal(take_result(roots, "/mnt/etc/a", true, 4), EXM_E_LIMIT_EXCEEDED);
        assert_int_equal(take_result(roots, "/mnt/etc/a", false, 0), 0);
        assert_int_equal(truncate("/mnt/etc/a", 1LL << 40), 0);
        assert_int_equal(take_result(roots, "/mnt/etc/a", true, 16 << 20), EXM_E_LIMIT_EXCEEDED);
}

/* What another process does to LOG at the moment of each read of a file's content (--wrap). */
#define LOG "/mnt/etc/log"

static unsigned n_changes; /* still to be made */
static int change_flags;
static bool change_after; /* the read, else before it */

ssize_t __real_pread64(int fd, void *buffer, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t offset);

static void change_log(void)
{
        _cleanup_close_ int fd = -1;

        if (n_changes == 0)
                return;
        n_changes--;
        fd = open(LOG, O_WRONLY | O_CLOEXEC | change_flags);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "LINE\n", 5), 5);
}

ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t offset)
{
        ssize_t n;

        if (!change_after)
                change_log();
        n = __real_pread64(fd, buffer, size, offset);
        if (change_after)
                change_log();
        return n;
}

/* The kernel stamps by its clock's ticks. */
static void wait_for_a_tick(void)
{
        struct timespec begin, now;

        clock_gettime(CLOCK_REALTIME_COARSE, &begin);
        do {
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
                clock_gettime(CLOCK_REALTIME_COARSE, &now);
        } while (now.tv_sec == begin.tv_sec && now.tv_nsec == begin.tv_nsec);
}

static int take_log_while(unsigned n, int flags, bool after, FileImage **ret)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        int r;

        scratch_write(LOG, "line\nline\n", 0644);
        wait_for_a_tick();
        n_changes = n;
        change_flags = flags;
        change_after = after;
        r = file_image_take(ret, roots, LOG, true, 1 << 20, NULL);
        n_changes = 0;
        return r;
}

/* Never bytes of two moments as one image: read again, or a conflict. */
static void test_changed_while_it_is_read(void **state)
{
        const int flags[] = { O_APPEND, O_TRUNC, 0 /* the same size */ };

        for (unsigned i = 0; i < 2 * ELEMENTSOF(flags); i++) {
                _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;
                int flag = flags[i / 2];
                bool after = i % 2;

                assert_int_equal(take_log_while(1, flag, after, &image), 0);
                assert_string_equal(image->content, flag == O_APPEND  ? "line\nline\nLINE\n"
                                                    : flag == O_TRUNC ? "LINE\n"
                                                                      : "LINE\nline\n");
                assert_int_equal(image->size, strlen(image->content));
        }
        for (unsigned after = 0; after < 2; after++) {
                FileImage *none = NULL;

                assert_int_equal(take_log_while(1000, O_APPEND, after, &none), EXM_E_CONFLICT);
                assert_null(none);
        }
}

static void test_outside(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/two", "x", 0644);
        assert_int_equal(take_result(roots, "/mnt/two", true, 9), EXM_E_REFUSED);
        assert_int_equal(take_result(roots, "/mnt/etc2/x", true, 9), EXM_E_REFUSED);
        assert_int_equal(take_result(roots, "/mnt/one/x", true, 9), 0);
        assert_int_equal(take_result(roots, "/mnt/etc/../two", true, 9), EXM_E_INVALID_PATH);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_content, scratch_reset),
                cmocka_unit_test_setup(test_version_covers_metadata, scratch_reset),
                cmocka_unit_test_setup(test_class, scratch_reset),
                cmocka_unit_test_setup(test_class_of_link, scratch_reset),
                cmocka_unit_test_setup(test_probe_tells_nothing, scratch_reset),
                cmocka_unit_test_setup(test_links, scratch_reset),
                cmocka_unit_test_setup(test_depth_of_links, scratch_reset),
                cmocka_unit_test_setup(test_not_plain, scratch_reset),
                cmocka_unit_test_setup(test_size, scratch_reset),
                cmocka_unit_test_setup(test_changed_while_it_is_read, scratch_reset),
                cmocka_unit_test_setup(test_outside, scratch_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
