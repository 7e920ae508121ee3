/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config-methods.c - org.exmachina1.Config: thin; the gate has decoded, validated and authorised.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "bus/call/idle.h"
#include "bus/call/transaction.h"
#include "bus/change/show.h"
#include "bus/change/stage.h"
#include "bus/change/write.h"
#include "bus/reach/load.h"
#include "bus/reach/query.h"
#include "bus/reach/reach-files.h"
#include "util/strv.h"

#define IDLE_SEC_DEFAULT 600U
#define IDLE_SEC_MAX     3600U

int method_config_get_value(Call *call)
{
        return query_get_value(call);
}

int method_config_match(Call *call)
{
        return query_match(call);
}

int method_config_read(Call *call)
{
        return query_read(call);
}

int method_config_errors(Call *call)
{
        return query_errors(call);
}

int method_config_read_file(Call *call)
{
        const char *name = call->args.arg[0].s;
        const FileImage *image = reach_find(call->reach, name)->image;
        sd_bus_message *reply = NULL;
        int r;

        if (!image->stamp.exists)
                return failure_set(&call->failure, EXM_E_NO_MATCH, "%s: there is no such file",
                                   name);
        r = call_budget(call, image->size);
        if (r != 0)
                return r;
        r = call_new_reply(call, &reply);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', image->content, image->size);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", image->version);
        query_finish(call, r < 0 ? r : 0, reply);
        return 0;
}

/* "*" stays within a directory, unless "**" asks for all below. */
static bool glob_matches(const char *glob, const char *file)
{
        return fnmatch(glob, file, strstr(glob, "**") ? 0 : FNM_PATHNAME | FNM_PERIOD) == 0;
}

int method_config_list_files(Call *call)
{
        const char *glob = call->args.arg[0].s;
        sd_bus_message *reply = NULL;
        int r;

        r = call_new_reply(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ss)");
        for (size_t i = 0; r >= 0 && i < call->reach->n_files; i++) {
                const ReachFile *file = &call->reach->files[i];

                if (file->left_out || !file->image->stamp.exists || !glob_matches(glob, file->file))
                        continue;
                if (call_budget(call, strlen(file->file) + strlen(file->lens) + 32) != 0)
                        break;
                r = sd_bus_message_append(reply, "(ss)", file->file, file->lens);
        }
        if (r >= 0 && call->failure.condition == EXM_E_NONE)
                r = sd_bus_message_close_container(reply);
        query_finish(call, r < 0 ? r : (int)call->failure.condition, reply);
        return 0;
}

static void reply_begun(Call *call)
{
        call->owns_transaction = false;
        call_reply(call, "o", transaction_path(call->transaction));
}

int method_config_begin(Call *call)
{
        const Option *idle = args_option(&call->args, "idle_timeout");
        unsigned idle_sec = idle ? idle->u : IDLE_SEC_DEFAULT;
        Transaction *t = NULL;
        uint64_t bytes = 0;
        int r;

        if (idle_sec < 1 || idle_sec > IDLE_SEC_MAX)
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "idle_timeout: must be 1 to %u seconds", IDLE_SEC_MAX);
        if (idle_is_stopping(call->manager->idle))
                return failure_set(&call->failure, EXM_E_TIMEOUT,
                                   "the service is about to be started anew: call again");
        r = transaction_begin(call, idle_sec, &t);
        if (r != 0)
                return r;
        call->transaction = t;
        call->owns_transaction = true;
        for (size_t i = 0; i < call->reach->n_files; i++)
                bytes += call->reach->files[i].image->size;
        r = transaction_check_bytes(t, bytes, &call->failure);
        if (r != 0)
                return r;
        if (call->reach->n_files > 0)
                return load_view(call, reply_begun);
        reply_begun(call);
        return 0;
}

int method_config_transactions(Call *call)
{
        _cleanup_strv_ char **paths = NULL;
        sd_bus_message *reply = NULL;
        int r;

        r = transactions_list(call->manager, sd_bus_message_get_sender(call->message), &paths);
        if (r < 0)
                return r;
        r = call_new_reply(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "o");
        for (size_t i = 0; r >= 0 && paths && paths[i]; i++)
                r = sd_bus_message_append_basic(reply, 'o', paths[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        query_finish(call, r < 0 ? r : 0, reply);
        return 0;
}

static void show_preview(Call *call)
{
        show_staged(call, NULL, /* versions= */ true);
}

/* The edits of Preview and Apply, on a transaction that lives as long as the call. */
static int stage_once(Call *call, void (*next)(Call *call))
{
        const Arg *edits = &call->args.arg[0];
        int r;

        r = stage_begin_private(call);
        if (r != 0)
                return r;
        return stage_edits(call, edits->edits, edits->n_edits, /* numbered= */ true, next);
}

int method_config_preview(Call *call)
{
        return stage_once(call, show_preview);
}

int method_config_apply(Call *call)
{
        return stage_once(call, write_commit);
}

int property_config_version(sd_bus *bus, const char *path, const char *interface,
                            const char *property, sd_bus_message *reply, void *userdata,
                            sd_bus_error *error)
{
        return sd_bus_message_append_basic(reply, 's', EXM_VERSION);
}

int property_config_features(sd_bus *bus, const char *path, const char *interface,
                             const char *property, sd_bus_message *reply, void *userdata,
                             sd_bus_error *error)
{
        /* The first contract has no features beyond itself. */
        return sd_bus_message_append(reply, "as", 0);
}
