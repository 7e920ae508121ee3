/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program.c - a descriptor that is never closed, and the name that the kernel has for it.
 *
 * By our own pid, not "self": a child closes its descriptors before it executes.
 */
#include "util/program.h"

#include <errno.h>
#include <fcntl.h>

#include "util/macro.h"

int program_hold(char **ret, const char *program)
{
        int fd;

        fd = open(program, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (asprintf(ret, "/proc/%d/fd/%d", getpid(), fd) < 0) {
                close(fd);
                return -ENOMEM;
        }
        return 0;
}
