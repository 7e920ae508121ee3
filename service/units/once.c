/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * once.c - one call each, its answer looked at for the log only.
 */
#include "units/once.h"

#include <errno.h>
#include <string.h>

#include "units/request.h"
#include "util/log.h"

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        /* The timer of a deadline outlives the service that asked for it: that is its purpose. */
        if (e && !sd_bus_error_has_name(e, "org.freedesktop.systemd1.UnitExists"))
                log_error("systemd: %s: %s", (const char *)userdata, e->message ?: e->name);
        return 0;
}

void units_reload_manager(Units *units)
{
        static char what[] = "daemon-reload";
        int r;

        r = sd_bus_call_method_async(units->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                     "Reload", on_answer, what, NULL);
        if (r < 0)
                log_error("systemd: %s: %s", what, strerror(-r));
}

/* A unit that is gone has nothing to be reset. */
static int on_reset(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return 0;
}

void units_reset_failed(Units *units, const char *id)
{
        int r;

        r = sd_bus_call_method_async(units->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                     "ResetFailedUnit", on_reset, NULL, "s", id);
        if (r < 0)
                log_error("systemd: reset-failed: %s", strerror(-r));
}

/* systemd.timer(5): OnActiveSec=; the timer goes away once it has elapsed. A transient timer cannot
 * name another unit: it comes with a transient service of its own name, which starts `unit`. */
static int append_timer(sd_bus_message *m, const char *name, const uint64_t *usecs, size_t n)
{
        int r;

        r = sd_bus_message_append(m, "ss", name, "replace");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)", "Description", "s",
                                          "Deadline of an ExMachina change", "RemainAfterElapse",
                                          "b", false, "AccuracyUSec", "t", UINT64_C(100000));
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(m, "(sv)", "TimersMonotonic", "a(st)", 1, "OnActiveSec",
                                          usecs[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_service(sd_bus_message *m, const char *name, const char *unit)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sa(sv))");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa(sv))", name, 3, "Description", "s",
                                          "Deadline of an ExMachina change", "Type", "s", "oneshot",
                                          "ExecStart", "a(sasb)", 1, "/usr/bin/systemctl", 4,
                                          "systemctl", "--no-block", "start", unit, false);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

void units_start_timer(Units *units, const char *name, const char *unit, const uint64_t *usecs,
                       size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        static char what[] = "timer of a deadline";
        _cleanup_free_ char *timer = NULL, *service = NULL;
        int r;

        if (asprintf(&timer, "%s.timer", name) < 0)
                timer = NULL;
        if (asprintf(&service, "%s.service", name) < 0)
                service = NULL;
        r = !timer || !service
                    ? -ENOMEM
                    : sd_bus_message_new_method_call(units->bus, &m, SYSTEMD_NAME, SYSTEMD_PATH,
                                                     SYSTEMD_MANAGER, "StartTransientUnit");
        if (r >= 0)
                r = append_timer(m, timer, usecs, n);
        if (r >= 0)
                r = append_service(m, service, unit);
        if (r >= 0)
                r = sd_bus_call_async(units->bus, NULL, m, on_answer, what, SYSTEMD_CALL_USEC);
        if (r < 0)
                log_error("systemd: %s: %s", what, strerror(-r));
}

/* One that has elapsed is not there any more. */
static int on_stopped(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return 0;
}

void units_stop_timer(Units *units, const char *name)
{
        _cleanup_free_ char *timer = NULL;
        int r;

        r = asprintf(&timer, "%s.timer", name) < 0
                    ? -ENOMEM
                    : sd_bus_call_method_async(units->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH,
                                               SYSTEMD_MANAGER, "StopUnit", on_stopped, NULL, "ss",
                                               timer, "replace");
        if (r < 0)
                log_error("systemd: stopping the timer of a deadline: %s", strerror(-r));
}
