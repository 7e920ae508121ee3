/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction-methods.c - org.exmachina1.Transaction: thin; the gate has decoded, validated and
 * authorised, and it is this call's turn.
 */
#include <errno.h>

#include "bus/call/transaction.h"
#include "bus/change/show.h"
#include "bus/change/stage.h"
#include "bus/change/write.h"
#include "bus/reach/load.h"
#include "bus/reach/query.h"
#include "bus/reach/reach-files.h"

int method_transaction_get_value(Call *call)
{
        return query_get_value(call);
}

int method_transaction_match(Call *call)
{
        return query_match(call);
}

int method_transaction_read(Call *call)
{
        return query_read(call);
}

int method_transaction_errors(Call *call)
{
        return query_errors(call);
}

static void reply_nothing(Call *call)
{
        call_reply(call, "");
}

static void reply_count(Call *call)
{
        call_reply(call, "u", call->count);
}

/* One edit with up to three arguments that live in the message. */
static int stage_one(Call *call, const char *verb, const char *first, const char *second,
                     const char *third, void (*next)(Call *call))
{
        call->one_args[0] = (char *)first;
        call->one_args[1] = (char *)second;
        call->one_args[2] = (char *)third;
        call->one_edit = (Edit){ .verb = (char *)verb, .args = call->one_args };
        return stage_edits(call, &call->one_edit, 1, /* numbered= */ false, next);
}

int method_transaction_set_value(Call *call)
{
        const Arg *arg = call->args.arg;

        return stage_one(call, "set", arg[0].s, arg[1].s, NULL, reply_nothing);
}

int method_transaction_set_many(Call *call)
{
        const Arg *arg = call->args.arg;

        return stage_one(call, "setm", arg[0].s, arg[1].s, arg[2].s, reply_count);
}

int method_transaction_insert(Call *call)
{
        const Arg *arg = call->args.arg;

        return stage_one(call, "ins", arg[1].s, arg[2].b ? "before" : "after", arg[0].s,
                         reply_nothing);
}

int method_transaction_move(Call *call)
{
        const Arg *arg = call->args.arg;

        return stage_one(call, "mv", arg[0].s, arg[1].s, NULL, reply_nothing);
}

int method_transaction_remove(Call *call)
{
        return stage_one(call, "rm", call->args.arg[0].s, NULL, NULL, reply_count);
}

static void reply_n_edits(Call *call)
{
        call_reply(call, "u", (uint32_t)call->args.arg[0].n_edits);
}

int method_transaction_edit(Call *call)
{
        const Arg *edits = &call->args.arg[0];

        return stage_edits(call, edits->edits, edits->n_edits, /* numbered= */ true, reply_n_edits);
}

int method_transaction_diff(Call *call)
{
        const Option *file = args_option(&call->args, "file");

        show_staged(call, file ? file->s : NULL, /* versions= */ false);
        return 0;
}

static void on_rebased(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Call *call = userdata;

        if (!call->dead) {
                if (r == 0)
                        call_reply(call, "u", (uint32_t)view_n_edits(call_view(call)));
                else
                        load_failed(call, r, f);
        }
        call_unref(call);
}

/* The gate has read every file anew (Reach.refresh). */
int method_transaction_rebase(Call *call)
{
        _cleanup_free_ FileImage **images = NULL;
        int r;

        images = calloc(call->reach->n_files + 1, sizeof(*images));
        if (!images)
                return -ENOMEM;
        for (size_t i = 0; i < call->reach->n_files; i++)
                images[i] = call->reach->files[i].image;
        r = view_rebase(call_view(call), images, call->reach->n_files, on_rebased, call_ref(call));
        if (r < 0)
                call_unref(call);
        return r;
}

int method_transaction_affected(Call *call)
{
        write_affected(call);
        return 0;
}

int method_transaction_commit(Call *call)
{
        write_commit(call);
        return 0;
}

int method_transaction_validate(Call *call)
{
        write_validate(call);
        return 0;
}

int method_transaction_rollback(Call *call)
{
        Transaction *t = transaction_ref(call->transaction);

        call_reply(call, "");
        transaction_end(t, "rollback");
        transaction_unref(t);
        return 0;
}
