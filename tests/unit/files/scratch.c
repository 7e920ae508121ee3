/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scratch.c - mount namespace, tmpfs, and small file helpers.
 */
#include "files/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

const char *const scratch_readable[] = { "/mnt/etc", "/mnt/usr", "/mnt/one", NULL };
const char *const scratch_writable[] = { "/mnt/etc", "/mnt/one", NULL };

int scratch_enter(void)
{
        if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("scratch", "/mnt", "tmpfs", 0, "mode=755") < 0) {
                fprintf(stderr, "SKIPPED: needs root and a mount namespace (%s)\n",
                        strerror(errno));
                exit(77);
        }
        return 0;
}

Roots *scratch_roots(void)
{
        Roots *roots = NULL;

        assert_int_equal(
                roots_new(&roots, (char *const *)scratch_readable, (char *const *)scratch_writable),
                0);
        return roots;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        if (ftw->level > 0 && remove(path) < 0)
                fail_msg("cannot remove %s: %s", path, strerror(errno));
        return 0;
}

int scratch_reset(void **state)
{
        nftw("/mnt", remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        umask(0);
        assert_int_equal(mkdir("/mnt/etc", 0755), 0);
        assert_int_equal(mkdir("/mnt/usr", 0755), 0);
        umask(022);
        return 0;
}

void scratch_write(const char *path, const char *text, mode_t mode)
{
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fchmod(fileno(file), mode), 0);
        assert_int_equal(fclose(file), 0);
}

char *scratch_read(const char *path)
{
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        size_t size = 0;
        char *text = NULL;

        if (!file)
                return NULL;
        if (getdelim(&text, &size, '\0', file) < 0) {
                free(text);
                text = strdup("");
        }
        return text;
}

void assert_text(const char *path, const char *text)
{
        _cleanup_free_ char *found = scratch_read(path);

        if (!found)
                fail_msg("%s is missing", path);
        assert_string_equal(found, text);
}

void assert_missing(const char *path)
{
        struct stat st;

        if (lstat(path, &st) == 0)
                fail_msg("%s is there", path);
        assert_int_equal(errno, ENOENT);
}

static int look_for_litter(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        if (strstr(path, ".exmachina"))
                fail_msg("%s was left behind", path);
        return 0;
}

void assert_no_litter(void)
{
        nftw("/mnt", look_for_litter, 8, FTW_PHYS);
}

FileImage *scratch_take(const Roots *roots, const char *path)
{
        FileImage *image = NULL;
        Failure f = { 0 };

        if (file_image_take(&image, roots, path, true, 1024 * 1024, &f) != 0)
                fail_msg("%s", f.message ? f.message : path);
        return image;
}

FileChange change_write(const Roots *roots, const char *path, const char *text)
{
        return (FileChange){
                .kind = FILE_CHANGE_WRITE,
                .base = scratch_take(roots, path),
                .content = strdup(text),
                .size = strlen(text),
                .create_mode = 0644,
        };
}

int change_check(const Roots *roots, const FileChange *change, Failure *f)
{
        FileStep step = { 0 };
        int r;

        r = file_step_plan(roots, change, 7, 0, &step, f);
        file_step_done(&step);
        return r;
}

int change_apply(const Roots *roots, const FileChange *change, FileStep *ret, Failure *f)
{
        FileStep step = { 0 };
        int r;

        r = file_step_plan(roots, change, 7, 0, &step, f);
        if (r == 0)
                r = file_step_apply(roots, &step, f);
        if (r == 0)
                *ret = step;
        else
                file_step_done(&step);
        return r;
}

void scratch_age(void)
{
        nanosleep(&(struct timespec){ .tv_nsec = 80 * 1000 * 1000 }, NULL);
}
