/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * password-lock.c - lckpwdf for a thread.
 */
#include "commit/password-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#define WAIT_SEC   15
#define RETRY_MSEC 50

bool password_lock_covers(const char *path)
{
        static const char *const covered[] = { "/etc/passwd", "/etc/group", "/etc/shadow",
                                               "/etc/gshadow" };

        for (size_t i = 0; i < ELEMENTSOF(covered); i++)
                if (strcmp(path, covered[i]) == 0)
                        return true;
        return false;
}

static int try_lock(int fd)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

int password_lock_take(int *ret, Failure *f)
{
        const struct timespec pause = { .tv_nsec = RETRY_MSEC * 1000000L };
        _cleanup_close_ int fd = -1;
        int r;

        fd = open(PASSWORD_LOCK_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = try_lock(fd);
        for (unsigned waited = 0;
             (r == -EAGAIN || r == -EACCES) && waited < WAIT_SEC * 1000 / RETRY_MSEC; waited++) {
                nanosleep(&pause, NULL);
                r = try_lock(fd);
        }
        if (r == -EAGAIN || r == -EACCES)
                return failure_set(f, EXM_E_TIMEOUT,
                                   "%s: another program has been changing the users or groups for "
                                   "%d seconds; nothing was changed. Try again when it has ended.",
                                   PASSWORD_LOCK_FILE, WAIT_SEC);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}
