/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit-turn.c - the names of a commit's turn, and what it goes on with.
 *
 * The turn belongs to the call and ends with it (call.c); if the call was past its return, with the
 * last that runs for it.
 */
#include "bus/change/commit-turn.h"

#include <errno.h>
#include <stdio.h>

#include "bus/call/call.h"
#include "bus/change/unit-plan.h"
#include "bus/change/validation.h"
#include "commit/record.h"
#include "util/strv.h"

static int add_unit(char ***names, const char *id)
{
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "unit %s", id) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        return strv_extend_unique(names, name);
}

int commit_turn_names(const ChangeRecord *record, char ***ret)
{
        _cleanup_strv_ char **names = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_units; i++)
                r = add_unit(&names, record->units[i].id);
        if (r == 0)
                *ret = TAKE_PTR(names);
        return r;
}

static void go_on(void *userdata)
{
        Call *call = userdata;

        call->commit_turn->begun(call);
}

/* What was found out of the units may be from before another's turn. */
static void refresh_units(Call *call)
{
        unit_plan_refresh(call, call->commit_turn->next);
}

/* Takes over `names`. */
static void take(Call *call, char **names, bool first, void (*begun)(Call *call))
{
        int r;

        call->commit_turn->begun = begun;
        r = name_locks_take(call->manager->commit_locks, call->uid, names, first, go_on, call,
                            &call->commit_turn->turn, &call->failure);
        if (r != 0)
                call_fail(call, r);
}

void commit_turn_take(Call *call, void (*next)(Call *call))
{
        char **names = NULL;
        const char *id;
        size_t i = 0;
        int r;

        r = unit_plan_settle(call);
        if (r == 0)
                r = validation_add_names(call, &names);
        while (r == 0 && (id = unit_plan_next(call, &i)))
                r = add_unit(&names, id);
        if (r != 0) {
                strv_free(names);
                call_fail(call, r);
                return;
        }
        call->commit_turn->next = next;
        take(call, names, /* first= */ false, refresh_units);
}

void commit_turn_end(Call *call)
{
        call->commit_turn->turn = name_lock_end(call->commit_turn->turn);
}

void commit_turn_take_back(Call *call, const ChangeRecord *record, void (*next)(Call *call))
{
        char **names = NULL;
        int r;

        r = commit_turn_names(record, &names);
        if (r == 0)
                take(call, names, /* first= */ true, next);
        else
                call_fail(call, r);
}
