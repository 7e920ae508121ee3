/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.h - the time zone: what it is, which there are, and changing it by systemd-timedated's
 * D-Bus API (org.freedesktop.timedate1(5)).
 *
 * Asynchronous on the service's own system bus connection. The zone that is set is followed by the
 * link itself, so that a change by anybody is seen; nothing else of the clock is looked at.
 * Who may change it was decided before.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "util/failure.h"
#include "util/task.h"

typedef struct Clock Clock;

/* `changed` runs whenever the zone has become another one. Reads the zone (blocking).
 * Returns: 0 or -errno. */
int clock_new(Clock **ret, sd_event *event, sd_bus *bus, TaskPool *pool,
              void (*changed)(void *userdata), void *userdata);
/* What is under way ends with -ECANCELED. NULL is allowed. */
Clock *clock_free(Clock *clock);

/* Returns: the zone, "" if it has no name; valid until the loop runs again. */
const char *clock_zone(const Clock *clock);

/* It is known to be this one now; without it the link would tell, a little later.
 * Returns: 0 or -ENOMEM. */
int clock_note_zone(Clock *clock, const char *zone);

/* `zones`: strv, valid during the call; NULL unless r is 0 (and for clock_set_zone()).
 * r: EXM_E_INVALID_ARGS (no such zone), EXM_E_REFUSED (timedated is not there, or says no),
 * EXM_E_TIMEOUT (it may still do it), -errno. */
typedef void (*ClockDone)(int r, Failure *f, char *const *zones, void *userdata);

/* Runs `done` exactly once, never before this returns. Returns: 0 or -errno. */
int clock_list_zones(Clock *clock, ClockDone done, void *userdata);
int clock_set_zone(Clock *clock, const char *zone, ClockDone done, void *userdata);
