/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * secret.h - text in locked memory that is wiped when it is freed (sodium_malloc).
 *
 * A key's text lives nowhere else: not in an argument vector, a log, an error or the database.
 */
#pragma once

#include <stddef.h>

#include "util/macro.h"

/* Once, before any other function of this room; starts libsodium. Returns: 0 or -errno, logged. */
int secret_init(void);

/* Returns: `size` bytes of 0 to be freed with secret_free(), NULL if out of memory or over
 * RLIMIT_MEMLOCK. */
char *secret_new(size_t size);
/* Returns: a copy, as secret_new(). */
char *secret_dup(const char *text);
/* Wipes. NULL is allowed. */
char *secret_free(char *secret);
DEFINE_CLEANUP(char *, secret_free);

#define _cleanup_secret_ _cleanup_(secret_free_cleanup)
