/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * signals.h - what everybody may know of a change: History's signals, and the deadlines that go
 * with them.
 *
 * Only names of files that everybody may read are told, and never content. A pending change is
 * handed to deadlines.h here, so that none is announced without being watched.
 */
#pragma once

#include "bus/call/manager.h"
#include "commit/record.h"

/* After a commit: Committed, and Pending if it awaits Confirm. `public_files`: strv, what may be
 * named. */
void signals_committed(Manager *m, const ChangeRecord *record, char *const *public_files);

void signals_pending(Manager *m, const ChangeRecord *record);
void signals_confirmed(Manager *m, uint64_t id);
void signals_reverted(Manager *m, uint64_t id, const char *reason);

/* Seconds until the deadline of a pending change, rounded up; 0 if it is over or there is none. */
uint32_t signals_remaining(const ChangeRecord *record);
