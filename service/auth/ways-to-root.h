/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ways-to-root.h - the reviewed list of what amounts to root (policy/ways-to-root).
 *
 * A line is: what is done ("read", "write", or verbs of units with commas between them), a glob of
 * files or of units, and why. Immutable once loaded.
 */
#pragma once

#include <stdbool.h>

#include "auth/glob.h"

typedef struct WayToRoot {
        char *acts; /* "read", "write", or "start,restart" */
        char *pattern, *reason;
        Glob *glob;
} WayToRoot;

typedef struct WaysToRoot WaysToRoot;

/* Returns: 0; -EINVAL (a damaged line); -errno; logged. */
int ways_to_root_load(WaysToRoot **ret, const char *path);
WaysToRoot *ways_to_root_free(WaysToRoot *ways);
DEFINE_CLEANUP(WaysToRoot *, ways_to_root_free);

/* The `i`th way, NULL at the end. */
const WayToRoot *ways_to_root_get(const WaysToRoot *ways, size_t i);
/* Is `act` one of those of the way? */
bool way_to_root_has_act(const WayToRoot *way, const char *act);
