/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stay.c - units_stay(): does a unit stay active after its job?
 *
 * What it is when the job has ended is the measure: its invocation (another one: it was started
 * again), its count of restarts by systemd, its main process. PropertiesChanged only says that it
 * is worth while to look; what is judged is all properties read in one call, and they are read once
 * more at the end, so that a signal that is late or lost costs nothing but time. A service that
 * hands over to another main process by itself (MAINPID= of sd_notify(3)) stays in its invocation:
 * that is no end.
 */
#include <errno.h>
#include <string.h>

#include "units/request.h"
#include "units/unit-status.h"

typedef struct StayRequest {
        UnitsRequest request;
        uint64_t usec;
        char *path;
        sd_bus_slot *match;
        bool reading;
        bool again; /* something has changed while it was read */
        bool known; /* the measure below is taken */
        bool over;  /* the time is */
        uint32_t n_restarts;
        bool has_main;
        uint8_t invocation[16];
} StayRequest;

static void stay_release(UnitsRequest *request)
{
        StayRequest *s = (StayRequest *)request;

        sd_bus_slot_unref(s->match);
        free(s->path);
}

static bool is_up(const char *active_state)
{
        return strcmp(active_state, "active") == 0 || strcmp(active_state, "reloading") == 0 ||
               strcmp(active_state, "refreshing") == 0;
}

static bool has_done_its_work(const UnitProperties *p)
{
        return p->type && strcmp(p->type, "oneshot") == 0 &&
               strcmp(p->status.active_state, "inactive") == 0 && p->result &&
               strcmp(p->result, "success") == 0;
}

static int judge(StayRequest *s, const UnitProperties *p, Failure *f)
{
        const char *id = s->request.id;

        if (!is_up(p->status.active_state))
                return failure_set(f, EXM_E_UNIT_FAILED,
                                   "%s: did not stay active: it is %s (%s, result '%s'); see: "
                                   "systemctl status %s, journalctl -u %s",
                                   id, p->status.active_state, p->status.sub_state,
                                   p->result ?: "unknown", id, id);
        if (s->known && (p->n_restarts != s->n_restarts ||
                         memcmp(p->invocation, s->invocation, sizeof(s->invocation)) != 0))
                return failure_set(f, EXM_E_UNIT_FAILED,
                                   "%s: did not stay active: it has ended and was started again; "
                                   "see: systemctl status %s, journalctl -u %s",
                                   id, id, id);
        if (s->known && s->has_main && p->status.main_pid == 0)
                return failure_set(f, EXM_E_UNIT_FAILED,
                                   "%s: did not stay active: its main process has ended; see: "
                                   "systemctl status %s, journalctl -u %s",
                                   id, id, id);
        return 0;
}

static int on_read(sd_bus_message *m, void *userdata, sd_bus_error *ret_error);

static void read_now(StayRequest *s)
{
        int r;

        s->reading = true;
        s->again = false;
        r = unit_properties_call(&s->request, s->path, on_read);
        if (r < 0)
                request_finish(&s->request, r, NULL, NULL);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        StayRequest *s = userdata;

        s->over = true;
        if (s->reading)
                s->again = true;
        else
                read_now(s);
        return 0;
}

static int take_measure(StayRequest *s, const UnitProperties *p)
{
        s->known = true;
        s->n_restarts = p->n_restarts;
        s->has_main = p->status.main_pid != 0;
        memcpy(s->invocation, p->invocation, sizeof(s->invocation));
        return sd_event_add_time_relative(sd_bus_get_event(s->request.units->bus),
                                          &s->request.timer, CLOCK_MONOTONIC, s->usec, 1000,
                                          on_time, s);
}

static int on_read(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_properties_ UnitProperties p = { 0 };
        _cleanup_failure_ Failure f = { 0 };
        StayRequest *s = userdata;
        bool done;
        int r;

        s->reading = false;
        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(&s->request, "tell its state", sd_bus_message_get_error(m));
                return 0;
        }
        r = unit_properties_read(&p, m);
        done = r >= 0 && !s->known && has_done_its_work(&p);
        if (r >= 0 && !done)
                r = judge(s, &p, &f);
        if (r == 0 && !done && !s->known)
                r = take_measure(s, &p);
        if (r != 0 || done || (s->over && !s->again))
                request_finish(&s->request, r, &f,
                               r != 0 ? NULL
                                      : &(UnitsResult){ .active_state = p.status.active_state });
        else if (s->again)
                read_now(s);
        return 0;
}

/* A message that only looks as if it came from systemd costs one look. */
static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        StayRequest *s = userdata;
        const char *sender = sd_bus_message_get_sender(m);

        if (!s->request.units || !sender || !s->request.units->systemd ||
            strcmp(sender, s->request.units->systemd) != 0)
                return 0;
        if (s->reading)
                s->again = true;
        else
                read_now(s);
        return 0;
}

static void stay_systemd_changed(UnitsRequest *request)
{
        StayRequest *s = (StayRequest *)request;

        if (s->reading)
                s->again = true;
        else
                read_now(s);
}

int units_stay(Units *units, const char *id, uint64_t usec, UnitsDone done, void *userdata,
               UnitsRequest **ret)
{
        static const RequestKind kind = {
                .release = stay_release,
                .systemd_changed = stay_systemd_changed,
        };
        StayRequest *s;
        int r;

        r = request_new(&s, sizeof(*s), &kind, units, id, done, userdata);
        if (r < 0)
                return r;
        s->usec = usec;
        s->path = request_unit_path(id);
        r = s->path ? sd_bus_match_signal_async(units->bus, &s->match, SYSTEMD_NAME, s->path,
                                                BUS_PROPERTIES, "PropertiesChanged", on_changed,
                                                NULL, s)
                    : -ENOMEM;
        if (r >= 0) {
                s->reading = true;
                r = unit_properties_call(&s->request, s->path, on_read);
        }
        return request_start(&s->request, r < 0 ? r : 0, ret);
}
