/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-jobs.h - the actor of the committer: units take the files of a change, or take them back.
 *
 * Forward: daemon-reload if systemd itself reads one of the files; a job for each unit, one after
 * the other; then all have to stay active for the change's grace. The first failure ends it. Back:
 * the same for what has been acted on, to the end whatever fails, so that it can be said of each
 * unit how it is. Nothing is begun with a unit that is not in the journal before.
 */
#pragma once

#include "bus/call/manager.h"

/* Becomes the actor of m->committer. Returns: 0 or -ENOMEM. */
int unit_jobs_new(UnitJobs **ret, Manager *m);

/* The service ends: nothing more is begun, and systemd is told to start it again soon, since the
 * changes that are under way are in its journal only. */
void unit_jobs_stop(UnitJobs *jobs);

/* The files of a change are in place, or back: of one without units, which no actor follows,
 * systemd is told to read its unit files again. What is asked of it after that is asked of the new
 * ones. */
void unit_jobs_tell_manager(const Manager *m, const ChangeRecord *record);

/* After its tasks have ended (util/task.h), before the committer. NULL is allowed. */
UnitJobs *unit_jobs_free(UnitJobs *jobs);
