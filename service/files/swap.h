/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * swap.h - putting one node in the place of another, or nothing happens.
 *
 * The new node is made complete under a temporary name (".exmachina-XXXXXX") in the same directory,
 * written to the disk and exchanged with the old one; what came out is compared with what was
 * expected and exchanged back if it is something else. So at every moment the name holds all of the
 * old or all of the new, and an edit that somebody makes in between is not lost. Blocking: runs in
 * a thread.
 */
#pragma once

#include "files/node.h"
#include "util/failure.h"

/* `dir` is an O_PATH descriptor of a directory in which only root can rename. `path` is for
 * messages. `expected` and `wanted` may be NODE_MISSING, not both. wanted->version becomes that of
 * the new file as it is on the disk (a security label that the system gave it included). Returns:
 * 0; else nothing has changed: EXM_E_CONFLICT (something else than `expected` is there);
 * EXM_E_REFUSED, EXM_E_LIMIT_EXCEEDED (the file system says no); -errno. */
int swap_nodes(int dir, const char *name, const char *path, const Node *expected, Node *wanted,
               Failure *f);

/* The words for a system call that failed on `path` when nothing has changed.
 * Returns: EXM_E_REFUSED, EXM_E_LIMIT_EXCEEDED, EXM_E_CONFLICT, or `r` if it is not the caller's to
 * mend. */
int swap_explain(int r, const char *path, Failure *f);
