/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * show.c - Diff and Preview: one unified diff per change, made by a child one after the other.
 */
#include <errno.h>
#include <string.h>

#include "bus/query.h"
#include "bus/render.h"
#include "bus/staged.h"
#include "bus/write.h"

static void show_next(Call *call);

static int append_diff(Call *call, const FileChange *change, const char *diff)
{
        _cleanup_free_ char *description = file_change_describe(change), *whole = NULL;
        Rendered *rendered = call->state;
        int r;

        if (!description || asprintf(&whole, "%s%s", description, diff) < 0) {
                whole = NULL;
                return -ENOMEM;
        }
        r = call_budget(call, strlen(whole) + strlen(change->base->path) + 64);
        if (r != 0)
                return r;
        r = sd_bus_message_append(rendered->reply, "(ss)", change->base->path, whole);
        return r < 0 ? r : 0;
}

static void on_diff(int r, Failure *f, const char *text, void *userdata)
{
        Call *call = userdata;
        Rendered *rendered = call->state;

        call->diff = diff_free(call->diff);
        if (r == 0)
                r = append_diff(call, &rendered->changes[rendered->next], text);
        else
                failure_move(&call->failure, f);
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        rendered->next++;
        show_next(call);
}

static void finish(Call *call)
{
        Rendered *rendered = call->state;
        sd_bus_message *reply = TAKE_PTR(rendered->reply);
        int r;

        r = sd_bus_message_close_container(reply);
        if (r >= 0 && rendered->versions)
                r = query_append_versions(call, reply);
        query_finish(call, r < 0 ? r : (int)call->failure.condition, reply);
}

static int start_diff(Call *call, const FileChange *change)
{
        const FileImage *base = change->base;
        const Manager *m = call->manager;
        const DiffConfig config = { .program = m->diff_path,
                                    .uid = m->worker_uid,
                                    .gid = m->worker_gid,
                                    .timeout_sec = m->limits->diff_sec };

        return diff_start(&call->diff, m->event, &config, base->path, base->content, base->size,
                          change->kind == FILE_CHANGE_DELETE ? NULL : change->content, change->size,
                          on_diff, call);
}

static void show_next(Call *call)
{
        Rendered *rendered = call->state;
        int r = 0;

        for (; r == 0 && rendered->next < rendered->n_changes; rendered->next++) {
                const FileChange *change = &rendered->changes[rendered->next];

                if (rendered->only && strcmp(rendered->only, change->base->path) != 0)
                        continue;
                if (change->kind == FILE_CHANGE_WRITE ||
                    (change->kind == FILE_CHANGE_DELETE && !change->base->link_target)) {
                        r = start_diff(call, change);
                        if (r == 0)
                                return;
                        break;
                }
                r = append_diff(call, change, "");
        }
        if (r != 0)
                call_fail(call, r);
        else
                finish(call);
}

static void on_rendered(Call *call)
{
        Rendered *rendered = call->state;
        int r;

        r = call_new_reply(call, &rendered->reply);
        if (r >= 0)
                r = sd_bus_message_open_container(rendered->reply, 'a', "(ss)");
        if (r >= 0)
                show_next(call);
        else
                call_fail(call, r);
}

void write_show(Call *call, const char *file, bool versions)
{
        Rendered *rendered = render_new(call, on_rendered);

        if (!rendered) {
                call_fail(call, -ENOMEM);
                return;
        }
        rendered->only = file;
        rendered->versions = versions;
        render_start(call);
}
