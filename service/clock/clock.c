/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.c - calls to systemd-timedated, and a watch on the link /etc/localtime.
 *
 * The link is read in a thread whenever something of its name has come or gone in /etc. Readings
 * follow one another; what is read while something has changed again is not taken.
 */
#include "clock/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/queue.h>

#include "files/localtime.h"
#include "util/log.h"
#include "util/strv.h"

#define TIMEDATE_NAME "org.freedesktop.timedate1"
#define TIMEDATE_PATH "/org/freedesktop/timedate1"
#define BUS_ERROR     "org.freedesktop.DBus.Error."

/* It is started by the bus, and reads a file of some hundred lines. */
#define CALL_USEC (30 * UINT64_C(1000000))

typedef struct Request {
        LIST_ENTRY(Request) entry;
        Clock *clock;
        sd_bus_slot *slot;
        bool sets;
        ClockDone done;
        void *userdata;
} Request;

typedef struct Reading {
        Clock *clock; /* NULL: gone */
        char *zone;
        int r;
} Reading;

struct Clock {
        sd_event_source *watch;
        sd_bus *bus;
        TaskPool *pool;
        char *zone;
        Reading *reading; /* the one that runs */
        bool read_again;
        LIST_HEAD(, Request) requests;
        void (*changed)(void *userdata);
        void *userdata;
};

/* --- the zone that is set --- */

static void read_work(void *userdata)
{
        Reading *reading = userdata;

        reading->r = localtime_read(&reading->zone);
}

static void start_reading(Clock *clock);

/* Takes over `zone`. */
static void take_zone(Clock *clock, char *zone)
{
        if (strcmp(clock->zone, zone) == 0) {
                free(zone);
                return;
        }
        free(clock->zone);
        clock->zone = zone;
        clock->changed(clock->userdata);
}

int clock_note_zone(Clock *clock, const char *zone)
{
        char *copy = strdup(zone);

        if (!copy)
                return -ENOMEM;
        clock->read_again = clock->reading != NULL;
        take_zone(clock, copy);
        return 0;
}

static void on_read(void *userdata)
{
        Reading *reading = userdata;
        Clock *clock = reading->clock;

        if (clock) {
                clock->reading = NULL;
                if (clock->read_again)
                        start_reading(clock);
                else if (reading->r == 0)
                        take_zone(clock, TAKE_PTR(reading->zone));
                else
                        log_warning("The time zone cannot be read: %s", strerror(-reading->r));
        }
        free(reading->zone);
        free(reading);
}

static void start_reading(Clock *clock)
{
        Reading *reading;

        clock->read_again = clock->reading != NULL;
        if (clock->reading)
                return;
        reading = calloc(1, sizeof(*reading));
        if (reading)
                reading->clock = clock;
        if (!reading || task_run(clock->pool, read_work, on_read, reading) < 0) {
                log_error("Out of memory, a change of the time zone is not followed");
                free(reading);
                return;
        }
        clock->reading = reading;
}

static int on_folder_event(sd_event_source *source, const struct inotify_event *event,
                           void *userdata)
{
        Clock *clock = userdata;

        if ((event->mask & IN_Q_OVERFLOW) ||
            (event->len > 0 && strcmp(event->name, LOCALTIME_NAME) == 0))
                start_reading(clock);
        return 0;
}

const char *clock_zone(const Clock *clock)
{
        return clock->zone;
}

/* --- calls --- */

static int refuse(Failure *f, const sd_bus_error *error, bool sets)
{
        static const char *const absent[] = {
                BUS_ERROR "ServiceUnknown",
                BUS_ERROR "NameHasNoOwner",
                "org.freedesktop.systemd1.NoSuchUnit",
                "org.freedesktop.systemd1.UnitMasked",
        };

        if (sd_bus_error_has_name(error, BUS_ERROR "InvalidArgs"))
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "systemd-timedated takes no such time zone; see ListTimezones");
        if (sd_bus_error_has_names(error, BUS_ERROR "NoReply", BUS_ERROR "Timeout",
                                   BUS_ERROR "TimedOut"))
                return failure_set(f, EXM_E_TIMEOUT,
                                   "systemd-timedated has ended or hangs, and gave no answer%s; "
                                   "see: systemctl status systemd-timedated",
                                   sets ? " (it may still do it)" : "");
        for (size_t i = 0; i < ELEMENTSOF(absent); i++)
                if (sd_bus_error_has_name(error, absent[i]))
                        return failure_set(f, EXM_E_REFUSED,
                                           "systemd-timedated is not there; see: systemctl status "
                                           "systemd-timedated");
        return failure_set(f, EXM_E_REFUSED, "systemd-timedated: %s",
                           error->message ?: error->name);
}

/* The request is gone before `done` runs. */
static void request_finish(Request *request, int r, Failure *f, char *const *zones)
{
        ClockDone done = request->done;
        void *userdata = request->userdata;

        LIST_REMOVE(request, entry);
        sd_bus_slot_unref(request->slot);
        free(request);
        done(r, f, zones, userdata);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_strv_ char **zones = NULL;
        Request *request = userdata;
        int r = 0;

        if (sd_bus_message_is_method_error(reply, NULL))
                r = refuse(&f, sd_bus_message_get_error(reply), request->sets);
        else if (sd_bus_message_has_signature(reply, "as"))
                r = sd_bus_message_read_strv(reply, &zones);
        request_finish(request, r > 0 && f.condition == EXM_E_NONE ? 0 : r, &f, zones);
        return 0;
}

static int call_timedated(Clock *clock, const char *member, const char *zone, ClockDone done,
                          void *userdata)
{
        sd_bus_message *m = NULL;
        Request *request;
        int r;

        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        *request = (Request){ .clock = clock, .sets = zone, .done = done, .userdata = userdata };
        r = sd_bus_message_new_method_call(clock->bus, &m, TIMEDATE_NAME, TIMEDATE_PATH,
                                           TIMEDATE_NAME, member);
        /* Whoever asked was authorised by us; timedated must not prompt for the daemon. */
        if (r >= 0 && zone)
                r = sd_bus_message_append(m, "sb", zone, false);
        if (r >= 0)
                r = sd_bus_call_async(clock->bus, &request->slot, m, on_answer, request, CALL_USEC);
        sd_bus_message_unref(m);
        if (r < 0) {
                free(request);
                return r;
        }
        LIST_INSERT_HEAD(&clock->requests, request, entry);
        return 0;
}

int clock_list_zones(Clock *clock, ClockDone done, void *userdata)
{
        return call_timedated(clock, "ListTimezones", NULL, done, userdata);
}

int clock_set_zone(Clock *clock, const char *zone, ClockDone done, void *userdata)
{
        return call_timedated(clock, "SetTimezone", zone, done, userdata);
}

/* --- its life --- */

int clock_new(Clock **ret, sd_event *event, sd_bus *bus, TaskPool *pool,
              void (*changed)(void *userdata), void *userdata)
{
        Clock *clock;
        int r;

        clock = calloc(1, sizeof(*clock));
        if (!clock)
                return -ENOMEM;
        clock->bus = sd_bus_ref(bus);
        clock->pool = pool;
        clock->changed = changed;
        clock->userdata = userdata;
        LIST_INIT(&clock->requests);
        /* Watched first: a change from now on is read again. */
        r = sd_event_add_inotify(event, &clock->watch, LOCALTIME_FOLDER,
                                 IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR,
                                 on_folder_event, clock);
        if (r >= 0)
                r = localtime_read(&clock->zone);
        if (r < 0) {
                clock_free(clock);
                return r;
        }
        *ret = clock;
        return 0;
}

Clock *clock_free(Clock *clock)
{
        Request *request;

        if (!clock)
                return NULL;
        while ((request = LIST_FIRST(&clock->requests)))
                request_finish(request, -ECANCELED, NULL, NULL);
        if (clock->reading)
                clock->reading->clock = NULL;
        sd_event_source_disable_unref(clock->watch);
        sd_bus_unref(clock->bus);
        free(clock->zone);
        free(clock);
        return NULL;
}
