/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * roots.h - which names may be read or written at all, before anybody's right is asked.
 *
 * A root is an absolute path without symbolic links: a directory (it and all below it) or one file.
 * Built from the configuration at start, immutable after, so threads may use it. ExMachina's own
 * configuration and state, and the kernel's file systems (/proc, /sys, /dev), are in no root,
 * whatever the configuration says.
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

typedef struct Roots Roots;

/* `readable` and `writable`: NULL-terminated; writable implies readable.
 * Returns: 0; -ENOMEM; -EINVAL if an entry is not a normal absolute path (named in the log). */
int roots_new(Roots **ret, char *const *readable, char *const *writable);
Roots *roots_free(Roots *roots);
DEFINE_CLEANUP(Roots *, roots_free);

/* `path` normal (path_check). */
bool roots_may_read(const Roots *roots, const char *path);
bool roots_may_write(const Roots *roots, const char *path);

/* Is it ExMachina's own configuration, data or state, or in a file system of the kernel's? No root
 * and no key reaches such a name. */
bool path_is_out_of_reach(const char *path);

/* Syntax only, before any I/O: absolute, at most LIMIT_PATH_BYTES, no component over NAME_MAX,
 * UTF-8, no empty, "." or ".." component, no trailing slash, no control character. Returns: 0 or
 * EXM_E_INVALID_PATH. */
int path_check(const char *path, Failure *f);
