/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * show.c - one diff after the other, each made by a child; metadata and links in lines before it.
 */
#include "bus/change/show.h"

#include <errno.h>
#include <string.h>

#include "bus/change/render.h"
#include "bus/reach/query.h"

typedef struct Show {
        Shown *items;
        size_t n_items, next;
        const char *only;
        bool versions;
        sd_bus_message *reply;
} Show;

void shown_free(Shown *items, size_t n_items)
{
        for (size_t i = 0; i < n_items; i++) {
                free(items[i].path);
                node_done(&items[i].before);
                node_done(&items[i].after);
        }
        free(items);
}

static void show_free(void *userdata)
{
        Show *show = userdata;

        shown_free(show->items, show->n_items);
        sd_bus_message_unref(show->reply);
        free(show);
}

/* The lines before the text's own diff; "" if there is nothing to tell. NULL out of memory. */
static char *describe(const Shown *item)
{
        const Node *before = &item->before, *after = &item->after;
        const Metadata *old = &before->metadata, *new = &after->metadata;
        bool both = before->kind == NODE_FILE && after->kind == NODE_FILE;
        char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        if (!out)
                return NULL;
        if (before->kind == NODE_LINK)
                fprintf(out, "deleted link %s -> %s\n", item->path, before->link_target);
        if (after->kind == NODE_LINK)
                fprintf(out, "new link %s -> %s\n", item->path, after->link_target);
        if (before->kind != NODE_FILE && after->kind == NODE_FILE)
                fprintf(out, "new file mode %04o\n", new->mode);
        if (both && old->mode != new->mode)
                fprintf(out, "old mode %04o\nnew mode %04o\n", old->mode, new->mode);
        if (both && (old->uid != new->uid || old->gid != new->gid))
                fprintf(out, "old owner %u:%u\nnew owner %u:%u\n", old->uid, old->gid, new->uid,
                        new->gid);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static void show_next(Call *call);

static int append_item(Call *call, const Shown *item, const char *diff)
{
        _cleanup_free_ char *description = describe(item), *whole = NULL;
        Show *show = call->state;
        int r;

        if (!description || asprintf(&whole, "%s%s", description, diff) < 0) {
                whole = NULL;
                return -ENOMEM;
        }
        r = call_budget(call, strlen(whole) + strlen(item->path) + 64);
        if (r != 0)
                return r;
        r = sd_bus_message_append(show->reply, "(ss)", item->path, whole);
        return r < 0 ? r : 0;
}

static void on_diff(int r, Failure *f, const char *text, void *userdata)
{
        Call *call = userdata;
        Show *show = call->state;

        call->diff = diff_free(call->diff);
        if (r == 0)
                r = append_item(call, &show->items[show->next], text);
        else
                failure_move(&call->failure, f);
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        show->next++;
        show_next(call);
}

static void finish(Call *call)
{
        Show *show = call->state;
        sd_bus_message *reply = TAKE_PTR(show->reply);
        int r;

        r = sd_bus_message_close_container(reply);
        if (r >= 0 && show->versions)
                r = query_append_versions(call, reply);
        query_finish(call, r < 0 ? r : (int)call->failure.condition, reply);
}

static int start_diff(Call *call, const Shown *item)
{
        const Node *before = &item->before, *after = &item->after;
        const Manager *m = call->manager;
        const DiffConfig config = { .program = m->diff_path,
                                    .uid = m->worker_uid,
                                    .gid = m->worker_gid,
                                    .timeout_sec = m->limits->diff_sec };

        return diff_start(&call->diff, m->event, &config, item->path,
                          before->kind == NODE_FILE ? before->content : NULL, before->size,
                          after->kind == NODE_FILE ? after->content : NULL, after->size, on_diff,
                          call);
}

/* Items that the caller did not ask for are passed over. */
static void show_next(Call *call)
{
        Show *show = call->state;
        int r;

        while (show->next < show->n_items && show->only &&
               strcmp(show->only, show->items[show->next].path) != 0)
                show->next++;
        if (show->next == show->n_items) {
                finish(call);
                return;
        }
        r = start_diff(call, &show->items[show->next]);
        if (r < 0)
                call_fail(call, r);
}

void show_items(Call *call, sd_bus_message *reply, Shown *items, size_t n_items, const char *only,
                bool versions)
{
        Show *show;
        int r = 0;

        show = calloc(1, sizeof(*show));
        if (!show) {
                shown_free(items, n_items);
                sd_bus_message_unref(reply);
                call_fail(call, -ENOMEM);
                return;
        }
        *show = (Show){ .items = items,
                        .n_items = n_items,
                        .only = only,
                        .versions = versions,
                        .reply = reply };
        call_set_state(call, show, show_free);
        if (!reply)
                r = call_new_reply(call, &show->reply);
        if (r >= 0)
                r = sd_bus_message_open_container(show->reply, 'a', "(ss)");
        if (r >= 0)
                show_next(call);
        else
                call_fail(call, r);
}

/* --- what a transaction has staged --- */

static void on_rendered(Call *call)
{
        Rendered *rendered = call->state;
        const char *only = rendered->only;
        bool versions = rendered->versions;
        Shown *items;
        size_t n = 0;
        int r = 0;

        items = calloc(rendered->n_changes + 1, sizeof(*items));
        if (!items)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < rendered->n_changes; i++) {
                const FileChange *change = &rendered->changes[i];

                items[n].path = strdup(change->base->path);
                r = items[n].path ? file_change_get_nodes(change, &items[n].before, &items[n].after,
                                                          &call->failure)
                                  : -ENOMEM;
                n++;
        }
        if (r == 0) {
                show_items(call, NULL, items, n, only, versions);
                return;
        }
        shown_free(items, n);
        call_fail(call, r);
}

void show_staged(Call *call, const char *file, bool versions)
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
