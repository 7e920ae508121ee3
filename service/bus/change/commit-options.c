/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit-options.c - message, token, confirm_within, units.
 */
#include "bus/change/commit-options.h"

#include <errno.h>
#include <string.h>

#include "bus/change/unit-plan.h"
#include "bus/change/validation.h"
#include "util/utf8.h"

#define TOKEN_MAX_BYTES   64U
#define MESSAGE_MAX_BYTES 4096U

int commit_options_check(Call *call)
{
        const Option *message = args_option(&call->args, "message");
        const Option *token = args_option(&call->args, "token");
        const Option *confirm = args_option(&call->args, "confirm_within");

        if (message && (strlen(message->s) > MESSAGE_MAX_BYTES || !utf8_is_writable(message->s)))
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "message: must be text of at most %u bytes, without control "
                                   "characters but tab and newline",
                                   MESSAGE_MAX_BYTES);
        if (token && (!*token->s || strlen(token->s) > TOKEN_MAX_BYTES || !utf8_is_plain(token->s)))
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "token: must be 1 to %u bytes without control characters",
                                   TOKEN_MAX_BYTES);
        if (confirm && (confirm->u < 1 || confirm->u > CONFIRM_MAX_SEC))
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "confirm_within: must be 1 to %u seconds", CONFIRM_MAX_SEC);
        if (message)
                call->about_message = message->s;
        return unit_plan_check(call);
}

int commit_options_record(const Call *call, ChangeRecord *ret)
{
        const Option *token = args_option(&call->args, "token");
        const Option *confirm = args_option(&call->args, "confirm_within");
        ChangeRecord record = { .uid = call->uid, .confirm_within = confirm ? confirm->u : 0 };

        record.authority = strdup(call->authority ?: "");
        record.message = strdup(call->about_message ?: "");
        record.token = strdup(token ? token->s : "");
        if (!record.authority || !record.message || !record.token ||
            unit_plan_record(call, &record) < 0 ||
            (call->validation && validation_record(call, &record) < 0)) {
                change_record_done(&record);
                return -ENOMEM;
        }
        *ret = record;
        return 0;
}
