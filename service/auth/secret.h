/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * secret.h - text in memory that is locked, guarded, and wiped when it is freed (sodium_malloc).
 *
 * A key's text lives here and in the message that brings it, which its call wipes
 * (bus/call/args.h), and nowhere else: not in an argument vector, a log, an error or the database.
 */
#pragma once

#include <stddef.h>

#include "util/macro.h"

/* Before any other function of this room, also again; starts libsodium, and tells the log if memory
 * cannot be locked here (RLIMIT_MEMLOCK, containers): keys work all the same.
 * Returns: 0 or -errno, logged. */
int secret_init(void);

/* Returns: `size` bytes of 0 to be freed with secret_free(), NULL if out of memory. */
char *secret_new(size_t size);
/* Wipes. NULL is allowed. */
char *secret_free(char *secret);
DEFINE_CLEANUP(char *, secret_free);

#define _cleanup_secret_ _cleanup_(secret_free_cleanup)
