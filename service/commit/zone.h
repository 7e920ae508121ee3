/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zone.h - a change of the time zone in the journal: its record, before systemd-timedated is asked
 * and after.
 *
 * It has no steps: nothing of it is written here. What /etc/localtime says afterwards decides how
 * it ended, also after a crash in between. All block: they run in a thread.
 */
#pragma once

#include "commit/journal.h"

/* Begins the change to `zone` (uid, authority, message, token, reverts are filled in): durable in
 * the journal as prepared. `expected`: the zone that must be set now, NULL for any.
 * Returns: 0; 0 with id 0 if the zone is set already, and nothing is journaled; EXM_E_CONFLICT
 * (another one is set); as journal_prepare(). */
int zone_prepare(Journal *journal, ChangeRecord *record, const char *zone, const char *expected,
                 Failure *f);

/* Ends it: applied if the zone is set now, else failed. `why`: what timedated said, NULL: nothing.
 * Returns: 0 (record->state says which); as journal_set_state(). */
int zone_settle(Journal *journal, ChangeRecord *record, const char *why, Failure *f);
