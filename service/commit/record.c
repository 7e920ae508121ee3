/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.c - names of states, and freeing.
 */
#include "commit/record.h"

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

void change_record_done(ChangeRecord *record)
{
        free(record->user);
        free(record->authority);
        free(record->message);
        free(record->token);
        free(record->reason);
        strv_free(record->units);
        for (size_t i = 0; i < record->n_steps; i++)
                file_step_done(&record->steps[i]);
        free(record->steps);
        *record = (ChangeRecord){ 0 };
}

void change_records_free(ChangeRecord *records, size_t n)
{
        for (size_t i = 0; i < n; i++)
                change_record_done(&records[i]);
        free(records);
}
