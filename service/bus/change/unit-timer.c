/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-timer.c - their names, and when they come.
 */
#include "bus/change/unit-timer.h"

#include <inttypes.h>
#include <stdio.h>

#include "units/once.h"
#include "util/macro.h"

#define USEC_PER_SEC UINT64_C(1000000)

static void timer_name(uint64_t id, bool back, char ret[64])
{
        snprintf(ret, 64, "exmachina-units-%" PRIu64 "%s", id, back ? "-back" : "");
}

void unit_timer_start(Units *units, uint64_t id, bool back)
{
        static const uint64_t times[] = { 20 * USEC_PER_SEC, 60 * USEC_PER_SEC, 180 * USEC_PER_SEC,
                                          600 * USEC_PER_SEC, 1800 * USEC_PER_SEC };
        char name[64];

        timer_name(id, back, name);
        units_start_timer(units, name, "exmachina.service", times, ELEMENTSOF(times));
}

void unit_timer_stop(Units *units, uint64_t id, bool back)
{
        char name[64];

        timer_name(id, false, name);
        units_stop_timer(units, name);
        if (!back)
                return;
        timer_name(id, true, name);
        units_stop_timer(units, name);
}
