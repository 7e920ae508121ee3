/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * once.h - what systemd is told without anybody waiting for the answer; a failure is logged.
 */
#pragma once

#include "units/units.h"

/* daemon-reload. */
void units_reload_manager(Units *units);

/* A unit that failed too often may be started again; nothing happens to one that did not. */
void units_reset_failed(Units *units, const char *id);

/* A transient timer `name` (without suffix) that starts `unit`, whatever becomes of this service:
 * `usecs` from now, n times; and its end. One that is there already stays as it is. */
void units_start_timer(Units *units, const char *name, const char *unit, const uint64_t *usecs,
                       size_t n);
void units_stop_timer(Units *units, const char *name);
