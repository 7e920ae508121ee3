/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.c - names of states, units, and freeing.
 */
#include "commit/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/strv.h"

/* As in docs/api.md and in the database. */
static const char *const state_names[_CHANGE_STATE_MAX] = {
        [CHANGE_PREPARED] = "prepared", [CHANGE_PENDING] = "pending", [CHANGE_APPLIED] = "applied",
        [CHANGE_REVERTED] = "reverted", [CHANGE_FAILED] = "failed",
};

const char *change_state_to_string(ChangeState state)
{
        return state < _CHANGE_STATE_MAX ? state_names[state] : "";
}

ChangeState change_state_from_string(const char *s)
{
        ChangeState state = 0;

        while (state < _CHANGE_STATE_MAX && strcmp(s, state_names[state]) != 0)
                state++;
        return state;
}

bool change_state_is_finished(ChangeState state)
{
        return state == CHANGE_APPLIED || state == CHANGE_REVERTED || state == CHANGE_FAILED;
}

bool change_record_is_of_key(const ChangeRecord *record, const char *key)
{
        const char *name = record->authority ?: "";
        size_t n = key ? strlen(key) : 0;

        if (strncmp(name, "key:", 4) != 0)
                return false;
        name += 4;
        return !key || (strncmp(name, key, n) == 0 && (name[n] == '\0' || name[n] == ','));
}

bool change_record_was_pending(const ChangeRecord *record)
{
        return record->deadline > 0;
}

int change_record_add_unit(ChangeRecord *record, const char *id, const char *verb, bool was_active)
{
        ChangeUnit *grown, unit = { .was_active = was_active };

        grown = reallocarray(record->units, record->n_units + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        record->units = grown;
        unit.id = strdup(id);
        unit.verb = strdup(verb);
        grown[record->n_units++] = unit;
        return unit.id && unit.verb ? 0 : -ENOMEM;
}

static bool concerns_manager(const char *name)
{
        return strncmp(name, "/etc/systemd/", strlen("/etc/systemd/")) == 0 ||
               strncmp(name, "/run/systemd/", strlen("/run/systemd/")) == 0 ||
               strcmp(name, "/etc/fstab") == 0;
}

bool change_record_concerns_manager(const ChangeRecord *record)
{
        for (size_t i = 0; i < record->n_steps; i++)
                if (concerns_manager(record->steps[i].name))
                        return true;
        return false;
}

void change_record_done(ChangeRecord *record)
{
        free(record->user);
        free(record->authority);
        free(record->message);
        free(record->token);
        free(record->checks);
        strv_free(record->inconclusive);
        free(record->reason);
        for (size_t i = 0; i < record->n_units; i++) {
                free(record->units[i].id);
                free(record->units[i].verb);
        }
        free(record->units);
        for (size_t i = 0; i < record->n_steps; i++)
                file_step_done(&record->steps[i]);
        free(record->steps);
        free(record->zone_before);
        free(record->zone_after);
        *record = (ChangeRecord){ 0 };
}

void change_records_free(ChangeRecord *records, size_t n)
{
        for (size_t i = 0; i < n; i++)
                change_record_done(&records[i]);
        free(records);
}
