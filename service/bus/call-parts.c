/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call-parts.c - one piece of memory, so that no part can be missing.
 */
#include "bus/call-parts.h"

#include <errno.h>
#include <stdlib.h>

#include "bus/call/transaction.h"
#include "bus/change/commit-turn.h"
#include "bus/change/restore.h"
#include "bus/change/unit-plan.h"
#include "bus/change/validation.h"
#include "bus/reach/reach-files.h"
#include "bus/right/write-right.h"

struct CallParts {
        Reach reach;
        WriteRight right;
        UnitPlan unit_plan;
        Restored restored;
        CommitTurn commit_turn;
};

static void on_ended(Call *call)
{
        call->validation = validation_free(call->validation);
        if (!call->past_return)
                commit_turn_end(call);
        if (call->has_turn)
                transaction_call_ended(call->transaction, call);
        if (call->owns_transaction)
                transaction_end(call->transaction, NULL);
}

static void on_freed(Call *call)
{
        reach_done(call->reach);
        write_right_done(call->right);
        unit_plan_done(call->unit_plan);
        restored_done(call->restored);
        validation_free(call->validation);
        commit_turn_end(call);
        transaction_unref(call->transaction);
        free(call->parts);
}

static const CallHooks hooks = { .ended = on_ended, .freed = on_freed };

int call_parts_add(Call *call, Transaction *transaction)
{
        CallParts *parts = calloc(1, sizeof(*parts));

        if (!parts)
                return -ENOMEM;
        call->hooks = &hooks;
        call->parts = parts;
        call->reach = &parts->reach;
        call->right = &parts->right;
        call->unit_plan = &parts->unit_plan;
        call->restored = &parts->restored;
        call->commit_turn = &parts->commit_turn;
        call->transaction = transaction ? transaction_ref(transaction) : NULL;
        return 0;
}
