/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.h - several files change together or not at all, and the journal knows before.
 *
 * A commit checks every file under a lock (commits that share a file follow one another, others run
 * side by side; passwd, group, shadow, gshadow under the lock of lckpwdf), makes itself durable in
 * the journal, then replaces the files one by one and undoes what it has done when a later one
 * fails. All I/O runs in threads. A change with units (record.h) stays prepared while its actor
 * acts on them; if that fails its files are put back, and the actor acts on the units again. Once
 * the first file is being replaced nothing cancels it: `done` always runs.
 *
 * Who may do this has been decided before (bus/gate.c); this room knows files and no callers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "commit/journal.h"
#include "files/change.h"
#include "util/task.h"

typedef struct Committer Committer;
typedef struct CommitJob CommitJob;

/* Acts on the units of a change: its new files are in place, or (`back`) its old ones are again,
 * and those units that were acted on need to take them. Never called from within a function of this
 * header but commit_acted(). `record` has no content to rely on; it lives until commit_acted(),
 * which is due exactly once, also from within. */
typedef void (*CommitAct)(CommitJob *job, const ChangeRecord *record, bool back, void *userdata);

/* One per service. `pool`, `roots` and `journal` outlive it. */
int committer_new(Committer **ret, TaskPool *pool, const Roots *roots, Journal *journal);
/* Commits that wait end with -ECANCELED; those that run go on, and their `done` runs as the pool
 * gets to it (task_pool_free() at the latest). */
Committer *committer_free(Committer *c);

/* Once, before the first commit. Without an actor units are left alone. */
void committer_set_actor(Committer *c, CommitAct act, void *userdata);

/* r: 0; EXM_E_UNIT_FAILED, EXM_E_TIMEOUT, ..., -errno with `f` (taken over). Back: `f` says, with
 * either, how the units are now; of a pending change with 0 what its reason is to tell of them. The
 * names of the change's files are locked until its end. */
void commit_acted(CommitJob *job, int r, Failure *f);

/* r: 0 and the change as it is in the journal now (number, state, deadline, names and versions of
 * its steps), valid during the call; else `record` is NULL and nothing has changed (EXM_E_CONFLICT,
 * EXM_E_REFUSED, EXM_E_LIMIT_EXCEEDED, EXM_E_TIMEOUT, -errno), or, if undoing failed too,
 * EXM_E_CONFLICT and the message says which file is in which state. If the units failed: what
 * commit_acted() was given, and the message says how files and units are now. */
typedef void (*CommitDone)(int r, Failure *f, const ChangeRecord *record, void *userdata);

/* Takes over *record (uid, authority, message, token, confirm_within, reverts, units are filled in,
 * user if it is known; no steps) and `changes` (array and elements) also on failure. n_changes
 * >= 1. EXM_E_REFUSED if two of the changes are for one file (by name, canonical name or inode).
 * `done` never runs before this returns. Returns: 0 or -errno. */
int commit_start(Committer *c, ChangeRecord *record, FileChange *changes, size_t n_changes,
                 CommitDone done, void *userdata);

/* The same for a record whose steps are ready, at least one: of each its name, path, and the nodes
 * with content, `before` what must be there now and `after` what shall be. They are checked as any
 * other. */
int commit_start_steps(Committer *c, ChangeRecord *record, CommitDone done, void *userdata);

/* Takes back one pending change, or a prepared one that recovery found due (recover.h), when no
 * commit is writing files. r: as recover_revert(), or EXM_E_UNIT_FAILED: the files are back, and
 * the message says how the units are; the record is given unless it is still unfinished. Returns: 0
 * or -errno. */
int commit_revert(Committer *c, uint64_t id, const char *reason, CommitDone done, void *userdata);

/* Returns: true while a commit is queued or running. */
bool committer_is_busy(const Committer *c);
