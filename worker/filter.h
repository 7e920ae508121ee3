/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter.h - the system calls that are left to a program of this room.
 */
#pragma once

#include <stdbool.h>

/* Any call that is not on the list ends the process (SIGSYS), and the kernel's audit log names it.
 * `allow_exec`: also what another program needs to start and to be loaded.
 * Returns: 0 or -errno. */
int filter_install(bool allow_exec);
