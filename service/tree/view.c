/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.c - the data of a view: its files, its recorded edits, and what they cost.
 *
 * Nothing here talks to the worker. A change of the files only marks what the worker lacks; where
 * edits are recorded already, a worker cannot be mended by loading one file, so a fresh one is
 * asked for, which goes through the log from the start.
 */
#include "tree/view.h"

#include <errno.h>
#include <string.h>

#include "tree/view-private.h"
#include "tree/view-reply.h"
#include "util/strv.h"

void edits_free(Edit *edits, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free(edits[i].verb);
                strv_free(edits[i].args);
        }
        free(edits);
}

static FileSlot *slot_free(FileSlot *slot)
{
        if (!slot)
                return NULL;
        file_image_unref(slot->file.image);
        free(slot->file.lens);
        free(slot->file.conflicting_lens);
        free(slot->file.error_kind);
        free(slot->file.error_message);
        free(slot->node);
        free(slot);
        return NULL;
}
DEFINE_CLEANUP(FileSlot *, slot_free);

static int on_pump(sd_event_source *source, void *userdata)
{
        view_step(userdata);
        return 0;
}

DEFINE_CLEANUP(View *, view_free);

int view_new(View **ret, Tree *tree)
{
        _cleanup_(view_free_cleanup) View *view = calloc(1, sizeof(*view));
        int r;

        if (!view)
                return -ENOMEM;
        view->host = tree_worker_host(tree);
        view->queue_end = &view->queue;
        r = sd_event_add_defer(view->host->event, &view->pump, on_pump, view);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(view->pump, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(view);
        return 0;
}

/* Whoever waits is told, so that nothing stays held for an answer that never comes. A callback may
 * ask for more, which ends the same way. */
static void view_cancel(View *view)
{
        Operation *op;

        while ((op = view_take(view))) {
                _cleanup_failure_ Failure none = {};

                view->current = NULL;
                op->done(-ECANCELED, &none, NULL, op->userdata);
                operation_free(op);
        }
}

View *view_free(View *view)
{
        /* A callback of view_cancel() that gives the view up finds that done already. */
        if (!view || view->ending)
                return NULL;

        view->ending = true;
        view->worker = worker_free(view->worker);
        view->pump = sd_event_source_disable_unref(view->pump);
        view_cancel(view);
        view_new_state(view);
        for (size_t i = 0; i < view->n_files; i++)
                slot_free(view->files[i]);
        free(view->files);
        free(view->by_node);
        file_image_unref(view->loading_image);
        strv_free(view->drops);
        edits_free(view->log, view->n_log);
        free(view);
        return NULL;
}

size_t view_n_files(const View *view)
{
        return view->n_files;
}

const ViewFile *view_file(const View *view, size_t i)
{
        return &view->files[i]->file;
}

ssize_t view_find(const View *view, const char *path)
{
        for (size_t i = 0; i < view->n_files; i++)
                if (strcmp(view->files[i]->file.image->path, path) == 0)
                        return (ssize_t)i;
        return -1;
}

void view_set_image(View *view, FileSlot *slot, FileImage *image)
{
        view->image_bytes -= slot->file.image->size;
        view->image_bytes += image->size;
        file_image_unref(slot->file.image);
        slot->file.image = file_image_ref(image);
        slot->synced = false;
        view_new_state(view);
        if (view->n_log > 0)
                view->restart = true;
}

static int check_room(const View *view, const FileImage *image, const FileSlot *known, Failure *f)
{
        const Limits *limits = view->host->limits;
        uint64_t others = view->image_bytes - (known ? known->file.image->size : 0);

        if (!known && view->n_files >= limits->view_files)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: more than %u files would be loaded; narrow the expression",
                                   image->path, limits->view_files);
        if (others + image->size > limits->view_bytes)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: more than %llu bytes would be loaded; narrow the "
                                   "expression",
                                   image->path, (unsigned long long)limits->view_bytes);
        return 0;
}

static int slot_set_lenses(FileSlot *slot, const char *lens, const char *conflicting_lens)
{
        char *copy = strdup(lens), *other = NULL;

        if (copy && conflicting_lens)
                other = strdup(conflicting_lens);
        if (!copy || (conflicting_lens && !other)) {
                free(copy);
                return -ENOMEM;
        }
        free(slot->file.lens);
        free(slot->file.conflicting_lens);
        slot->file.lens = copy;
        slot->file.conflicting_lens = other;
        return 0;
}

static int view_add(View *view, FileImage *image, const char *lens, const char *conflicting_lens)
{
        _cleanup_(slot_free_cleanup) FileSlot *slot = calloc(1, sizeof(*slot));
        FileSlot **grown;
        int r;

        if (!slot)
                return -ENOMEM;
        r = slot_set_lenses(slot, lens, conflicting_lens);
        if (r == 0)
                r = view_node_of(image->path, &slot->node);
        if (r < 0)
                return r;
        grown = reallocarray(view->files, view->n_files + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;

        view->files = grown;
        slot->file.image = file_image_ref(image);
        slot->since = view->n_log;
        if (view->current && view->current->kind == OPERATION_EDIT && view->current->sent)
                slot->since += view->current->n_edits;
        view->image_bytes += image->size;
        view->files[view->n_files++] = TAKE_PTR(slot);
        view_new_state(view);
        free(view->by_node);
        view->by_node = NULL;
        return 0;
}

int view_put(View *view, FileImage *image, const char *lens, const char *conflicting_lens,
             Failure *f)
{
        ssize_t i = view_find(view, image->path);
        FileSlot *known = i < 0 ? NULL : view->files[i];
        int r;

        if (image->stamp.exists && !image->content)
                return -EINVAL;
        r = check_room(view, image, known, f);
        if (r != 0)
                return r;
        if (!known)
                return view_add(view, image, lens, conflicting_lens);

        r = slot_set_lenses(known, lens, conflicting_lens);
        if (r == 0)
                view_set_image(view, known, image);
        return r;
}

void view_renew(View *view, FileImage *image)
{
        ssize_t i = view_find(view, image->path);
        FileSlot *slot = i < 0 ? NULL : view->files[i];

        if (!slot || !slot->synced || strcmp(slot->file.image->version, image->version) != 0)
                return;
        file_image_unref(slot->file.image);
        slot->file.image = file_image_ref(image);
}

void view_remove(View *view, const char *path)
{
        ssize_t i = view_find(view, path);
        FileSlot *slot;

        if (i < 0)
                return;
        slot = view->files[i];

        /* Should the name not fit in the list, a fresh worker has never heard of it. */
        if (view->n_log > 0 || (slot->in_worker && strv_extend(&view->drops, path) < 0))
                view->restart = true;
        if (view->loading == slot)
                view->loading = NULL;
        view->image_bytes -= slot->file.image->size;
        slot_free(slot);
        view_new_state(view);

        view->n_files--;
        memmove(view->files + i, view->files + i + 1,
                (view->n_files - (size_t)i) * sizeof(*view->files));
        free(view->by_node);
        view->by_node = NULL;
}

void view_set_volatile(View *view)
{
        view->forget_content = true;
}

bool view_is_alive(const View *view)
{
        if (!view->worker || !worker_is_alive(view->worker) || view->restart || view->drops ||
            view->applied != view->n_log)
                return false;
        for (size_t i = 0; i < view->n_files; i++)
                if (!view->files[i]->synced)
                        return false;
        return true;
}

size_t view_n_edits(const View *view)
{
        return view->n_log;
}

uint64_t view_bytes(const View *view)
{
        return view->image_bytes + view->log_bytes;
}
