/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * once.c - calls to systemd that nobody waits for; a failure is logged.
 */
#include <string.h>

#include "units/request.h"
#include "util/log.h"

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (e)
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

/* systemd.timer(5): OnActiveSec=, Unit=; the timer goes away once it has elapsed. */
static int append_timer(sd_bus_message *m, const char *name, const char *unit, uint64_t usec)
{
        int r;

        r = sd_bus_message_append(m, "ss", name, "replace");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s",
                                          "Deadline of an ExMachina change", "Unit", "s", unit,
                                          "RemainAfterElapse", "b", false, "AccuracyUSec", "t",
                                          UINT64_C(100000));
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "TimersMonotonic", "a(st)", 1, "OnActiveSec",
                                          usec);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
}

void units_start_timer(Units *units, const char *name, const char *unit, uint64_t usec)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        static char what[] = "timer of a deadline";
        int r;

        r = sd_bus_message_new_method_call(units->bus, &m, SYSTEMD_NAME, SYSTEMD_PATH,
                                           SYSTEMD_MANAGER, "StartTransientUnit");
        if (r >= 0)
                r = append_timer(m, name, unit, usec);
        if (r >= 0)
                r = sd_bus_call_async(units->bus, NULL, m, on_answer, what, SYSTEMD_CALL_USEC);
        if (r < 0)
                log_error("systemd: %s: %s", what, strerror(-r));
}
