/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-glance.c - a glance says yes only while everything is as it was.
 *
 * Glances are for the file system of "/": the tests run with the scratch tree for a root.
 */
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "files/glance.h"
#include "files/scratch.h"

#define HOSTS "/etc/hosts"

static Roots *new_roots(void)
{
        static char etc[] = "/etc", *readable[] = { etc, NULL }, *writable[] = { NULL };
        Roots *roots;

        assert_int_equal(roots_new(&roots, readable, writable), 0);
        return roots;
}

static FileImage *probe(const char *path)
{
        _cleanup_(roots_free_cleanup) Roots *roots = new_roots();
        FileImage *image;

        assert_int_equal(file_image_take(&image, roots, path, false, 0, NULL), 0);
        return image;
}

/* What was written last is old enough, and the kernel has it in memory. */
static FileImage *settled(void)
{
        scratch_write(HOSTS, "127.0.0.1 localhost\n", 0644);
        scratch_age();
        return probe(HOSTS);
}

static bool is_current(const FileImage *image)
{
        Glance glance = glance_new();

        assert_int_not_equal(glance.device, 0);
        return glance_is_current(&glance, image);
}

static void test_yes_while_nothing_has_changed(void **state)
{
        _cleanup_(file_image_unref_cleanup) FileImage *image = settled();

        assert_true(is_current(image));
        assert_true(is_current(image));
}

static void test_no_after_any_change_of_the_file(void **state)
{
        _cleanup_(file_image_unref_cleanup) FileImage *a = settled(), *b = NULL, *c = NULL;

        scratch_write(HOSTS, "127.0.0.1 localhosT\n", 0644);
        assert_false(is_current(a));
        scratch_age();
        assert_false(is_current(a));

        b = settled();
        assert_int_equal(chmod(HOSTS, 0600), 0);
        scratch_age();
        assert_false(is_current(b));

        c = settled();
        assert_int_equal(unlink(HOSTS), 0);
        assert_false(is_current(c));
}

static void test_no_while_a_file_is_young(void **state)
{
        _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;

        scratch_write(HOSTS, "127.0.0.1 localhost\n", 0644);
        image = probe(HOSTS);
        assert_true(image->stamp.young);
        scratch_age();
        assert_false(is_current(image));
}

static void test_no_when_a_directory_is_no_longer_public(void **state)
{
        _cleanup_(file_image_unref_cleanup) FileImage *image = settled();

        assert_int_equal(chmod("/etc", 0750), 0);
        assert_false(is_current(image));
        assert_int_equal(chmod("/etc", 0755), 0);
        assert_true(is_current(image));
}

static void test_no_for_links_and_missing_files(void **state)
{
        _cleanup_(file_image_unref_cleanup) FileImage *image = settled(), *link = NULL,
                                                      *none = probe("/etc/none");

        assert_false(is_current(none));
        assert_int_equal(symlink("hosts", "/etc/link"), 0);
        scratch_age();
        link = probe("/etc/link");
        assert_false(is_current(link));

        /* A link in the place of the file, and of its directory. */
        assert_int_equal(rename(HOSTS, "/etc/other"), 0);
        assert_int_equal(symlink("other", HOSTS), 0);
        assert_false(is_current(image));
        assert_int_equal(rename("/etc", "/real"), 0);
        assert_int_equal(symlink("real", "/etc"), 0);
        assert_false(is_current(image));
        assert_int_equal(unlink("/etc"), 0);
        assert_int_equal(rename("/real", "/etc"), 0);
}

static void test_no_on_another_file_system(void **state)
{
        _cleanup_(file_image_unref_cleanup) FileImage *image = settled(), *other = NULL;

        scratch_write("/etc/file", "", 0644);
        assert_int_equal(mount("/etc/file", HOSTS, NULL, MS_BIND, NULL), 0);
        assert_false(is_current(image));
        assert_int_equal(umount(HOSTS), 0);
        assert_true(is_current(image));

        assert_int_equal(mount("tmpfs", "/etc", "tmpfs", 0, "mode=755"), 0);
        other = settled();
        assert_false(is_current(other));
        assert_false(is_current(image));
        assert_int_equal(umount("/etc"), 0);
}

static int reset(void **state)
{
        (void)unlink("/etc/link");
        (void)unlink(HOSTS);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_yes_while_nothing_has_changed, reset),
                cmocka_unit_test_setup(test_no_after_any_change_of_the_file, reset),
                cmocka_unit_test_setup(test_no_while_a_file_is_young, reset),
                cmocka_unit_test_setup(test_no_when_a_directory_is_no_longer_public, reset),
                cmocka_unit_test_setup(test_no_for_links_and_missing_files, reset),
                cmocka_unit_test_setup(test_no_on_another_file_system, reset),
        };
        int r = scratch_enter();

        if (r != 0)
                return r;
        /* ACLs are looked at by /proc/self/fd. */
        if (scratch_reset(NULL) != 0 || mkdir("/mnt/proc", 0755) < 0 ||
            mount("/proc", "/mnt/proc", NULL, MS_BIND | MS_REC, NULL) < 0 || chroot("/mnt") < 0 ||
            chdir("/") < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
