/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list-changes.c - History.ListChanges: a filter for the journal.
 */
#include <errno.h>
#include <string.h>

#include "bus/change/history.h"
#include "bus/change/listing.h"
#include "bus/change/record-reply.h"
#include "bus/reach/query.h"

static void reply_list(Call *call, Listing *listing)
{
        sd_bus_message *reply = NULL;
        int r = listing->r;

        failure_move(&call->failure, &listing->failure);
        if (r == 0)
                r = call_new_reply(call, &reply);
        if (r >= 0 && reply)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0;
             r >= 0 && reply && i < listing->n_records && call->failure.condition == EXM_E_NONE;
             i++)
                r = record_append(call, reply, &listing->records[i]);
        if (r >= 0 && reply && call->failure.condition == EXM_E_NONE)
                r = sd_bus_message_close_container(reply);
        query_finish(call, r < 0 ? r : (int)call->failure.condition, reply);
}

static int fill_filter(Call *call, JournalFilter *filter)
{
        const Option *id = args_option(&call->args, "id");
        const Option *before = args_option(&call->args, "before");
        const Option *since = args_option(&call->args, "since");
        const Option *limit = args_option(&call->args, "limit");
        const Option *file = args_option(&call->args, "file");
        const Option *state = args_option(&call->args, "state");
        const Option *token = args_option(&call->args, "token");

        *filter = (JournalFilter){ .id = id ? id->t : 0,
                                   .before = before ? before->t : 0,
                                   .since = since ? since->t : 0,
                                   .limit = limit ? limit->u : 0,
                                   .file = file ? file->s : NULL,
                                   .token = token ? token->s : NULL,
                                   .state = state ? change_state_from_string(state->s)
                                                  : _CHANGE_STATE_MAX };
        if (!history_sees_all(call))
                listing_own_only(call, filter);
        if (id && (id->t < 1 || id->t > INT64_MAX))
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "id: must be the number of a change, from 1");
        if (limit && (limit->u < 1 || limit->u > 1000))
                return failure_set(&call->failure, EXM_E_INVALID_ARGS, "limit: must be 1 to 1000");
        if (state && filter->state == _CHANGE_STATE_MAX)
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "state: must be prepared, pending, applied, reverted or failed");
        return 0;
}

int method_history_list_changes(Call *call)
{
        JournalFilter filter;
        int r;

        r = fill_filter(call, &filter);
        return r != 0 ? r : listing_start(call, &filter, reply_list);
}
