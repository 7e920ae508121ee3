/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * retention.h - the journal kept within its limits (limits.h: keep_days, keep_bytes, keep_changes).
 *
 * Looked at after every commit, in a thread, a few changes at a time: a commit that comes meanwhile
 * waits for one batch at most.
 */
#pragma once

#include "bus/call/manager.h"

/* Does nothing if it is at work already. */
void retention_run(Manager *m);
