/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query.c - reading a view.
 */
#include "bus/reach/query.h"

#include <errno.h>
#include <string.h>

#include "bus/reach/load.h"
#include "bus/reach/reach-files.h"

/* What D-Bus adds to a string in an array at most: length, NUL, padding. */
#define STRING_OVERHEAD 16

void query_finish(Call *call, int r, sd_bus_message *reply)
{
        if (r == 0 && reply) {
                call_send(call, reply);
                return;
        }
        sd_bus_message_unref(reply);
        call_fail(call, r == 0 ? -EPROTO : r);
}

int query_append_versions(Call *call, sd_bus_message *reply)
{
        const View *view = call_view(call);
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{ss}");
        for (size_t i = 0; r >= 0 && i < view_n_files(view); i++) {
                const FileImage *image = view_file(view, i)->image;

                r = call_budget(call,
                                strlen(image->path) + sizeof(image->version) + 2 * STRING_OVERHEAD);
                if (r != 0)
                        return r;
                r = sd_bus_message_append(reply, "{ss}", image->path, image->version);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* A file that no lens covers is said so: NoMatch would send the caller looking for a typing error.
 */
static int no_file_reached(Call *call)
{
        const Reach *reach = call->reach;

        for (size_t i = 0; i < reach->n_files; i++)
                if (!reach->files[i].held)
                        return 0;
        for (size_t i = 0; i < reach->n_spans; i++)
                if (reach->spans[i].n_found == 0)
                        return failure_set(&call->failure, EXM_E_NO_LENS,
                                           "no lens covers %s, nor a file below it that exists",
                                           reach->spans[i].prefix);
        return 0;
}

static void on_value(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Call *call = userdata;

        if (!call->dead) {
                if (r == EXM_E_NO_MATCH)
                        no_file_reached(call);
                if (r == 0)
                        r = call_budget(call, strlen(result->value ?: "") + STRING_OVERHEAD);
                if (r != 0)
                        load_failed(call, r, f);
                else
                        call_reply(call, "bs", result->has_value, result->value ?: "");
        }
        call_unref(call);
}

static void start(Call *call, int r)
{
        if (r >= 0)
                return;
        call_fail(call, r);
        call_unref(call);
}

static void start_get_value(Call *call)
{
        start(call, view_get_value(call_view(call), call->args.arg[0].s, on_value, call_ref(call)));
}

int query_get_value(Call *call)
{
        return load_view(call, start_get_value);
}

static int append_paths(Call *call, sd_bus_message *reply, const ViewResult *result)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < result->n_nodes; i++) {
                r = call_budget(call, strlen(result->nodes[i].path) + STRING_OVERHEAD);
                if (r != 0)
                        return r;
                r = sd_bus_message_append_basic(reply, 's', result->nodes[i].path);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_nodes(Call *call, sd_bus_message *reply, const ViewResult *result)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sbs)");
        for (size_t i = 0; r >= 0 && i < result->n_nodes; i++) {
                const ViewNode *node = &result->nodes[i];

                r = call_budget(call, strlen(node->path) + strlen(node->value ?: "") +
                                              3 * STRING_OVERHEAD);
                if (r != 0)
                        return r;
                r = sd_bus_message_append(reply, "(sbs)", node->path, node->value != NULL,
                                          node->value ?: "");
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "u", result->total);
        return r < 0 ? r : query_append_versions(call, reply);
}

/* The answer to Match and Read. */
static void reply_nodes(Call *call, int r, Failure *f, const ViewResult *result,
                        int (*append)(Call *, sd_bus_message *, const ViewResult *))
{
        sd_bus_message *reply = NULL;

        if (!call->dead && r != 0) {
                load_failed(call, r, f);
        } else if (!call->dead) {
                r = call_new_reply(call, &reply);
                if (r >= 0)
                        r = append(call, reply, result);
                query_finish(call, r < 0 ? r : (int)call->failure.condition, reply);
        }
        call_unref(call);
}

static void on_matched(int r, Failure *f, const ViewResult *result, void *userdata)
{
        reply_nodes(userdata, r, f, result, append_paths);
}

static void on_nodes(int r, Failure *f, const ViewResult *result, void *userdata)
{
        reply_nodes(userdata, r, f, result, append_nodes);
}

static void start_match(Call *call)
{
        start(call, view_match(call_view(call), call->args.arg[0].s, on_matched, call_ref(call)));
}

int query_match(Call *call)
{
        return load_view(call, start_match);
}

static void start_read(Call *call)
{
        start(call, view_read(call_view(call), call->args.arg[0].s, call->args.arg[1].u,
                              call->args.arg[2].u, on_nodes, call_ref(call)));
}

int query_read(Call *call)
{
        return load_view(call, start_read);
}

static int append_error(Call *call, sd_bus_message *reply, const ViewFile *file)
{
        size_t bytes = strlen(file->image->path) + strlen(file->error_kind) +
                       strlen(file->error_message ?: "") + strlen(file->lens);
        int r;

        r = call_budget(call, bytes + 16 * STRING_OVERHEAD);
        if (r != 0)
                return r;
        return sd_bus_message_append(reply, "a{sv}", 6, "file", "s", file->image->path, "kind", "s",
                                     file->error_kind, "message", "s", file->error_message ?: "",
                                     "line", "u", file->error_line, "column", "u",
                                     file->error_column, "lens", "s", file->lens);
}

static void reply_errors(Call *call)
{
        const View *view = call_view(call);
        sd_bus_message *reply = NULL;
        int r;

        r = call_new_reply(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < view_n_files(view); i++) {
                const ViewFile *file = view_file(view, i);
                const ReachFile *reached = reach_find(call->reach, file->image->path);

                if (!file->error_kind || !reached || (reached->held && !reached->named))
                        continue;
                r = append_error(call, reply, file);
                if (r > 0 && call->failure.condition != EXM_E_NONE)
                        break;
        }
        if (r >= 0 && call->failure.condition == EXM_E_NONE)
                r = sd_bus_message_close_container(reply);
        query_finish(call, call->failure.condition != EXM_E_NONE ? (int)call->failure.condition : r,
                     reply);
}

int query_errors(Call *call)
{
        call->wants_parsed = false;
        return load_view(call, reply_errors);
}
