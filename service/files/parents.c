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
        return fchmod(fd, 0755) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Steps into `name` below walk->dir, which is made if it is not there. */
static int make_one(Walk *walk, const char *name, size_t length)
{
        bool is_new = true;
        struct stat st;
        int fd, r = 0;

        /* 0700 until it is nobody's but root's by owner and ACL, too. */
        if (mkdirat(walk->dir, name, 0700) < 0) {
                if (errno != EEXIST)
                        return -errno;
                is_new = false;
        }
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

/* The name in walk->dir of the next directory on the way. Returns: 0 and how much of the canonical
 * name it ends at; -ENOMEM. */
static int next_dir(const Walk *walk, size_t from, char **ret_path, size_t *ret_length)
{
        const char *start = walk->canonical + from + 1;

        *ret_length = from + 1 + strcspn(start, "/");
        *ret_path = strndup(walk->canonical, *ret_length);
        return *ret_path ? 0 : -ENOMEM;
}

int parents_plan(const Walk *walk, char ***ret)
{
        size_t end = (size_t)(walk_name(walk) - walk->canonical) - 1;
        _cleanup_strv_ char **missing = NULL;
        int r;

        for (size_t at = walk->dir_length; at < end;) {
                _cleanup_free_ char *path = NULL;

                r = next_dir(walk, at, &path, &at);
                if (r == 0)
                        r = strv_extend(&missing, path);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(missing);
        return 0;
}

static int make_all(Walk *walk, char *const *planned)
{
        size_t length;
        int r = 0;

        while (r == 0 && !walk_has_parent(walk)) {
                _cleanup_free_ char *path = NULL;

                r = next_dir(walk, walk->dir_length, &path, &length);
                /* It was there when the step was planned. */
                if (r == 0 && !strv_contains(planned, path))
                        r = -EAGAIN;
                if (r == 0)
                        r = make_one(walk, strrchr(path, '/') + 1, length);
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
        if (unlinkat(walk.dir, walk_name(&walk), AT_REMOVEDIR) < 0)
                return -errno;
        /* At worst a power cut brings an empty directory back. */
        if (sync_dir(walk.dir) < 0)
                log_warning("%s: its removal could not be written out.", path);
        return 0;
}

static bool is_in_use(int r)
{
        return r == -ENOTEMPTY || r == -EEXIST;
}

void parents_remove(const Roots *roots, char *const *planned)
{
        for (size_t i = strv_length(planned); i > 0; i--) {
                int r = -EIO;

                /* Whoever asks has nobody left to tell. */
                for (unsigned k = 0; r < 0 && !is_in_use(r) && k < REMOVE_ATTEMPTS; k++)
                        r = remove_one(roots, planned[i - 1]);
                if (r != 0 && !is_in_use(r))
                        log_warning("%s: the directory could not be removed again.",
                                    planned[i - 1]);
                if (r != 0)
                        return;
        }
}

int parents_make(Walk *walk, const Roots *roots, char *const *planned, Failure *f)
{
        int r;

        r = make_all(walk, planned);
        if (r == 0)
                return 0;
        parents_remove(roots, planned);
        return swap_explain(r, walk->canonical, f);
}
