/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parents.c - mkdir and rmdir, by descriptor.
 */
#include "files/parents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "files/swap.h"
#include "util/log.h"
#include "util/strv.h"

#define REMOVE_ATTEMPTS 2

static int sync_dir(int dir)
{
        _cleanup_close_ int fd = -1;

        fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The directory around it may have a default ACL and a set-group-id bit. */
static int set_access(int dir)
{
        static const char *const acls[] = { "system.posix_acl_default", "system.posix_acl_access" };
        _cleanup_close_ int fd = -1;

        fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fchown(fd, 0, 0) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(acls); i++)
                if (fremovexattr(fd, acls[i]) < 0 && errno != ENODATA && errno != ENOTSUP)
                        return -errno;
        return fchmod(fd, 0755) < 0 ? -errno : 0;
}

/* Returns: 1 and a directory that was made; 0 if somebody else has just made it; -errno. */
static int make_dir(Walk *walk, const char *name, const char *path, char ***made)
{
        int r;

        if (mkdirat(walk->dir, name, 0700) < 0)
                return errno == EEXIST ? 0 : -errno;
        r = strv_extend(made, path);
        if (r < 0) {
                unlinkat(walk->dir, name, AT_REMOVEDIR);
                return r;
        }
        return 1;
}

/* Steps into `name` below walk->dir, which is made if it is not there. */
static int make_one(Walk *walk, const char *name, size_t length, char ***made)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int fd, is_new, r = 0;

        path = strndup(walk->canonical, length);
        if (!path)
                return -ENOMEM;
        is_new = make_dir(walk, name, path, made);
        if (is_new < 0)
                return is_new;
        fd = walk_open_dir(walk->dir, name);
        if (fd < 0)
                return fd;
        if (is_new)
                r = set_access(fd);
        if (is_new && r == 0)
                r = sync_dir(walk->dir);
        close(walk->dir);
        walk->dir = fd;
        walk->dir_length = length;
        if (r == 0 && fstat(fd, &st) < 0)
                r = -errno;
        return r == 0 && walk_is_swappable(&st) ? -EAGAIN : r;
}

static int make_all(Walk *walk, char ***made)
{
        const char *start, *end;
        int r = 0;

        while (r == 0 && !walk_has_parent(walk)) {
                _cleanup_free_ char *name = NULL;

                start = walk->canonical + walk->dir_length + 1;
                end = strchr(start, '/');
                name = strndup(start, (size_t)(end - start));
                if (!name)
                        return -ENOMEM;
                r = make_one(walk, name, (size_t)(end - walk->canonical), made);
        }
        return r;
}

/* Returns: 0, also if it is gone; a condition of the walk; -errno. */
static int remove_one(const Roots *roots, const char *path)
{
        _cleanup_failure_ Failure fault = { 0 };
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        int r;

        r = walk_to(&walk, roots, path, /* follow= */ false, &fault);
        if (r != 0)
                return r;
        if (walk.file < 0)
                return 0;
        for (unsigned i = 0; i < REMOVE_ATTEMPTS; i++) {
                r = unlinkat(walk.dir, walk_name(&walk), AT_REMOVEDIR) < 0 ? -errno : 0;
                if (r == 0 || r == -ENOTEMPTY || r == -EEXIST)
                        break;
        }
        /* At worst a power cut brings an empty directory back. */
        if (r == 0 && sync_dir(walk.dir) < 0)
                log_warning("%s: its removal could not be written out.", path);
        return r;
}

void parents_remove(const Roots *roots, char *const *made)
{
        int r;

        for (size_t i = strv_length(made); i > 0; i--) {
                r = remove_one(roots, made[i - 1]);
                if (r != 0 && r != -ENOTEMPTY && r != -EEXIST)
                        log_warning("%s: the directory could not be removed again.", made[i - 1]);
                if (r != 0)
                        return;
        }
}

int parents_make(Walk *walk, const Roots *roots, char ***ret_made, Failure *f)
{
        _cleanup_strv_ char **made = NULL;
        int r;

        r = make_all(walk, &made);
        if (r != 0) {
                parents_remove(roots, made);
                return swap_explain(r, walk->canonical, f);
        }
        *ret_made = TAKE_PTR(made);
        return 0;
}
