/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sandbox.h - what a program of this room gives up before it reads its first byte of input.
 *
 * exmachina-worker: chroot into the lens directory, its own uid and gid, no groups, no
 * capabilities, no new privileges, rlimits (address space, CPU, 64 MiB stack, open files, no
 * processes, no core, no file writes), locale C, a seccomp allow-list without exec, socket,
 * write-open, ptrace or kill.
 *
 * exmachina-diff: the same without chroot, and exec of diff(1) is let through: it shows two sealed
 * memfds (descriptors 3 and 4) to `diff -u` and writes to descriptor 1, which is a pipe.
 * Its arguments: UID GID CPU-SECONDS MEMORY-BYTES LABEL-OLD LABEL-NEW [LABEL-MERGED]
 *
 * Every step is checked; one that fails ends the program with exit status 125 and a line on stderr.
 * Started as a non-root user (unit tests) the steps that need root are left out, only if UID and
 * GID are the caller's own and, for the worker, --no-chroot is given.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/filter.h"

typedef struct Sandbox {
        const char *root; /* chroot here; NULL: none */
        uid_t uid;
        gid_t gid;
        uint64_t cpu_seconds;
        uint64_t memory_bytes;
        FilterKind filter;
} Sandbox;

/* Returns: 0, or -errno with a line on stderr naming the step. */
int sandbox_enter(const Sandbox *sandbox);
