/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idle.c - the countdown, and giving up the name.
 */
#include "bus/call/idle.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "bus/call/manager.h"
#include "util/log.h"

/* After the name is given up: how long to wait for what the bus had queued before. */
#define RELEASED_USEC (50 * 1000)

/* Asked to leave, and something is under way: how soon to look again. */
#define LEAVING_USEC (500 * 1000)

struct Idle {
        sd_event *event;
        sd_bus *bus;
        uint64_t exit_usec;
        bool (*is_busy)(void *userdata);
        void *userdata;
        sd_event_source *countdown, *hangup;
        bool leaving;  /* SIGHUP: it ends as soon as nothing is under way */
        bool stopping; /* the name is being given up */
        bool released; /* it is given up: what was queued before is served, then it ends */
};

/* Asked to leave, the end of whatever was under way is the moment to look. */
static void arm(Idle *idle, uint64_t leaving_usec)
{
        uint64_t usec = idle->released  ? RELEASED_USEC
                        : idle->leaving ? leaving_usec
                                        : idle->exit_usec;

        if (sd_event_source_set_time_relative(idle->countdown, usec) >= 0)
                sd_event_source_set_enabled(idle->countdown, SD_EVENT_ONESHOT);
}

void idle_touch(Idle *idle)
{
        if (idle)
                arm(idle, 0);
}

/* The name is ours no more: what was queued for us before is still served; what comes now starts a
 * new instance, which systemd holds back until this one has ended. */
static int on_released(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Idle *idle = userdata;

        idle->released = true;
        idle_touch(idle);
        return 0;
}

static int on_countdown(sd_event_source *source, uint64_t usec, void *userdata)
{
        Idle *idle = userdata;
        int r;

        if (idle->is_busy(idle->userdata) || (idle->stopping && !idle->released)) {
                arm(idle, LEAVING_USEC);
                return 0;
        }
        if (idle->released)
                return sd_event_exit(idle->event, 0);
        log_debug("%s, exiting", idle->leaving ? "asked to" : "idle");
        idle->stopping = true;
        sd_notify(false, "STOPPING=1");
        r = sd_bus_release_name_async(idle->bus, NULL, MANAGER_BUS_NAME, on_released, idle);
        return r < 0 ? sd_event_exit(idle->event, 0) : 0;
}

/* An upgrade, a changed configuration: the next instance, which the next call starts, has the new
 * configuration and is the new program. Open transactions, calls and changes that await their
 * confirmation keep this one; keys that are unlocked do not. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Idle *idle = userdata;

        idle->leaving = true;
        sd_notify(false, "STATUS=Ends as soon as no call, transaction or pending change needs it.");
        idle_touch(idle);
        return 0;
}

int idle_new(Idle **ret, sd_event *event, sd_bus *bus, unsigned exit_sec,
             bool (*is_busy)(void *userdata), void *userdata)
{
        Idle *idle;
        int r;

        idle = calloc(1, sizeof(*idle));
        if (!idle)
                return -ENOMEM;
        *idle = (Idle){ .event = event,
                        .bus = bus,
                        .exit_usec = (uint64_t)exit_sec * 1000000,
                        .is_busy = is_busy,
                        .userdata = userdata };
        r = sd_event_add_time_relative(event, &idle->countdown, CLOCK_MONOTONIC, idle->exit_usec, 0,
                                       on_countdown, idle);
        if (r >= 0)
                r = sd_event_add_signal(event, &idle->hangup, SIGHUP, on_hangup, idle);
        if (r < 0) {
                idle_free(idle);
                return r;
        }
        *ret = idle;
        return 0;
}

Idle *idle_free(Idle *idle)
{
        if (!idle)
                return NULL;
        sd_event_source_disable_unref(idle->countdown);
        sd_event_source_disable_unref(idle->hangup);
        free(idle);
        return NULL;
}

void idle_stop(Idle *idle)
{
        if (idle)
                idle->stopping = true;
}

bool idle_is_leaving(const Idle *idle)
{
        return idle->leaving;
}

bool idle_is_stopping(const Idle *idle)
{
        return idle && idle->stopping;
}
