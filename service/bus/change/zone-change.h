/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zone-change.h - changing the time zone: the journal first, then systemd-timedated.
 *
 * The caller has been authorised. One change of the zone at a time; once it is in the journal it
 * goes on to its end, also if the caller vanishes.
 */
#pragma once

#include "bus/call/call.h"

/* `expected`: the zone that must be set now, NULL for any. `reverts`: the change that this one
 * takes back, 0 none. Then runs `next` with call->change, 0 if nothing had to be changed; or the
 * call has failed. Returns: 0; a condition with call->failure; -errno. */
int zone_change_start(Call *call, const char *zone, const char *expected, uint64_t reverts,
                      void (*next)(Call *call));
