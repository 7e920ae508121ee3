/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter.h - the system calls that are left to a program of this room.
 */
#pragma once

typedef enum FilterKind {
        FILTER_WORKER,
        FILTER_EXEC,     /* also what another program needs to start and to be loaded */
        FILTER_CHILDREN, /* and to run programs itself: diff3(1) runs diff(1) */
} FilterKind;

/* Any call that is not on the list ends the process (SIGSYS), and the kernel's audit log names it.
 * Returns: 0 or -errno. */
int filter_install(FilterKind kind);
