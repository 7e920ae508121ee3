/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idle.h - the end of the service when nobody needs it: after a time of quiet, or at the first
 * quiet moment after SIGHUP (systemctl reload, an upgrade).
 *
 * Nothing that was sent to it is lost: the bus name is given up first, what the bus had queued
 * before is served, and a call that comes later starts the next instance.
 */
#pragma once

#include <stdbool.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

typedef struct Idle Idle;

/* `is_busy` is asked before the end: whether somebody waits for something or still holds something.
 * Returns: 0 or -errno. */
int idle_new(Idle **ret, sd_event *event, sd_bus *bus, unsigned exit_sec,
             bool (*is_busy)(void *userdata), void *userdata);
Idle *idle_free(Idle *idle);

/* To be called when something begins or ends: the countdown begins anew. NULL is allowed. */
void idle_touch(Idle *idle);

/* The end has come another way. NULL is allowed. */
void idle_stop(Idle *idle);

/* After SIGHUP: the next instance will have the new configuration and be the new program. */
bool idle_is_leaving(const Idle *idle);
/* Nothing new is to begin. NULL: false. */
bool idle_is_stopping(const Idle *idle);
