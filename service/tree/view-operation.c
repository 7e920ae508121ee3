/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-operation.c - operations: their arguments, copied from the caller, and their end.
 *
 * Each public function here copies what it is given and puts it in the queue of the view; nothing
 * is run before it returns.
 */
#include <errno.h>
#include <string.h>

#include "tree/view-private.h"
#include "util/strv.h"

void operation_reset(Operation *op)
{
        op->changed = strv_free(op->changed);
        op->next_changed = 0;
        for (size_t i = 0; i < op->n_texts; i++) {
                free(op->texts[i].content);
                file_image_unref(op->bases[i]);
        }
        free(op->texts);
        free(op->bases);
        op->texts = NULL;
        op->bases = NULL;
        op->n_texts = 0;
        op->text_bytes = 0;
        op->sent = false;
}

Operation *operation_free(Operation *op)
{
        if (!op)
                return NULL;
        operation_reset(op);
        free(op->text);
        edits_free(op->edits, op->n_edits);
        for (size_t i = 0; i < op->n_images; i++)
                file_image_unref(op->images[i]);
        free(op->images);
        free(op);
        return NULL;
}

static int operation_new(Operation **ret, OperationKind kind, const char *text, ViewDone done,
                         void *userdata)
{
        Operation *op = calloc(1, sizeof(*op));

        if (!op)
                return -ENOMEM;
        *op = (Operation){ .kind = kind, .done = done, .userdata = userdata };
        if (text) {
                op->text = strdup(text);
                if (!op->text) {
                        free(op);
                        return -ENOMEM;
                }
        }
        *ret = op;
        return 0;
}

/* What has no arguments of its own but one string. */
static int queue_simple(View *view, OperationKind kind, const char *text, ViewDone done,
                        void *userdata)
{
        Operation *op;
        int r;

        r = operation_new(&op, kind, text, done, userdata);
        if (r == 0)
                view_queue(view, op);
        return r;
}

int view_load(View *view, ViewDone done, void *userdata)
{
        return queue_simple(view, OPERATION_LOAD, NULL, done, userdata);
}

int view_get_value(View *view, const char *path, ViewDone done, void *userdata)
{
        return queue_simple(view, OPERATION_GET_VALUE, path, done, userdata);
}

int view_match(View *view, const char *expression, ViewDone done, void *userdata)
{
        return queue_simple(view, OPERATION_MATCH, expression, done, userdata);
}

int view_render(View *view, ViewDone done, void *userdata)
{
        return queue_simple(view, OPERATION_RENDER, NULL, done, userdata);
}

int view_read(View *view, const char *expression, uint32_t offset, uint32_t limit, ViewDone done,
              void *userdata)
{
        Operation *op;
        int r;

        r = operation_new(&op, OPERATION_READ, expression, done, userdata);
        if (r < 0)
                return r;
        op->offset = offset;
        op->limit = limit;
        view_queue(view, op);
        return 0;
}

static int edit_copy(const Edit *edit, Edit *ret, uint64_t *bytes)
{
        char **arg;

        ret->verb = strdup(edit->verb);
        ret->args = strv_copy(edit->args);
        if (!ret->verb || (!ret->args && strv_length(edit->args) > 0))
                return -ENOMEM;

        *bytes += sizeof(Edit) + strlen(edit->verb) + 1;
        STRV_FOREACH(arg, edit->args)
                *bytes += sizeof(char *) + strlen(*arg) + 1;
        return 0;
}

int view_edit(View *view, const Edit *edits, size_t n_edits, ViewDone done, void *userdata)
{
        _cleanup_(operation_free_cleanup) Operation *op = NULL;
        int r;

        r = operation_new(&op, OPERATION_EDIT, NULL, done, userdata);
        if (r < 0)
                return r;
        op->edits = calloc(n_edits + 1, sizeof(Edit));
        if (!op->edits)
                return -ENOMEM;
        for (op->n_edits = 0; op->n_edits < n_edits;) {
                size_t i = op->n_edits++;

                r = edit_copy(&edits[i], &op->edits[i], &op->edit_bytes);
                if (r < 0)
                        return r;
        }
        view_queue(view, TAKE_PTR(op));
        return 0;
}

int view_rebase(View *view, FileImage *const *images, size_t n, ViewDone done, void *userdata)
{
        _cleanup_(operation_free_cleanup) Operation *op = NULL;
        int r;

        for (size_t i = 0; i < n; i++) {
                if (view_find(view, images[i]->path) < 0)
                        return -ENOENT;
                if (images[i]->stamp.exists && !images[i]->content)
                        return -EINVAL;
        }
        r = operation_new(&op, OPERATION_REBASE, NULL, done, userdata);
        if (r < 0)
                return r;
        op->images = calloc(n + 1, sizeof(*op->images));
        if (!op->images)
                return -ENOMEM;
        for (; op->n_images < n; op->n_images++)
                op->images[op->n_images] = file_image_ref(images[op->n_images]);

        view_queue(view, TAKE_PTR(op));
        return 0;
}
