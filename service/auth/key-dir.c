/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-dir.c - what is judged is a descriptor, never a name.
 */
#include "auth/key-dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <sodium.h>

#include "files/walk.h"
#include "util/log.h"
#include "util/strv.h"
#include "util/utf8.h"

#define SUFFIX   ".key"
#define TEMP     ".new-" /* and 16 hexadecimal digits: no name of a key begins so */
#define MODE_ALL (S_IRWXG | S_IRWXO)

typedef struct FileName {
        char text[NAME_MAX + 1];
} FileName;

static int file_name(const char *name, FileName *ret)
{
        int n = snprintf(ret->text, sizeof(ret->text), "%s" SUFFIX, name);

        return n < 0 || (size_t)n >= sizeof(ret->text) ? -ENAMETOOLONG : 0;
}

/* The words for what the file system says no to. Returns: EXM_E_REFUSED, or `r` if it is ours. */
static int explain(int r, const char *what, Failure *f)
{
        switch (r) {
        case -EROFS:
                /* In the service's own view: a directory that was made after its start is not. */
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: it is read-only here: see that the directory is there "
                                   "(systemd-tmpfiles --create exmachina.conf), then systemctl "
                                   "restart exmachina.service.",
                                   what);
        case -EACCES:
        case -EPERM:
        case -ENOSPC:
        case -EDQUOT:
        case -EISDIR:
        case -ENOTDIR:
        case -EINVAL:
        case -ENOTEMPTY:
                return failure_set(f, EXM_E_REFUSED, "%s: %s.", what, strerror(-r));
        default:
                return r;
        }
}

static int sync_dir(int dir)
{
        _cleanup_close_ int fd = -1;

        fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The umask and a default ACL have no say in the mode. Only root can swap what was just made. */
static int make_dir(int dir, const char *name, mode_t mode)
{
        if (mkdirat(dir, name, mode) < 0)
                return errno == EEXIST ? 0 : -errno;
        return fchmodat(dir, name, mode, 0) < 0 ? -errno : sync_dir(dir);
}

static int judge_dir(int fd, const char *shown, Failure *f)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (walk_is_swappable(&st))
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: it must belong to root, and nobody else may write in it.",
                                   shown);
        return 0;
}

/* `depth`: how many directories follow it. The last `made` are made. */
static int enter(int *dir, const char *shown, const char *name, unsigned depth, unsigned made,
                 Failure *f)
{
        int fd, r;

        fd = walk_open_dir(*dir, name);
        if (fd == -ENOENT && depth < made) {
                r = make_dir(*dir, name, depth == 0 ? 0700 : 0755);
                if (r < 0)
                        return explain(r, shown, f);
                fd = walk_open_dir(*dir, name);
        }
        if (fd == -ENOENT)
                return failure_set(f, EXM_E_NO_MATCH, "%s: there is no such directory.", shown);
        if (fd == -ELOOP || fd == -ENOTDIR)
                return failure_set(f, EXM_E_REFUSED, "%s: it must be a directory, not a link.",
                                   shown);
        if (fd < 0)
                return explain(fd, shown, f);
        close(*dir);
        *dir = fd;
        return judge_dir(fd, shown, f);
}

static int open_root(const char *root, int *ret, Failure *f)
{
        int fd;

        fd = open(root ?: "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return failure_set(f, EXM_E_NO_MATCH, "%s: there is no such directory.", root);
        if (fd < 0)
                return explain(-errno, root ?: "/", f);
        *ret = fd;
        return judge_dir(fd, root ?: "/", f);
}

int key_dir_open(const char *root, const char *path, bool make, int *ret, Failure *f)
{
        _cleanup_close_ int dir = -1;
        _cleanup_free_ char *copy = strdup(path);
        unsigned depth = 0, made = !make ? 0 : root ? UINT_MAX : 2;
        char *rest = copy, *name;
        int fd, r;

        if (!copy)
                return -ENOMEM;
        for (const char *p = path; *p; p++)
                depth += *p == '/';
        r = open_root(root, &dir, f);
        strsep(&rest, "/");
        while (r == 0 && (name = strsep(&rest, "/"))) {
                _cleanup_free_ char *shown = NULL;
                int length = (int)(name + strlen(name) - copy);

                if (asprintf(&shown, "%s%.*s", root ?: "", length, path) < 0)
                        return -ENOMEM;
                r = enter(&dir, shown, name, --depth, made, f);
        }
        if (r != 0)
                return r;
        fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return explain(-errno, path, f);
        *ret = fd;
        return 0;
}

int key_dir_lock(int dir, bool wait)
{
        int r;

        do
                r = flock(dir, LOCK_EX | (wait ? 0 : LOCK_NB));
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

/* Calls `each` for every entry. A descriptor of its own: the position of `dir` stays. */
static int for_each(int dir, int (*each)(int dir, const char *name, void *userdata), void *userdata)
{
        struct dirent *entry;
        int fd, r = 0;
        DIR *d;

        fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d) {
                r = -errno;
                close(fd);
                return r;
        }
        for (errno = 0; r == 0 && (entry = readdir(d)); errno = 0)
                r = each(dir, entry->d_name, userdata);
        if (r == 0)
                r = -errno;
        closedir(d);
        return r;
}

static int remove_leftover(int dir, const char *name, void *userdata)
{
        if (strncmp(name, TEMP, strlen(TEMP)) == 0 && unlinkat(dir, name, 0) == 0)
                log_info("%s is what was left of a key that was being made: removed", name);
        return 0;
}

void key_dir_clean(int dir)
{
        for_each(dir, remove_leftover, NULL);
}

static int add_name(int dir, const char *name, void *userdata)
{
        size_t n = strlen(name);
        char ***list = userdata;
        _cleanup_free_ char *stem = NULL;

        if (n <= strlen(SUFFIX) || strcmp(name + n - strlen(SUFFIX), SUFFIX) != 0 || name[0] == '.')
                return 0;
        stem = strndup(name, n - strlen(SUFFIX));
        return stem ? strv_extend(list, stem) : -ENOMEM;
}

int key_dir_list(int dir, char ***ret)
{
        _cleanup_strv_ char **list = NULL;
        int r;

        r = for_each(dir, add_name, &list);
        if (r < 0)
                return r;
        if (list)
                strv_sort(list);
        *ret = TAKE_PTR(list);
        return 0;
}

static void take_stamp(const struct stat *st, FileStamp *ret)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        *ret = file_stamp_of(st, &now);
}

int key_dir_look(int dir, const char *name, FileStamp *ret)
{
        struct stat st;
        FileName file;
        int r;

        r = file_name(name, &file);
        if (r < 0)
                return r;
        if (fstatat(dir, file.text, &st, AT_SYMLINK_NOFOLLOW) == 0)
                take_stamp(&st, ret);
        else if (errno == ENOENT)
                *ret = (FileStamp){ 0 };
        else
                return -errno;
        return 0;
}

static int judge_file(const struct stat *st, size_t max_bytes, Failure *f)
{
        const char *fault = NULL;

        if (S_ISLNK(st->st_mode))
                fault = "it is a symbolic link";
        else if (!S_ISREG(st->st_mode))
                fault = "it is no regular file";
        else if (st->st_nlink != 1)
                fault = "it has more than one name";
        else if (st->st_uid != 0)
                fault = "it does not belong to root";
        else if (st->st_mode & MODE_ALL)
                fault = "others than root have access to it: chmod 600";
        else if ((uint64_t)st->st_size > max_bytes)
                fault = "it is too big";
        return fault ? failure_set(f, EXM_E_REFUSED, "%s", fault) : 0;
}

static int read_all(int fd, size_t max_bytes, char **ret, size_t *ret_size, Failure *f)
{
        _cleanup_free_ char *data = malloc(max_bytes + 1);
        size_t size = 0;
        ssize_t n;

        if (!data)
                return -ENOMEM;
        do {
                n = read(fd, data + size, max_bytes + 1 - size);
                if (n < 0 && errno != EINTR)
                        return -errno;
                size += n > 0 ? (size_t)n : 0;
        } while (n != 0 && size <= max_bytes);
        if (size > max_bytes)
                return failure_set(f, EXM_E_REFUSED, "it is too big");
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int key_dir_read(int dir, const char *name, size_t max_bytes, char **ret, size_t *ret_size,
                 FileStamp *ret_stamp, Failure *f)
{
        _cleanup_close_ int fd = -1;
        struct stat st;
        FileName file;
        int r;

        r = file_name(name, &file);
        if (r < 0)
                return r;
        /* A device or a socket is better not opened at all; what was opened is judged again. */
        if (fstatat(dir, file.text, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? EXM_E_NO_MATCH : -errno;
        take_stamp(&st, ret_stamp);
        r = judge_file(&st, max_bytes, f);
        if (r != 0)
                return r;
        fd = openat(dir, file.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? EXM_E_NO_MATCH : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        take_stamp(&st, ret_stamp);
        r = judge_file(&st, max_bytes, f);
        return r == 0 ? read_all(fd, max_bytes, ret, ret_size, f) : r;
}

static int write_all(int fd, const char *text)
{
        size_t size = strlen(text);
        ssize_t n;

        for (; size > 0; text += n, size -= (size_t)n) {
                n = write(fd, text, size);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n < 0)
                        n = 0;
        }
        return 0;
}

static int write_temp(int dir, const char *temp, const char *text)
{
        _cleanup_close_ int fd = -1;
        int r;

        fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        /* A directory with the set-group-ID bit, or with a default ACL, changes nothing. */
        if (fchown(fd, 0, 0) < 0 || fchmod(fd, 0600) < 0)
                return -errno;
        r = write_all(fd, text);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

int key_dir_write(int dir, const char *name, const char *text, Failure *f)
{
        unsigned char random[8];
        char hex[2 * sizeof(random) + 1];
        FileName file, temp;
        int r;

        r = file_name(name, &file);
        if (r < 0)
                return r;
        randombytes_buf(random, sizeof(random));
        sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
        snprintf(temp.text, sizeof(temp.text), TEMP "%s", hex);

        r = write_temp(dir, temp.text, text);
        if (r == 0 && renameat2(dir, temp.text, dir, file.text, RENAME_NOREPLACE) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(dir, temp.text, 0);
        else if (fsync(dir) < 0) {
                r = -errno;
                unlinkat(dir, file.text, 0);
        }
        if (r == -EEXIST)
                return failure_set(f, EXM_E_CONFLICT,
                                   "%s: there is a key of this name: revoke it, or take another "
                                   "name.",
                                   name);
        return explain(r, file.text, f);
}

int key_dir_remove(int dir, const char *name, Failure *f)
{
        FileName file;
        int r;

        r = file_name(name, &file);
        if (r < 0)
                return r;
        if (unlinkat(dir, file.text, 0) < 0) {
                if (errno == ENOENT)
                        return failure_set(f, EXM_E_NO_MATCH, "%s: there is no key of this name.",
                                           name);
                return explain(-errno, file.text, f);
        }
        return fsync(dir) < 0 ? -errno : 0;
}
