/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record-reply.c - see record-reply.h.
 */
#include "bus/change/record-reply.h"

#include <errno.h>
#include <string.h>

#include "bus/change/signals.h"

static int append_list(sd_bus_message *reply, const char *key, char *const *names)
{
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', key);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, (char **)names);
        for (int i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

/* The strings are the record's. */
static int append_lists(sd_bus_message *reply, const ChangeRecord *record)
{
        _cleanup_free_ char **files = calloc(record->n_steps + 1, sizeof(*files)),
                            **units = calloc(record->n_units + 1, sizeof(*units));
        int r;

        if (!files || !units)
                return -ENOMEM;
        for (size_t i = 0; i < record->n_steps; i++)
                files[i] = record->steps[i].path;
        for (size_t i = 0; i < record->n_units; i++)
                units[i] = record->units[i].id;
        r = append_list(reply, "files", files);
        if (r >= 0)
                r = append_list(reply, "units", units);
        return r < 0 ? r : append_list(reply, "inconclusive", record->inconclusive);
}

int record_append(Call *call, sd_bus_message *reply, const ChangeRecord *record)
{
        size_t bytes = 512 + strlen(record->message ?: "") + strlen(record->reason ?: "");
        int r;

        for (size_t i = 0; i < record->n_steps; i++)
                bytes += strlen(record->steps[i].path) + 8;
        for (size_t i = 0; i < record->n_units; i++)
                bytes += strlen(record->units[i].id) + 8;
        for (size_t i = 0; record->inconclusive && record->inconclusive[i]; i++)
                bytes += strlen(record->inconclusive[i]) + 8;
        r = call_budget(call, bytes);
        if (r != 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(
                        reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "id", "t", record->id,
                        "time", "t", record->time, "uid", "u", record->uid, "user", "s",
                        record->user ?: "", "authority", "s", record->authority ?: "", "message",
                        "s", record->message ?: "", "token", "s", record->token ?: "", "state", "s",
                        change_state_to_string(record->state), "reason", "s", record->reason ?: "",
                        "remaining", "u", signals_remaining(record));
        if (r >= 0 && record->reverts > 0)
                r = sd_bus_message_append(reply, "{sv}", "reverts", "t", record->reverts);
        if (r >= 0 && record->zone_after)
                r = sd_bus_message_append(reply, "{sv}", "timezone", "(ss)", record->zone_before,
                                          record->zone_after);
        if (r >= 0)
                r = append_lists(reply, record);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : 0;
}
