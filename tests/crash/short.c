/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * short.c - stands before the C library's functions; the state is the program's, for it is the
 * program that is tested.
 */
#include "short.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/macro.h"

static struct {
        bool counting;
        unsigned long count, target;
} shorts;

static size_t cut(size_t size)
{
        if (!shorts.counting || ++shorts.count != shorts.target || size < 2)
                return size;
        return size / 2;
}

_public_ ssize_t write(int fd, const void *data, size_t size);
_public_ ssize_t pwrite(int fd, const void *data, size_t size, off_t offset);

ssize_t write(int fd, const void *data, size_t size)
{
        return syscall(SYS_write, fd, data, cut(size));
}

/* With 64-bit offsets, as everything here is built, this is pwrite64(). */
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
        return syscall(SYS_pwrite64, fd, data, cut(size), offset);
}

void short_begin(void)
{
        const char *target = getenv("VICTIM_SHORT");

        shorts.counting = target;
        shorts.target = target ? strtoul(target, NULL, 10) : 0;
}

void short_end(void)
{
        shorts.counting = false;
        if (getenv("VICTIM_SHORT") && shorts.target == 0)
                printf("%lu\n", shorts.count);
}
