/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * restore.c - one step after the other: as it was, merged, or a conflict.
 */
#include "bus/change/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bus/change/history.h"
#include "util/strv.h"

typedef struct Plan {
        bool merge;
        size_t next_step;
        View *view; /* that parses a merged text */
        FileImage *merged;
        bool was_parsed; /* the file as it is now can be parsed */
        void (*next)(Call *call);
} Plan;

static void plan_free(void *userdata)
{
        Plan *plan = userdata;

        view_free(plan->view);
        file_image_unref(plan->merged);
        free(plan);
}

void restored_done(Restored *restored)
{
        shown_free(restored->items, restored->n_items);
        strv_free(restored->names);
        *restored = (Restored){ 0 };
}

/* What an image says is under the step's name; borrows from it. */
static Node node_of_image(const FileImage *image, const FileStep *step)
{
        Node node = { 0 };

        if (image->link_target && strcmp(image->path, image->canonical) != 0)
                return (Node){ .kind = NODE_LINK, .link_target = image->link_target };
        if (!image->stamp.exists)
                return node;
        node = (Node){ .kind = NODE_FILE,
                       .metadata = { .mode = image->mode,
                                     .uid = image->uid,
                                     .gid = image->gid,
                                     .xattrs = image->xattrs,
                                     .n_xattrs = image->n_xattrs },
                       .content = image->content,
                       .size = image->size };
        memcpy(node.version, image->version, sizeof(node.version));
        return node;
}

static void plan_next(Call *call);

/* Puts one step into the plan; the nodes are copied. */
static int add_item(Call *call, const FileStep *step, const Node *now, const Node *then)
{
        Restored *restored = call->restored;
        Shown *item = &restored->items[restored->n_items];
        int r;

        r = strv_extend(&restored->names, step->name);
        if (r < 0)
                return r;
        *item = (Shown){ .path = strdup(step->path) };
        restored->n_items++;
        r = item->path ? node_copy(now, &item->before) : -ENOMEM;
        return r < 0 ? r : node_copy(then, &item->after);
}

static int changed_since(Call *call, const FileStep *step, bool merge)
{
        return failure_set(&call->failure, EXM_E_CONFLICT,
                           "%s: has been changed since change %" PRIu64 "; nothing was changed%s",
                           step->name, history_record(call)->id,
                           merge ? ", and what it is now cannot be merged"
                                 : ". Option merge undoes only what that change did, if the two do "
                                   "not overlap");
}

static bool same_access(const Metadata *a, const Metadata *b)
{
        return metadata_matches(a, b);
}

static void finish_step(Call *call, int r)
{
        Plan *plan = call->plan;

        if (r != 0) {
                call_fail(call, r);
                return;
        }
        plan->next_step++;
        plan_next(call);
}

/* --- a merged text --- */

static int add_merged(Call *call)
{
        Plan *plan = call->plan;
        const FileStep *step = &history_record(call)->steps[plan->next_step];
        const FileImage *image = history_image(call, plan->next_step);
        Node now = node_of_image(image, step), then = now;
        int r;

        /* The change's own change of mode or owner is undone; else what is now stays. */
        if (!same_access(&step->before.metadata, &step->after.metadata))
                then.metadata = step->before.metadata;
        then.content = plan->merged->content;
        then.size = plan->merged->size;
        r = node_set_version(&then);
        return r < 0 ? r : add_item(call, step, &now, &then);
}

static void on_parsed(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Call *call = userdata;
        Plan *plan = call->plan;

        if (!call->dead) {
                const ViewFile *file = view_file(plan->view, 0);

                if (r != 0)
                        failure_move(&call->failure, f);
                else if (file->error_kind && plan->was_parsed)
                        r = failure_set(&call->failure, EXM_E_CONFLICT,
                                        "%s:%u:%u: the merged text cannot be parsed: %s",
                                        file->image->path, file->error_line, file->error_column,
                                        file->error_message);
                if (r == 0)
                        r = add_merged(call);
                finish_step(call, r);
        }
        call_unref(call);
}

/* The file as it is now tells whether its lens is to be asked about the result. */
static void on_now_parsed(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Call *call = userdata;
        Plan *plan = call->plan;

        if (!call->dead) {
                if (r == 0) {
                        plan->was_parsed = !view_file(plan->view, 0)->error_kind;
                        r = view_put(plan->view, plan->merged, view_file(plan->view, 0)->lens, NULL,
                                     &call->failure);
                }
                if (r == 0)
                        r = view_load(plan->view, on_parsed, call_ref(call));
                if (r != 0) {
                        failure_move(&call->failure, f);
                        call_fail(call, r);
                }
        }
        call_unref(call);
}

static int image_with_text(const FileImage *like, const void *bytes, size_t size, FileImage **ret)
{
        FileImage *image = calloc(1, sizeof(*image));

        if (!image)
                return -ENOMEM;
        image->n_ref = 1;
        image->path = strdup(like->path);
        image->canonical = strdup(like->canonical);
        image->stamp.exists = true;
        image->mode = like->mode;
        image->content = malloc(size + 1);
        image->size = size;
        *ret = image;
        if (!image->path || !image->canonical || !image->content)
                return -ENOMEM;
        memcpy(image->content, bytes ?: "", size);
        ((char *)image->content)[size] = '\0';
        return 0;
}

static void on_merged(int r, Failure *f, const void *bytes, size_t size, void *userdata)
{
        Call *call = userdata;
        Plan *plan = call->plan;
        const FileImage *image = history_image(call, plan->next_step);
        const char *lens = NULL, *other = NULL;

        plan->merged = file_image_unref(plan->merged);
        plan->view = view_free(plan->view);
        if (r == 0)
                r = image_with_text(image, bytes, size, &plan->merged);
        else
                failure_move(&call->failure, f);
        call->diff = diff_free(call->diff); /* `bytes` are its own */
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        /* Without a lens (or index) nothing is parsed, as for any file. */
        if (!tree_index(call->manager->tree) ||
            !lens_index_lookup(tree_index(call->manager->tree), image->path, &lens, &other)) {
                finish_step(call, add_merged(call));
                return;
        }
        r = view_new(&plan->view, call->manager->tree);
        if (r == 0)
                r = view_put(plan->view, (FileImage *)image, lens, NULL, &call->failure);
        if (r == 0)
                r = view_load(plan->view, on_now_parsed, call_ref(call));
        if (r != 0)
                call_fail(call, r);
}

static int start_merge(Call *call, const FileStep *step, const Node *now)
{
        const Manager *m = call->manager;
        const DiffConfig config = { .program = m->diff_path,
                                    .uid = m->worker_uid,
                                    .gid = m->worker_gid,
                                    .timeout_sec = m->limits->diff_sec };

        return merge_start(&call->diff, m->event, &config, step->path,
                           (DiffText){ now->content, now->size },
                           (DiffText){ step->after.content, step->after.size },
                           (DiffText){ step->before.content, step->before.size }, on_merged, call);
}

/* --- one step --- */

/* All three are texts, and nobody has touched owner, mode or attributes since. */
static bool can_merge(const FileStep *step, const Node *now)
{
        return now->kind == NODE_FILE && step->before.kind == NODE_FILE &&
               step->after.kind == NODE_FILE && same_access(&now->metadata, &step->after.metadata);
}

static void plan_next(Call *call)
{
        Plan *plan = call->plan;
        const ChangeRecord *record = history_record(call);
        int r = 0;

        while (r == 0 && plan->next_step < record->n_steps) {
                const FileStep *step = &record->steps[plan->next_step];
                const FileImage *image = history_image(call, plan->next_step);
                Node now;

                if (!image) {
                        r = changed_since(call, step, plan->merge);
                        break;
                }
                now = node_of_image(image, step);
                if (node_matches(&now, &step->after)) {
                        r = add_item(call, step, &now, &step->before);
                        plan->next_step++;
                } else if (plan->merge && can_merge(step, &now)) {
                        r = start_merge(call, step, &now);
                        if (r == 0)
                                return;
                } else {
                        r = changed_since(call, step, plan->merge);
                }
        }
        if (r != 0)
                call_fail(call, r);
        else
                plan->next(call);
}

static void on_index(int r, Failure *f, LensIndex *index, void *userdata)
{
        Call *call = userdata;

        if (!call->dead)
                plan_next(call);
        call_unref(call);
}

void restore_plan(Call *call, bool merge, void (*next)(Call *call))
{
        Plan *plan;

        plan = calloc(1, sizeof(*plan));
        call->restored->items = calloc(history_record(call)->n_steps + 1, sizeof(Shown));
        if (!plan || !call->restored->items) {
                free(plan);
                call_fail(call, -ENOMEM);
                return;
        }
        *plan = (Plan){ .merge = merge, .next = next };
        call->plan = plan;
        call->plan_free = plan_free;
        if (merge)
                tree_get_index(call->manager->tree, on_index, call_ref(call));
        else
                plan_next(call);
}
