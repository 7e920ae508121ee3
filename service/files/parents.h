/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parents.h - the directories that a new file needs, made and taken away again.
 *
 * Made root:root 0755 without ACL, each written to the disk; taken away only if empty. Blocking:
 * runs in a thread.
 */
#pragma once

#include "files/walk.h"
#include "util/failure.h"

/* The absolute names of the directories that are missing between walk->dir and the last component,
 * outermost first. Returns: 0 or -ENOMEM. */
int parents_plan(const Walk *walk, char ***ret);

/* Makes what is missing; afterwards walk_has_parent(walk). One that is missing and not in `planned`
 * is not made. Returns: 0; else nothing is left of them: EXM_E_CONFLICT, EXM_E_REFUSED, ... or
 * -errno. */
int parents_make(Walk *walk, const Roots *roots, char *const *planned, Failure *f);

/* Removes those of the directories that are still there and empty. */
void parents_remove(const Roots *roots, char *const *planned);
