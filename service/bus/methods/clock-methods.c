/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock-methods.c - org.exmachina1.Clock: thin; the gate has checked the name of the zone and
 * authorised the change.
 */
#include <errno.h>
#include <string.h>

#include "bus/change/zone-change.h"
#include "bus/reach/query.h"
#include "util/strv.h"

int property_clock_timezone(sd_bus *bus, const char *path, const char *interface,
                            const char *property, sd_bus_message *reply, void *userdata,
                            sd_bus_error *error)
{
        const Manager *m = userdata;

        return sd_bus_message_append_basic(reply, 's', clock_zone(m->clock));
}

/* Takes the end of a call to timedated apart. Returns: true if the method goes on. */
static bool take_zones(Call *call, int r, Failure *f)
{
        if (call->dead)
                return false;
        if (r == 0)
                return true;
        if (f)
                failure_move(&call->failure, f);
        call_fail(call, r);
        return false;
}

static void on_listed(int r, Failure *f, char *const *zones, void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;

        if (take_zones(call, r, f)) {
                r = call_new_reply(call, &reply);
                if (r >= 0)
                        r = sd_bus_message_append_strv(reply, (char **)zones);
                query_finish(call, r < 0 ? r : 0, reply);
        }
        call_unref(call);
}

static int ask_for_zones(Call *call, ClockDone done)
{
        int r;

        r = clock_list_zones(call->manager->clock, done, call_ref(call));
        if (r < 0)
                call_unref(call);
        return r;
}

int method_clock_list_timezones(Call *call)
{
        return ask_for_zones(call, on_listed);
}

static void reply_empty(Call *call)
{
        call_reply(call, "");
}

/* Which files below zoneinfo are zones is timedated's to say; it would take other ones as well. */
static void on_known(int r, Failure *f, char *const *zones, void *userdata)
{
        Call *call = userdata;
        const char *zone = call->args.arg[0].s;

        if (take_zones(call, r, f)) {
                r = strv_contains(zones, zone)
                            ? zone_change_start(call, zone, NULL, 0, reply_empty)
                            : failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                          "%s: there is no such time zone; see ListTimezones",
                                          zone);
                if (r != 0)
                        call_fail(call, r);
        }
        call_unref(call);
}

int method_clock_set_timezone(Call *call)
{
        return ask_for_zones(call, on_known);
}
