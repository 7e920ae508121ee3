/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name-locks.h - what must not happen at the same time, by names.
 *
 * A lock is taken for a set of names, all at once, and held until name_lock_end(). Locks that share
 * a name follow one another in the order of their coming; others are held side by side. One that is
 * taken as the first comes before all that wait, and behind those that are held. Since nobody waits
 * for a second lock while he holds one, and all that is done under one has a limit in time, each
 * comes to be held.
 *
 * Files are locked by the committer (commit/commit.h), within a commit's turn.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "util/failure.h"

typedef struct NameLocks NameLocks;
typedef struct NameLock NameLock;

/* From here on the lock is held. Runs from the event loop, once. */
typedef void (*NameLockHeld)(void *userdata);

/* `event` outlives them. Returns: 0 or -errno. */
int name_locks_new(NameLocks **ret, sd_event *event);
/* No lock is held or waited for any more. NULL is allowed. */
NameLocks *name_locks_free(NameLocks *locks);

/* Takes over `names` (strv; NULL: it waits for nobody), also on failure. `first`: to take
 * something back, for which there is no limit here. Returns: 0 and the lock, which is the caller's;
 * EXM_E_LIMIT_EXCEEDED in `f` if too many of this uid, or of all, wait; -errno. */
int name_locks_take(NameLocks *locks, uid_t uid, char **names, bool first, NameLockHeld on_held,
                    void *userdata, NameLock **ret, Failure *f);

/* Ends it, or leaves the queue: then `on_held` does not run. NULL is allowed. Returns: NULL. */
NameLock *name_lock_end(NameLock *lock);
