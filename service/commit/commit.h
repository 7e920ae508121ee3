/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.h - several files change together or not at all.
 *
 * commit_start() takes a prepared list, checks every file under a lock (commits that share a file
 * follow one another, others run side by side; passwd, group, shadow, gshadow under the lock of
 * lckpwdf), then replaces them one by one and undoes what it has done when a later one fails. All
 * file I/O runs in threads. Once the first file is being replaced nothing cancels it: `done` always
 * runs.
 *
 * Who may do this has been decided before (bus/gate.h); this room knows files and no callers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "files/change.h"
#include "util/task.h"

typedef struct Committer Committer;

/* One per service. `pool` and `roots` outlive it. Change numbers count from 1 at each start. */
int committer_new(Committer **ret, TaskPool *pool, const Roots *roots);
/* Commits that wait end with -ECANCELED; those that run go on, and their `done` runs as the pool
 * gets to it (task_pool_free() at the latest). */
Committer *committer_free(Committer *c);

/* r: 0 and the change's number; else nothing has changed (EXM_E_CONFLICT, EXM_E_REFUSED,
 * EXM_E_LIMIT_EXCEEDED, EXM_E_TIMEOUT, -errno), or, if undoing failed too, EXM_E_CONFLICT and the
 * message says which file is in which state. */
typedef void (*CommitDone)(int r, Failure *f, uint64_t change, void *userdata);

/* Takes over `changes` (array and elements) also on failure. n_changes >= 1.
 * EXM_E_REFUSED if two of the changes are for one file (by name, canonical name or inode).
 * `done` never runs before this returns. Returns: 0 or -errno. */
int commit_start(Committer *c, FileChange *changes, size_t n_changes, CommitDone done,
                 void *userdata);

/* Returns: true while a commit is queued or running. */
bool committer_is_busy(const Committer *c);
