/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units.c - the room's state: the requests under way, and which connection is systemd.
 *
 * On the system bus anybody can send anybody a signal that looks like systemd's JobRemoved, or like
 * the bus's NameOwnerChanged; and sd-bus takes a sender's unique name for any well-known name that
 * a match asks for. So each handler compares the sender itself: NameOwnerChanged comes from the
 * bus, whose name nobody can have; JobRemoved from the unique name that owns
 * org.freedesktop.systemd1. The bus answers in order: the owner is known before a reply to a job
 * request can arrive.
 */
#include "units/units.h"

#include <errno.h>
#include <string.h>

#include "units/request.h"
#include "util/log.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

static int on_subscribed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (error && strcmp(error->name, SYSTEMD_NAME ".AlreadySubscribed") != 0)
                log_warning("Cannot subscribe to systemd's job signals: %s", error->message);
        return 0;
}

static int units_subscribe(Units *units)
{
        units->subscribe_call = sd_bus_slot_unref(units->subscribe_call);
        return sd_bus_call_method_async(units->bus, &units->subscribe_call, SYSTEMD_NAME,
                                        SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe", on_subscribed,
                                        units, "");
}

/* Returns: 0 or -ENOMEM. An empty name: nobody owns it. */
static int units_set_systemd(Units *units, const char *name)
{
        char *copy = NULL;

        if (*name) {
                copy = strdup(name);
                if (!copy)
                        return -ENOMEM;
        }
        free(units->systemd);
        units->systemd = copy;
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Units *units = userdata;
        const char *owner = "";
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                log_warning("systemd is not on the system bus; units cannot be managed");
                return 0;
        }
        r = sd_bus_message_read(m, "s", &owner);
        if (r >= 0)
                r = units_set_systemd(units, owner);
        if (r < 0)
                log_error("Cannot learn which connection systemd has: %s", strerror(-r));
        return 0;
}

/* A request that has not seen this round. Looked for from the start each time, because the callback
 * of one request may free any other.
 * Returns: the request, marked as seen; NULL when all have been. */
static UnitsRequest *units_next(Units *units)
{
        UnitsRequest *request;

        TAILQ_FOREACH(request, &units->requests, entry)
                if (request->round != units->round) {
                        request->round = units->round;
                        return request;
                }

        return NULL;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Units *units = userdata;
        UnitsRequest *request;
        const char *sender = sd_bus_message_get_sender(m);
        const char *name, *before, *after;
        int r;

        if (!sender || strcmp(sender, BUS_NAME) != 0) {
                log_debug("Ignoring a NameOwnerChanged signal that is not from the bus (sender %s)",
                          sender ? sender : "unknown");
                return 0;
        }
        r = sd_bus_message_read(m, "sss", &name, &before, &after);
        if (r >= 0 && strcmp(name, SYSTEMD_NAME) == 0)
                r = units_set_systemd(units, after);
        if (r < 0) {
                log_error("Cannot follow systemd's connection: %s", strerror(-r));
                return 0;
        }
        if (!units->systemd)
                return 0;

        r = units_subscribe(units);
        if (r < 0)
                log_error("Cannot subscribe to systemd's job signals: %s", strerror(-r));
        units->round++;
        while ((request = units_next(units)))
                if (request->kind->systemd_changed)
                        request->kind->systemd_changed(request);
        return 0;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Units *units = userdata;
        UnitsRequest *request;
        const char *sender = sd_bus_message_get_sender(m);
        const char *job, *unit, *result;
        uint32_t number;
        int r;

        if (!sender || !units->systemd || strcmp(sender, units->systemd) != 0) {
                log_debug("Ignoring a JobRemoved signal that is not from systemd (sender %s)",
                          sender ? sender : "unknown");
                return 0;
        }
        r = sd_bus_message_read(m, "uoss", &number, &job, &unit, &result);
        if (r < 0) {
                log_warning("Cannot read a JobRemoved signal of systemd: %s", strerror(-r));
                return 0;
        }
        units->round++;
        while ((request = units_next(units)))
                if (request->kind->job_removed)
                        request->kind->job_removed(request, job, result);
        return 0;
}

/* The order matters: see at the top. */
static int units_connect(Units *units)
{
        int r;

        r = sd_bus_add_match_async(units->bus, &units->owner_match,
                                   "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',"
                                   "interface='" BUS_NAME "',member='NameOwnerChanged',"
                                   "arg0='" SYSTEMD_NAME "'",
                                   on_owner_changed, NULL, units);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(units->bus, &units->owner_call, BUS_NAME, BUS_PATH, BUS_NAME,
                                     "GetNameOwner", on_owner, units, "s", SYSTEMD_NAME);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(units->bus, &units->job_match, SYSTEMD_NAME, SYSTEMD_PATH,
                                      SYSTEMD_MANAGER, "JobRemoved", on_job_removed, NULL, units);
        if (r < 0)
                return r;
        return units_subscribe(units);
}

int units_new(Units **ret, sd_bus *bus, const Limits *limits)
{
        Units *units;
        int r;

        units = calloc(1, sizeof(*units));
        if (!units)
                return -ENOMEM;
        units->bus = sd_bus_ref(bus);
        units->limits = limits;
        TAILQ_INIT(&units->requests);

        r = units_connect(units);
        if (r < 0) {
                units_free(units);
                return r;
        }
        *ret = units;
        return 0;
}

Units *units_free(Units *units)
{
        UnitsRequest *request;

        if (!units)
                return NULL;

        while ((request = TAILQ_FIRST(&units->requests))) {
                request_stop(request);
                if (request->floating)
                        units_request_free(request);
        }
        sd_bus_slot_unref(units->owner_match);
        sd_bus_slot_unref(units->owner_call);
        sd_bus_slot_unref(units->job_match);
        sd_bus_slot_unref(units->subscribe_call);
        sd_bus_unref(units->bus);
        free(units->systemd);
        free(units);
        return NULL;
}
