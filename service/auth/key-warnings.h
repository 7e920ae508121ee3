/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-warnings.h - where a grant amounts to root, in words.
 *
 * Data file policy/ways-to-root: a glob of files or units, and why writing (or reading, or acting
 * on) what it matches gives its writer the machine. A grant is compared with it as a set of names:
 * one warning for each entry that the grant's names and the entry's could share, with both.
 */
#pragma once

#include "auth/grants.h"
#include "files/ordinary.h"

typedef struct WaysToRoot WaysToRoot;

/* Returns: 0; -EINVAL (a damaged line); -errno; logged. */
int ways_to_root_load(WaysToRoot **ret, const char *path);
WaysToRoot *ways_to_root_free(WaysToRoot *ways);
DEFINE_CLEANUP(WaysToRoot *, ways_to_root_free);

/* Returns: 0 and a strv (empty: none), or -ENOMEM. */
int key_warnings(const WaysToRoot *ways, const OrdinaryFiles *ordinary, const Grants *grants,
                 char ***ret);
