/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * signals.c - broadcasts on /org/exmachina1.
 */
#include "bus/change/signals.h"

#include <stdarg.h>
#include <string.h>

#include "bus/change/deadlines.h"
#include "bus/change/retention.h"
#include "commit/moment.h"
#include "util/log.h"

#define INTERFACE "org.exmachina1.History"

uint32_t signals_remaining(const ChangeRecord *record)
{
        uint64_t now = moment_now(CLOCK_BOOTTIME);

        if (record->state != CHANGE_PENDING || record->deadline <= now)
                return 0;
        return (uint32_t)((record->deadline - now + 999999) / 1000000);
}

static void emit(Manager *m, const char *member, const char *types, ...)
{
        va_list ap;
        int r;

        va_start(ap, types);
        r = sd_bus_emit_signalv(m->bus, MANAGER_PATH, INTERFACE, member, types, ap);
        va_end(ap);
        if (r < 0)
                log_warning("The signal %s cannot be sent: %s", member, strerror(-r));
}

void signals_committed(Manager *m, const ChangeRecord *record, char *const *public_files)
{
        sd_bus_message *signal = NULL;
        int r;

        r = sd_bus_message_new_signal(m->bus, &signal, MANAGER_PATH, INTERFACE, "Committed");
        if (r >= 0)
                r = sd_bus_message_append(signal, "t", record->id);
        if (r >= 0)
                r = sd_bus_message_append_strv(signal, (char **)public_files);
        if (r >= 0)
                r = sd_bus_send(m->bus, signal, NULL);
        if (r < 0)
                log_warning("The signal Committed cannot be sent: %s", strerror(-r));
        sd_bus_message_unref(signal);
        if (record->state == CHANGE_PENDING)
                signals_pending(m, record);
        retention_run(m);
}

void signals_pending(Manager *m, const ChangeRecord *record)
{
        emit(m, "Pending", "tu", record->id, signals_remaining(record));
        deadlines_watch(m->deadlines, record);
}

void signals_confirmed(Manager *m, uint64_t id)
{
        emit(m, "Confirmed", "t", id);
        deadlines_forget(m->deadlines, id);
}

void signals_reverted(Manager *m, uint64_t id, const char *reason)
{
        emit(m, "Reverted", "ts", id, reason);
        deadlines_forget(m->deadlines, id);
}
