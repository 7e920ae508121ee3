/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * submounts.c - detached copies of the mounts (open_tree), moved to where they were.
 *
 * They are listed by the kernel with parents before children, and are mounted again in this order.
 * More than MOUNTS_MAX of them are nothing that anybody configures.
 */
#include "worker/submounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/macro.h"

#define MOUNTS_MAX 64U
#define MOUNTINFO  "/proc/self/mountinfo"

typedef struct Submount {
        char *path;
        int fd; /* of the detached copy; -1 once it is mounted */
        bool mounted;
} Submount;

struct Submounts {
        Submount list[MOUNTS_MAX];
        size_t n;
};

Submounts *submounts_free(Submounts *submounts)
{
        for (size_t i = 0; submounts && i < submounts->n; i++) {
                if (submounts->list[i].fd >= 0)
                        close(submounts->list[i].fd);
                free(submounts->list[i].path);
        }
        free(submounts);
        return NULL;
}

/* Blanks, line breaks and backslashes stand as three octal digits. In place. */
static void unescape(char *path)
{
        char *to = path;

        for (const char *from = path; *from; to++) {
                unsigned byte;

                if (*from == '\\' && sscanf(from + 1, "%3o", &byte) == 1) {
                        *to = (char)byte;
                        from += 4;
                } else {
                        *to = *from++;
                }
        }
        *to = '\0';
}

/* The fifth word of a line, or NULL. Changes the line. */
static char *mount_point(char *line)
{
        char *word = NULL, *rest = line;

        for (unsigned i = 0; i < 5; i++)
                word = strsep(&rest, " ");
        if (word)
                unescape(word);
        return word;
}

/* One that is hidden by another at the same place is the same to us: the upper one is opened. */
static int add(Submounts *submounts, const char *path)
{
        Submount *mount = &submounts->list[submounts->n];
        int fd;

        for (size_t i = 0; i < submounts->n; i++)
                if (strcmp(submounts->list[i].path, path) == 0)
                        return 0;
        fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT |
                                  AT_SYMLINK_NOFOLLOW);
        if (fd < 0)
                return 0;
        mount->path = strdup(path);
        if (!mount->path) {
                close(fd);
                return -1;
        }
        mount->fd = fd;
        submounts->n++;
        return 0;
}

int submounts_open(Submounts **ret, const char *root)
{
        _cleanup_fclose_ FILE *file = fopen(MOUNTINFO, "re");
        _cleanup_free_ char *line = NULL;
        size_t length = strlen(root), size = 0;
        Submounts *submounts;
        int r = 0;

        submounts = file ? calloc(1, sizeof(*submounts)) : NULL;
        if (!submounts)
                return -1;
        while (r == 0 && submounts->n < MOUNTS_MAX && getline(&line, &size, file) > 0) {
                const char *path = mount_point(line);

                if (path && strncmp(path, root, length) == 0 && path[length] == '/')
                        r = add(submounts, path);
        }
        if (r < 0)
                submounts_free(submounts);
        else
                *ret = submounts;
        return r;
}

/* A file system that cannot be below an overlay stays as it is: nothing is staged in it then. */
static int lay_over(const char *path, const char *stage, size_t number)
{
        _cleanup_free_ char *upper = NULL, *work = NULL, *options = NULL;

        if (strpbrk(path, ",:\\"))
                return 0;
        if (asprintf(&upper, "%s/%zu-upper", stage, number) < 0 ||
            asprintf(&work, "%s/%zu-work", stage, number) < 0 ||
            asprintf(&options, "lowerdir=%s,upperdir=%s,workdir=%s", path, upper, work) < 0)
                return -1;
        if (mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
                return -1;
        mount("exmachina", path, "overlay", MS_NOSUID | MS_NODEV, options);
        return 0;
}

int submounts_restore(Submounts *submounts, const char *stage)
{
        struct stat st;

        for (size_t i = 0; i < submounts->n; i++) {
                Submount *one = &submounts->list[i];

                one->mounted = syscall(SYS_move_mount, one->fd, "", AT_FDCWD, one->path,
                                       MOVE_MOUNT_F_EMPTY_PATH) == 0;
                if (one->mounted && fstat(one->fd, &st) == 0 && S_ISDIR(st.st_mode) &&
                    lay_over(one->path, stage, i) < 0)
                        return -1;
                close(TAKE_FD(one->fd));
        }
        return 0;
}

int submounts_seal(const Submounts *submounts)
{
        const unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;

        for (size_t i = 0; i < submounts->n; i++)
                if (submounts->list[i].mounted &&
                    mount(NULL, submounts->list[i].path, NULL, flags, NULL) < 0)
                        return -1;
        return 0;
}
