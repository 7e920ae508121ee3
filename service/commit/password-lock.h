/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * password-lock.h - the lock that passwd(1), useradd(8) and others take on the user database.
 *
 * The same as lckpwdf(3), whose own function is of no use beside threads: it waits by SIGALRM and
 * keeps its descriptor in a static variable. An open-file-description lock on the same file
 * excludes, and is excluded by, lckpwdf in any other process. Blocking: runs in a thread.
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

#define PASSWORD_LOCK_FILE "/etc/.pwd.lock"

/* Returns: true for /etc/passwd, group, shadow and gshadow. */
bool password_lock_covers(const char *path);

/* Waits up to 15 s, as lckpwdf does.
 * Returns: 0 and a descriptor that holds the lock until it is closed; EXM_E_TIMEOUT; -errno. */
int password_lock_take(int *ret, Failure *f);
