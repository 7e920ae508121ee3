/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * place.c - statx and mode bits of a file and its directory.
 *
 * The flags of the directory matter as much as the file's: in an append-only one a temporary file
 * could be made and never removed.
 */
#include "files/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "files/swap.h"

static int look(int fd, struct statx *ret)
{
        return statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID,
                     ret) < 0
                       ? -errno
                       : 0;
}

static int refuse(const char *path, const char *why, Failure *f)
{
        return failure_set(f, EXM_E_REFUSED, "%s: %s; nothing was changed.", path, why);
}

static int check_way(const Walk *walk, const char *path, Failure *f)
{
        if (walk->swappable)
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: others than root may write in the directory %s, which is "
                                   "not safe to work in. Make root its owner and take away group's "
                                   "and others' right to write.",
                                   path, walk->swappable);
        if (walk->not_a_directory)
                return refuse(path, "a part of the name is a file, not a directory", f);
        return 0;
}

static int check_dir(const Walk *walk, const char *path, const struct statx *dir, Failure *f)
{
        if (dir->stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND))
                return refuse(path, "its directory is immutable or append-only (chattr +i, +a)", f);
        if (faccessat(walk->dir, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return swap_explain(-errno, path, f);
        return 0;
}

static int check_file(const Walk *walk, const char *path, const struct statx *dir,
                      bool *ret_mounted, Failure *f)
{
        struct statx st;
        int r;

        if (!S_ISREG(walk->st.st_mode) && !S_ISLNK(walk->st.st_mode))
                return refuse(path, "this is not a regular file", f);
        r = look(walk->file, &st);
        if (r < 0)
                return r;
        if (st.stx_nlink > 1)
                return refuse(path, "the file has several names (hard links)", f);
        if (st.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND))
                return refuse(path, "the file is immutable or append-only (chattr +i, +a)", f);
        *ret_mounted =
                (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) || st.stx_mnt_id != dir->stx_mnt_id;
        /* Only the file itself is written then: its directory may be of another file system. */
        if (*ret_mounted &&
            faccessat(AT_FDCWD, walk_fd_path(walk->file).path, W_OK, AT_EACCESS) < 0)
                return swap_explain(-errno, path, f);
        return 0;
}

/* Each directory that would be made. */
static int check_missing_dirs(const Walk *walk, const Roots *roots, const char *path, Failure *f)
{
        _cleanup_free_ char *first = NULL;
        size_t n;

        if (walk_has_parent(walk))
                return 0;
        n = strcspn(walk->canonical + walk->dir_length + 1, "/");
        first = strndup(walk->canonical, walk->dir_length + 1 + n);
        if (!first)
                return -ENOMEM;
        if (!roots_may_write(roots, first))
                return failure_set(
                        f, EXM_E_REFUSED,
                        "%s: the directory %s is missing and outside the writable roots; "
                        "nothing was changed.",
                        path, first);
        return 0;
}

int place_check(const Walk *walk, const Roots *roots, const char *path, bool *ret_mounted,
                Failure *f)
{
        bool mounted = false;
        struct statx dir;
        int r;

        r = check_way(walk, path, f);
        if (r == 0)
                r = look(walk->dir, &dir);
        if (r == 0)
                r = walk->file >= 0 ? check_file(walk, path, &dir, &mounted, f)
                                    : check_missing_dirs(walk, roots, path, f);
        if (r == 0 && !mounted)
                r = check_dir(walk, path, &dir, f);
        if (r == 0)
                *ret_mounted = mounted;
        return r;
}
