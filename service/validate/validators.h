/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * validators.h - all validators there are: which check a file, and which units use it.
 *
 * Read at start from several directories of *.conf files; of two files of one name the later
 * directory's counts, and a link to /dev/null or an empty file masks. A damaged one neither
 * replaces nor ends anything: it stays in the list beside the one that stands in for it, to say so
 * of each change of its files. Immutable after, so threads may use it.
 */
#pragma once

#include <stddef.h>

#include "validate/definition.h"

typedef struct Validators {
        Validator **list; /* sorted by name */
        size_t n;
} Validators;

/* `directories`: NULL-terminated, a later one wins; one that is missing is empty. Blocking.
 * Returns: 0, -errno. */
int validators_load(Validators **ret, const char *const *directories);
Validators *validators_free(Validators *validators);
DEFINE_CLEANUP(Validators *, validators_free);

/* Does any of them apply to the file (validator_applies())? */
bool validators_apply(const Validators *validators, const char *name, const char *path);

/* The units that use any of these files: candidates, names or globs of units as they stand in the
 * validators' files, each once; whether there is such a unit and whether it is active is for
 * systemd to say. `files`: absolute names (strv). Returns: 0 and a strv (NULL: none), or -ENOMEM.
 */
int validators_units(const Validators *validators, char *const *files, char ***ret);
