/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * swap.h - putting one node in the place of another, or nothing happens.
 *
 * The new node is made under a temporary name (TEMP.part) in the same directory, written to the
 * disk, renamed to TEMP, and exchanged with the old one; what came out is compared with what was
 * expected and exchanged back if it is something else. So at every moment the name holds all of the
 * old or all of the new, and an edit that somebody makes in between is not lost.
 *
 * Two temporary names, so that after a crash it is known what is under each: TEMP.part is ours and
 * of no value; TEMP is a whole node, the old or the new or somebody's edit. Blocking: runs in a
 * thread.
 */
#pragma once

#include "files/node.h"
#include "util/failure.h"

/* Where it happens. */
typedef struct SwapPlace {
        int dir;          /* O_PATH descriptor of a directory in which only root can rename */
        const char *name; /* in it */
        const char *temp; /* in it: the caller's alone, and not there */
        const char *path; /* for messages */
} SwapPlace;

/* `expected` and `wanted` may be NODE_MISSING, not both. wanted->version becomes that of the new
 * file as it is on the disk (a security label that the system gave it included). Returns: 0; else
 * nothing has changed: EXM_E_CONFLICT (something else than `expected` is there, or something is
 * under a temporary name); EXM_E_REFUSED, EXM_E_LIMIT_EXCEEDED (the file system says no); -errno.
 */
int swap_nodes(const SwapPlace *place, const Node *expected, Node *wanted, Failure *f);

/* After a crash within swap_nodes() between these two, in either direction: takes the temporary
 * names away; what is neither of the two goes back to its name, unless that has been edited again.
 * Returns: 0 or -errno. */
int swap_settle(const SwapPlace *place, const Node *before, const Node *after);

/* Returns: 0; EXM_E_CONFLICT if something is under a temporary name; -errno. */
int swap_check(const SwapPlace *place, Failure *f);

/* The words for a system call that failed on `path` when nothing has changed.
 * Returns: EXM_E_REFUSED, EXM_E_LIMIT_EXCEEDED, EXM_E_CONFLICT, or `r` if it is not the caller's to
 * mend. */
int swap_explain(int r, const char *path, Failure *f);
