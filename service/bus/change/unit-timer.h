/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-timer.h - systemd's timers that start the service again while the units of a change are
 * acted on.
 *
 * For a service that was stopped meanwhile, or killed too often to be started by its unit. It is
 * set before the first job and stopped after the last, and comes several times, each later, so that
 * one of them finds the service missing. One of each direction: the one that was stopped just now
 * may not be gone yet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "units/units.h"

void unit_timer_start(Units *units, uint64_t id, bool back);
/* Also that of the other direction if it is the way back: it may be left from before a kill. */
void unit_timer_stop(Units *units, uint64_t id, bool back);
