/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk.c - openat2, component by component.
 *
 * A link's text is resolved as text: its leading ".." are exact, for the directories before them
 * were walked without links; a ".." after a name is refused, since the kernel might read it
 * differently.
 */
#include "files/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "util/limits.h"
#include "util/utf8.h"

#define MAX_LINKS 8

FdPath walk_fd_path(int fd)
{
        FdPath p;

        snprintf(p.path, sizeof(p.path), "/proc/self/fd/%d", fd);
        return p;
}

static int open_step(int dir, const char *name, int flags)
{
        struct open_how how = {
                .flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
                .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        long fd;

        fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
        return fd < 0 ? -errno : (int)fd;
}

int walk_open_dir(int dir, const char *name)
{
        return open_step(dir, name, O_DIRECTORY);
}

bool walk_is_swappable(const struct stat *st)
{
        return st->st_uid != 0 || (st->st_mode & (S_IWGRP | S_IWOTH));
}

bool walk_is_searchable_by_all(int dir, const struct stat *st)
{
        const mode_t search = S_IXGRP | S_IXOTH;

        return (st->st_mode & search) == search &&
               getxattr(walk_fd_path(dir).path, "system.posix_acl_access", NULL, 0) < 0 &&
               (errno == ENODATA || errno == ENOTSUP);
}

static int look_at_dir(Walk *walk)
{
        struct stat st;

        if (fstat(walk->dir, &st) < 0)
                return -errno;
        if (!walk_is_searchable_by_all(walk->dir, &st))
                walk->public = false;
        if (!walk_is_swappable(&st) || walk->swappable)
                return 0;
        walk->swappable =
                walk->dir_length == 0 ? strdup("/") : strndup(walk->canonical, walk->dir_length);
        return walk->swappable ? 0 : -ENOMEM;
}

static int set_dir(Walk *walk, int fd, size_t length)
{
        if (walk->dir >= 0)
                close(walk->dir);
        walk->dir = fd;
        walk->dir_length = length;
        return look_at_dir(walk);
}

/* Opens the directories on the way to canonical's last component, as far as they exist.
 * Returns: 0; EXM_E_REFUSED; -errno. */
static int walk_dirs(Walk *walk, Failure *f)
{
        const char *start, *end;
        int fd, r;

        fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = set_dir(walk, fd, 0);

        for (start = walk->canonical + 1; r == 0 && (end = strchr(start, '/')); start = end + 1) {
                _cleanup_free_ char *name = strndup(start, (size_t)(end - start));

                if (!name)
                        return -ENOMEM;
                fd = walk_open_dir(walk->dir, name);
                if (fd == -ENOENT || fd == -ENOTDIR) {
                        walk->not_a_directory = fd == -ENOTDIR;
                        return 0;
                }
                if (fd == -ELOOP)
                        return failure_set(f, EXM_E_REFUSED,
                                           "%s: %.*s is a symbolic link; name the file by the "
                                           "directory that it stands for.",
                                           walk->canonical, (int)(end - walk->canonical),
                                           walk->canonical);
                if (fd < 0)
                        return fd;
                r = set_dir(walk, fd, (size_t)(end - walk->canonical));
        }
        return r;
}

const char *walk_name(const Walk *walk)
{
        return strrchr(walk->canonical, '/') + 1;
}

bool walk_has_parent(const Walk *walk)
{
        return walk->dir_length + 1 == (size_t)(walk_name(walk) - walk->canonical);
}

static int walk_file(Walk *walk)
{
        int fd;

        if (!walk_has_parent(walk))
                return 0;
        fd = open_step(walk->dir, walk_name(walk), O_NOFOLLOW);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        walk->file = fd;
        return fstat(fd, &walk->st) < 0 ? -errno : 0;
}

int walk_read_link(int fd, char **ret)
{
        char text[LIMIT_PATH_BYTES + 1];
        ssize_t n;

        n = readlinkat(fd, "", text, sizeof(text));
        if (n < 0)
                return -errno;
        if ((size_t)n == sizeof(text))
                return -ENAMETOOLONG;
        text[n] = '\0';
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

int walk_resolve_link(const char *canonical, const char *target, char **ret, Failure *f)
{
        _cleanup_free_ char *shown = NULL;
        size_t n = (size_t)(strrchr(canonical, '/') - canonical);
        const char *rest = target;
        Failure fault = { 0 };
        int r;

        if (target[0] == '/') {
                n = 0;
                rest++;
        }
        for (; strncmp(rest, "../", 3) == 0; rest += 3)
                while (n > 0 && canonical[--n] != '/')
                        ;
        if (strncmp(rest, "./", 2) == 0)
                rest += 2;

        if (asprintf(ret, "%.*s/%s", (int)n, canonical, rest) < 0)
                return -ENOMEM;
        r = path_check(*ret, &fault);
        failure_done(&fault);
        if (r == 0)
                return 0;
        free(TAKE_PTR(*ret));
        shown = utf8_escape(target, 256);
        return failure_set(f, EXM_E_REFUSED,
                           "%s: the target of the link, \"%s\", is not a plain file name.",
                           canonical, shown ? shown : "?");
}

/* `walk` stands on a link. Returns: 0 and the walk begins anew at its target; EXM_E_REFUSED; ... */
static int follow_link(Walk *walk, Failure *f)
{
        _cleanup_free_ char *text = NULL;
        char *next;
        int r;

        r = walk_read_link(walk->file, &text);
        if (r < 0)
                return r;
        r = walk_resolve_link(walk->canonical, text, &next, f);
        if (r != 0)
                return r;
        if (!walk->link_target)
                walk->link_target = TAKE_PTR(text);
        free(walk->canonical);
        walk->canonical = next;
        close(walk->file);
        walk->file = -1;
        return 0;
}

static int check_readable(const Walk *walk, const Roots *roots, const char *path, Failure *f)
{
        if (roots_may_read(roots, walk->canonical))
                return 0;
        if (strcmp(walk->canonical, path) != 0)
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: it is a link to %s, which is outside the readable roots.",
                                   path, walk->canonical);
        return failure_set(f, EXM_E_REFUSED, "%s: the file is outside the readable roots.", path);
}

static int walk_step(Walk *walk, const Roots *roots, const char *path, Failure *f)
{
        int r;

        r = check_readable(walk, roots, path, f);
        if (r == 0)
                r = walk_dirs(walk, f);
        if (r == 0)
                r = walk_file(walk);
        return r;
}

/* An unfollowed link's text is wanted too. */
static int walk_links(Walk *walk, const Roots *roots, const char *path, bool follow, Failure *f)
{
        int r;

        for (unsigned n = 0; n <= MAX_LINKS; n++) {
                r = walk_step(walk, roots, path, f);
                if (r != 0 || walk->file < 0 || !S_ISLNK(walk->st.st_mode))
                        return r;
                if (!follow)
                        return walk_read_link(walk->file, &walk->link_target);
                r = follow_link(walk, f);
                if (r != 0)
                        return r;
        }
        return failure_set(f, EXM_E_REFUSED,
                           "%s: more than %d symbolic links, or a circle of them.", path,
                           MAX_LINKS);
}

int walk_to(Walk *ret, const Roots *roots, const char *path, bool follow, Failure *f)
{
        int r;

        *ret = (Walk){ .dir = -1, .file = -1, .public = true };
        r = path_check(path, f);
        if (r != 0)
                return r;
        ret->canonical = strdup(path);
        if (!ret->canonical)
                return -ENOMEM;
        r = walk_links(ret, roots, path, follow, f);
        if (r == -EACCES || r == -EPERM)
                return failure_set(f, EXM_E_REFUSED, "%s: the system does not let ExMachina in.",
                                   path);
        if (r == -ENAMETOOLONG)
                return failure_set(f, EXM_E_INVALID_PATH,
                                   "%s: the name is too long for its file system.", path);
        return r;
}

void walk_done(Walk *walk)
{
        free(walk->canonical);
        free(walk->link_target);
        free(walk->swappable);
        if (walk->dir >= 0)
                close(walk->dir);
        if (walk->file >= 0)
                close(walk->file);
}
