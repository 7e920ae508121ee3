/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-change-refused.c - what is refused or in conflict changes nothing and leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "files/scratch.h"

/* The change is told `condition` by the check, and by the act itself. */
static void assert_stopped(const Roots *roots, const FileChange *change, int condition)
{
        FileStep undo = { 0 };
        Failure f = { 0 };
        int r;

        r = change_check(roots, change, &f);
        if (r != condition)
                fail_msg("check: %d, not %d: %s", r, condition, f.message ? f.message : "-");
        assert_non_null(f.message);
        failure_done(&f);
        r = change_apply(roots, change, &undo, &f);
        if (r != condition)
                fail_msg("apply: %d, not %d: %s", r, condition, f.message ? f.message : "-");
        assert_non_null(f.message);
        failure_done(&f);
        assert_null(undo.name);
        assert_no_litter();
}

static void assert_write_stopped(const Roots *roots, FileChange change, int condition)
{
        assert_stopped(roots, &change, condition);
        file_change_done(&change);
}

static void test_outside(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/usr/a", "old", 0644);
        assert_int_equal(symlink("../usr/a", "/mnt/etc/link"), 0);
        assert_write_stopped(roots, change_write(roots, "/mnt/usr/a", "new"), EXM_E_REFUSED);
        assert_write_stopped(roots, change_write(roots, "/mnt/etc/link", "new"), EXM_E_REFUSED);
        assert_text("/mnt/usr/a", "old");
}

/* A root that is one file: its directory is outside, and is not made for it. */
static void test_parent_outside(void **state)
{
        const char *list[] = { "/mnt/srv/app/conf", NULL };
        _cleanup_(roots_free_cleanup) Roots *roots = NULL;

        assert_int_equal(roots_new(&roots, NULL, (char *const *)list), 0);
        assert_write_stopped(roots, change_write(roots, "/mnt/srv/app/conf", "new"), EXM_E_REFUSED);
        assert_missing("/mnt/srv");
}

static void test_link_out(void **state)
{
        static const char *const targets[] = { "/etc/passwd", "../two",  "/dev/null", "a",
                                               "./a",         "",        "..",        "x/../../y",
                                               "x\ny",        "../etc/a" };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (size_t i = 0; i < ELEMENTSOF(targets); i++)
                assert_write_stopped(roots,
                                     (FileChange){ .kind = FILE_CHANGE_LINK,
                                                   .base = scratch_take(roots, "/mnt/etc/a"),
                                                   .link_target = strdup(targets[i]) },
                                     EXM_E_REFUSED);
        assert_missing("/mnt/etc/a");
}

static void test_swappable(void **state)
{
        static const struct {
                mode_t mode;
                uid_t uid;
        } cases[] = { { 0775, 0 }, { 0757, 0 }, { 01777, 0 }, { 0755, 33 }, { 0700, 33 } };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        assert_int_equal(mkdir("/mnt/etc/d", 0755), 0);
        assert_int_equal(mkdir("/mnt/etc/d/e", 0755), 0);
        scratch_write("/mnt/etc/d/e/a", "old", 0644);
        scratch_write("/mnt/etc/b", "old", 0644);
        assert_int_equal(symlink("../b", "/mnt/etc/d/link"), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(chown("/mnt/etc/d", cases[i].uid, 0), 0);
                assert_int_equal(chmod("/mnt/etc/d", cases[i].mode), 0);
                assert_write_stopped(roots, change_write(roots, "/mnt/etc/d/e/a", "new"),
                                     EXM_E_REFUSED);
                assert_write_stopped(roots, change_write(roots, "/mnt/etc/d/e/none", "new"),
                                     EXM_E_REFUSED);
                assert_write_stopped(roots, change_write(roots, "/mnt/etc/d/x/y/none", "new"),
                                     EXM_E_REFUSED);
                assert_write_stopped(roots, change_write(roots, "/mnt/etc/d/link", "new"),
                                     EXM_E_REFUSED);
                assert_missing("/mnt/etc/d/x");
        }
        assert_text("/mnt/etc/d/e/a", "old");
        assert_text("/mnt/etc/b", "old");
}

static void test_hard_link(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/etc/a", "old", 0644);
        assert_int_equal(link("/mnt/etc/a", "/mnt/two"), 0);
        assert_write_stopped(roots, change_write(roots, "/mnt/etc/a", "new"), EXM_E_REFUSED);
        assert_text("/mnt/two", "old");
}

static void replace_by(const char *path, unsigned kind)
{
        assert_int_equal(unlink(path), 0);
        if (kind == 0)
                assert_int_equal(mkdir(path, 0755), 0);
        if (kind == 1)
                assert_int_equal(mkfifo(path, 0644), 0);
        if (kind == 2)
                assert_int_equal(symlink("/etc/passwd", path), 0);
        if (kind == 3)
                assert_int_equal(symlink("other", path), 0);
}

/* Something else than a file has come to the place since it was loaded. */
static void test_not_plain(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (unsigned kind = 0; kind < 4; kind++) {
                FileChange change;

                scratch_write("/mnt/etc/a", "old", 0644);
                change = change_write(roots, "/mnt/etc/a", "new");
                replace_by("/mnt/etc/a", kind);
                assert_write_stopped(roots, change, kind >= 2 ? EXM_E_CONFLICT : EXM_E_REFUSED);
                assert_int_equal(remove("/mnt/etc/a"), 0);
        }
}

static bool set_flag(const char *path, int flag)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (ioctl(fd, FS_IOC_SETFLAGS, &flag) == 0)
                return true;
        fprintf(stderr, "SKIPPED: no file flags on this kernel's tmpfs (%s)\n", strerror(errno));
        return false;
}

static void test_flags(void **state)
{
        static const int flags[] = { FS_IMMUTABLE_FL, FS_APPEND_FL };
        static const char *const places[] = { "/mnt/etc/d/a", "/mnt/etc/d" };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        assert_int_equal(mkdir("/mnt/etc/d", 0755), 0);
        scratch_write("/mnt/etc/d/a", "old", 0644);
        for (unsigned i = 0; i < 4; i++) {
                if (!set_flag(places[i / 2], flags[i % 2]))
                        skip();
                assert_write_stopped(roots, change_write(roots, "/mnt/etc/d/a", "new"),
                                     EXM_E_REFUSED);
                assert_write_stopped(roots,
                                     (FileChange){ .kind = FILE_CHANGE_DELETE,
                                                   .base = scratch_take(roots, "/mnt/etc/d/a") },
                                     EXM_E_REFUSED);
                if (i >= 2)
                        assert_write_stopped(roots, change_write(roots, "/mnt/etc/d/b", "new"),
                                             EXM_E_REFUSED);
                assert_true(set_flag(places[i / 2], 0));
                assert_text("/mnt/etc/d/a", "old");
        }
}

/* What is mounted on its own name can be rewritten (test-step.c), but neither go nor become a link.
 */
static void test_mount_point(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/etc/a", "old", 0644);
        scratch_write("/mnt/two", "mounted", 0644);
        assert_int_equal(mount("/mnt/two", "/mnt/etc/a", NULL, MS_BIND, NULL), 0);
        assert_write_stopped(roots,
                             (FileChange){ .kind = FILE_CHANGE_DELETE,
                                           .base = scratch_take(roots, "/mnt/etc/a") },
                             EXM_E_REFUSED);
        assert_write_stopped(roots,
                             (FileChange){ .kind = FILE_CHANGE_LINK,
                                           .base = scratch_take(roots, "/mnt/etc/a"),
                                           .link_target = strdup("../usr/x") },
                             EXM_E_REFUSED);
        assert_int_equal(mount(NULL, "/mnt/etc/a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL),
                         0);
        assert_write_stopped(roots, change_write(roots, "/mnt/etc/a", "new"), EXM_E_REFUSED);
        assert_text("/mnt/etc/a", "mounted");
        assert_int_equal(umount("/mnt/etc/a"), 0);
        assert_text("/mnt/etc/a", "old");
        assert_text("/mnt/two", "mounted");
}

/* A temporary name that is taken already is somebody's: it stays, and the change is not made. */
static void test_temporary_name_taken(void **state)
{
        static const char *const names[] = { "/mnt/etc/.exmachina-7-0",
                                             "/mnt/etc/.exmachina-7-0.part" };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/etc/a", "old", 0644);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                FileChange change = change_write(roots, "/mnt/etc/a", "new");
                FileStep step = { 0 };
                Failure f = { 0 };

                assert_int_equal(file_step_plan(roots, &change, 7, 0, &step, &f), 0);
                scratch_write(names[i], "somebody's", 0600);
                assert_int_equal(change_check(roots, &change, &f), EXM_E_CONFLICT);
                assert_non_null(strstr(f.message, strrchr(names[i], '/') + 1));
                failure_done(&f);
                assert_int_equal(file_step_apply(roots, &step, &f), EXM_E_CONFLICT);
                assert_non_null(strstr(f.message, strrchr(names[i], '/') + 1));
                failure_done(&f);
                assert_text(names[i], "somebody's");
                assert_text("/mnt/etc/a", "old");
                assert_int_equal(unlink(names[i]), 0);
                assert_no_litter();
                file_step_done(&step);
                file_change_done(&change);
        }
}

static void test_read_only_and_full(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        FileChange change;
        FileStep undo = { 0 };
        Failure f = { 0 };

        assert_int_equal(mkdir("/mnt/etc/d", 0755), 0);
        assert_int_equal(mount("small", "/mnt/etc/d", "tmpfs", 0, "mode=755,size=64k"), 0);
        scratch_write("/mnt/etc/d/a", "old", 0644);
        change = change_write(roots, "/mnt/etc/d/a", "");
        free(change.content);
        change.size = 256 * 1024;
        change.content = calloc(1, change.size);
        assert_int_equal(change_apply(roots, &change, &undo, &f), EXM_E_LIMIT_EXCEEDED);
        assert_non_null(strstr(f.message, "no space"));
        failure_done(&f);
        assert_no_litter();
        assert_text("/mnt/etc/d/a", "old");

        change.size = 1;
        assert_int_equal(mount(NULL, "/mnt/etc/d", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
        assert_stopped(roots, &change, EXM_E_REFUSED);
        file_change_done(&change);
        assert_write_stopped(roots, change_write(roots, "/mnt/etc/d/x/y", "new"), EXM_E_REFUSED);
        assert_int_equal(umount("/mnt/etc/d"), 0);
}

static void test_missing_and_odd(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        FileChange change = { .kind = FILE_CHANGE_DELETE };

        change.base = scratch_take(roots, "/mnt/etc/none");
        assert_stopped(roots, &change, EXM_E_REFUSED);
        change.kind = FILE_CHANGE_META;
        assert_stopped(roots, &change, EXM_E_REFUSED);
        file_change_done(&change);
        scratch_write("/mnt/etc/a", "old", 0644);
        assert_write_stopped(roots, change_write(roots, "/mnt/etc/a/b", "new"), EXM_E_REFUSED);
        /* Without its content a file could not be put back. */
        change = (FileChange){ .kind = FILE_CHANGE_WRITE };
        assert_int_equal(file_image_take(&change.base, roots, "/mnt/etc/a", false, 0, NULL), 0);
        assert_int_equal(change_check(roots, &change, NULL), -EINVAL);
        file_change_done(&change);
}

static void edit(const char *path, unsigned how)
{
        struct timespec times[2];
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        times[0] = st.st_atim;
        times[1] = st.st_mtim;
        if (how == 0)
                scratch_write(path, "longer than before", 0644);
        if (how == 1)
                scratch_write(path, "OLD", 0644);
        if (how == 2) {
                scratch_write(path, "OLD", 0644);
                assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        }
        if (how == 3)
                assert_int_equal(chmod(path, 0600), 0);
        if (how == 4)
                assert_int_equal(chown(path, 33, 0), 0);
        if (how == 5)
                assert_int_equal(setxattr(path, "trusted.x", "1", 1, 0), 0);
        if (how == 6)
                assert_int_equal(unlink(path), 0);
        if (how == 7) {
                scratch_write("/mnt/etc/other", "OLD", 0644);
                assert_int_equal(rename("/mnt/etc/other", path), 0);
        }
}

static void test_conflict(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (unsigned how = 0; how < 8; how++) {
                FileChange write, remove_it = { .kind = FILE_CHANGE_DELETE };
                FileChange meta = { .kind = FILE_CHANGE_META, .set_mode = true, .mode = 0640 };
                FileChange make_link = { .kind = FILE_CHANGE_LINK };
                char *before, *after;

                (void)unlink("/mnt/etc/a");
                scratch_write("/mnt/etc/a", "old", 0644);
                write = change_write(roots, "/mnt/etc/a", "new");
                remove_it.base = file_image_ref(write.base);
                meta.base = file_image_ref(write.base);
                make_link.base = file_image_ref(write.base);
                make_link.link_target = strdup("x");
                edit("/mnt/etc/a", how);
                before = scratch_read("/mnt/etc/a");
                assert_write_stopped(roots, write, EXM_E_CONFLICT);
                assert_write_stopped(roots, remove_it, EXM_E_CONFLICT);
                assert_write_stopped(roots, meta, EXM_E_CONFLICT);
                assert_write_stopped(roots, make_link, EXM_E_CONFLICT);
                after = scratch_read("/mnt/etc/a");
                assert_true(before ? after && strcmp(before, after) == 0 : !after);
                free(before);
                free(after);
        }
}

/* A file that was not there, and a link that leads elsewhere now. */
static void test_conflict_in_kind(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        FileChange change = change_write(roots, "/mnt/etc/a", "new");

        scratch_write("/mnt/etc/a", "", 0644);
        assert_write_stopped(roots, change, EXM_E_CONFLICT);

        scratch_write("/mnt/etc/b", "b", 0644);
        assert_int_equal(symlink("a", "/mnt/etc/link"), 0);
        change = change_write(roots, "/mnt/etc/link", "new");
        assert_int_equal(unlink("/mnt/etc/link"), 0);
        assert_int_equal(symlink("b", "/mnt/etc/link"), 0);
        assert_write_stopped(roots, change, EXM_E_CONFLICT);
        change = (FileChange){ .kind = FILE_CHANGE_DELETE,
                               .base = scratch_take(roots, "/mnt/etc/link") };
        assert_int_equal(unlink("/mnt/etc/link"), 0);
        assert_int_equal(symlink("./b", "/mnt/etc/link"), 0);
        assert_write_stopped(roots, change, EXM_E_CONFLICT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_outside, scratch_reset),
                cmocka_unit_test_setup(test_parent_outside, scratch_reset),
                cmocka_unit_test_setup(test_link_out, scratch_reset),
                cmocka_unit_test_setup(test_swappable, scratch_reset),
                cmocka_unit_test_setup(test_hard_link, scratch_reset),
                cmocka_unit_test_setup(test_not_plain, scratch_reset),
                cmocka_unit_test_setup(test_flags, scratch_reset),
                cmocka_unit_test_setup(test_mount_point, scratch_reset),
                cmocka_unit_test_setup(test_temporary_name_taken, scratch_reset),
                cmocka_unit_test_setup(test_read_only_and_full, scratch_reset),
                cmocka_unit_test_setup(test_missing_and_odd, scratch_reset),
                cmocka_unit_test_setup(test_conflict, scratch_reset),
                cmocka_unit_test_setup(test_conflict_in_kind, scratch_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
