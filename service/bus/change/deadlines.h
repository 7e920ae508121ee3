/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deadlines.h - pending changes, and taking back those that nobody has confirmed in time.
 *
 * The journal holds the deadlines; this only wakes up for them: a timer of the event loop, and,
 * since the service may be stopped meanwhile, a transient timer of systemd that starts it again
 * (what is due is then taken back before anything is served, commit/recover.h). A service that was
 * killed is started again at once by its unit; a reboot is exmachina-recover.service's.
 */
#pragma once

#include "bus/call/manager.h"

typedef struct Deadlines Deadlines;

/* Brings unfinished changes to an end, if there are any, before anything is served (blocking), and
 * watches those that are still pending. `reverted` tells everybody of one that was taken back.
 * Returns: 0 or -errno; an unusable journal is logged. */
int deadlines_new(Deadlines **ret, Manager *m,
                  void (*reverted)(Manager *m, uint64_t id, const char *reason));
Deadlines *deadlines_free(Deadlines *deadlines);

/* A pending change, with its units. Known ones are moved to its deadline, and keep the units. */
void deadlines_watch(Deadlines *deadlines, const ChangeRecord *record);
void deadlines_forget(Deadlines *deadlines, uint64_t id);

/* A change is kept (Confirm, Extend) or taken back (deadline, Revert), never both at once. What
 * begins first goes to its end: the other is told that the change does not await anything any more.
 * Returns: false if something has begun; else the end is due. */
bool deadlines_begin_keep(Deadlines *deadlines, uint64_t id);
void deadlines_end_keep(Deadlines *deadlines, uint64_t id);
bool deadlines_begin_revert(Deadlines *deadlines, uint64_t id);
void deadlines_end_revert(Deadlines *deadlines, uint64_t id);

/* Returns: true while a change is pending. */
bool deadlines_any(const Deadlines *deadlines);
