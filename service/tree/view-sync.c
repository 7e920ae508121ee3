/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-sync.c - brings a worker to the state that the view's data describes.
 *
 * One call to the worker at a time: names to forget, then files and recorded edits in the order in
 * which they came. For a warm worker that is nothing, for one that has just been started all of it.
 */
#include <errno.h>
#include <string.h>

#include "tree/view-private.h"
#include "tree/view-reply.h"
#include "util/strv.h"

/* A batch must be done within worker_wall_sec, as the single calls were that it repeats. */
#define BATCH_EDITS 100U
#define BATCH_BYTES (4U * 1024 * 1024)

void view_discard_worker(View *view)
{
        view_new_state(view);
        view->worker = worker_free(view->worker);
        view->restart = false;
        view->drops = strv_free(view->drops);
        view->applied = 0;
        view->replaying = 0;
        view->loading = NULL;
        view->loading_image = file_image_unref(view->loading_image);
        for (size_t i = 0; i < view->n_files; i++) {
                view->files[i]->synced = false;
                view->files[i]->in_worker = false;
        }
}

static int view_call(View *view, sd_bus_message *m, WorkerDone done)
{
        int r = worker_call(view->worker, m, view->host->limits->worker_wall_sec, done, view);

        return r < 0 ? r : -EINPROGRESS;
}

static void file_forget_error(ViewFile *file)
{
        free(file->error_kind);
        free(file->error_message);
        file->error_kind = file->error_message = NULL;
        file->error_line = file->error_column = 0;
        file->loaded = false;
}

/* What Augeas itself does with a file that two transforms claim. */
static int slot_set_conflict(FileSlot *slot)
{
        file_forget_error(&slot->file);
        slot->file.error_kind = strdup("mxfm_load");
        if (asprintf(&slot->file.error_message, "Lenses %s and %s could be used to load this file",
                     slot->file.lens, slot->file.conflicting_lens) < 0)
                slot->file.error_message = NULL;
        if (!slot->file.error_kind || !slot->file.error_message)
                return -ENOMEM;
        slot->synced = true;
        return 0;
}

/* Only the last holder of an image may touch it. */
static void slot_forget_content(View *view, FileSlot *slot)
{
        FileImage *image = slot->file.image;

        if (__atomic_load_n(&image->n_ref, __ATOMIC_ACQUIRE) == 1) {
                free(image->content);
                image->content = NULL;
        } else {
                view->has_content = true;
        }
}

void view_forget(View *view)
{
        if (!view->has_content)
                return;
        view->has_content = false;
        for (size_t i = 0; i < view->n_files; i++)
                if (view->files[i]->synced)
                        slot_forget_content(view, view->files[i]);
}

/* A lens that is not there costs its own files, not the view. */
static int slot_set_no_lens(FileSlot *slot, const Failure *f)
{
        ViewFile *file = &slot->file;

        file_forget_error(file);
        file->error_kind = strdup(VIEW_NO_LENS);
        file->error_message = strdup(f->message ?: "there is no such lens");
        if (!file->error_kind || !file->error_message)
                return -ENOMEM;
        file->loaded = false;
        slot->synced = true;
        return 0;
}

static void on_load_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;
        FileSlot *slot = TAKE_PTR(view->loading);
        bool current = slot && slot->file.image == view->loading_image;

        view->loading_image = file_image_unref(view->loading_image);
        if (r == 0 && current) {
                file_forget_error(&slot->file);
                if (slot->file.image->stamp.exists)
                        r = reply_read_load(reply, &slot->file);
                else if (!sd_bus_message_has_signature(reply, ""))
                        r = -EBADMSG;
                slot->synced = r == 0;
                slot->file.loaded = slot->synced && !slot->file.error_kind;
                if (r == 0 && view->forget_content)
                        slot_forget_content(view, slot);
        } else if (r == EXM_E_NO_LENS && current && worker_is_alive(view->worker)) {
                r = slot_set_no_lens(slot, f);
        } else if (r > 0 && slot) {
                /* No such lens, or the file that brought the process down. */
                failure_prefix(f, "%s: ", slot->file.image->path);
        }

        if (r != 0)
                view_fail_hostile(view, r, "loading a file", f);
        else
                view_step(view);
}

static int view_load_slot(View *view, FileSlot *slot, Failure *f)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        FileImage *image = slot->file.image;
        int r;

        if (image->stamp.exists && !image->content)
                return failure_set(f, EXM_E_WORKER_FAILED,
                                   "the process that parses the files has ended; try again");

        r = worker_method(view->worker, image->stamp.exists ? "Load" : "Define", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "ss", image->path, slot->file.lens);
        if (r >= 0 && image->stamp.exists)
                r = sd_bus_message_append_array(m, 'y', image->content, image->size);
        if (r < 0)
                return r;

        slot->in_worker = true;
        view->loading = slot;
        file_image_unref(view->loading_image);
        view->loading_image = file_image_ref(image);
        return view_call(view, m, on_load_reply);
}

static void on_drop_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;

        if (r == 0) {
                size_t n = strv_length(view->drops);

                free(view->drops[0]);
                memmove(view->drops, view->drops + 1, n * sizeof(*view->drops));
                if (n == 1)
                        view->drops = strv_free(view->drops);
                view_step(view);
                return;
        }
        view_fail(view, r, f);
}

static int view_drop(View *view, const char *file)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = worker_method(view->worker, "Drop", &m);
        if (r == 0)
                r = sd_bus_message_append(m, "s", file);
        return r < 0 ? r : view_call(view, m, on_drop_reply);
}

int message_append_edits(sd_bus_message *m, const Edit *edits, size_t n)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sas)");
        for (size_t i = 0; r >= 0 && i < n; i++) {
                r = sd_bus_message_open_container(m, 'r', "sas");
                if (r >= 0)
                        r = sd_bus_message_append_basic(m, 's', edits[i].verb);
                if (r >= 0)
                        r = sd_bus_message_append_strv(m, edits[i].args);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* "edit 3: ..." of a batch counts from the batch; the caller knows edits by their number in the
 * log. */
static void failure_renumber(Failure *f, size_t first, size_t n)
{
        static const char word[] = "edit ";
        _cleanup_free_ char *message = TAKE_PTR(f->message);
        unsigned long long number = 0;
        char *end = message;

        if (message && strncmp(message, word, strlen(word)) == 0) {
                number = strtoull(message + strlen(word), &end, 10);
                end = strncmp(end, ": ", 2) == 0 && number < n ? end + 2 : message;
        }
        if (asprintf(&f->message, "edit %llu: %s", first + (end == message ? 0 : number),
                     end ?: "can no longer be made") < 0)
                f->message = NULL;
}

static void on_replay_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;
        const uint32_t *counts;
        bool answered = worker_is_alive(view->worker);

        if (r == 0)
                r = reply_read_counts(reply, view->replaying, &counts);
        else if (r > 0 && answered)
                failure_renumber(f, view->applied, view->replaying);
        if (r != 0) {
                /* The tree holds part of the batch. */
                view->restart = true;
                view_fail_hostile(view, r, "replay of edits", f);
                return;
        }
        view->applied += view->replaying;
        view_step(view);
}

static uint64_t edit_size(const Edit *edit)
{
        uint64_t size = strlen(edit->verb);
        char **arg;

        STRV_FOREACH(arg, edit->args)
                size += strlen(*arg);
        return size;
}

/* Recorded edits up to the next file that came between them. */
static int view_replay(View *view)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        size_t end = view->n_log, n = 0;
        uint64_t bytes = 0;
        int r;

        for (size_t i = 0; i < view->n_files; i++)
                if (!view->files[i]->synced && view->files[i]->since < end)
                        end = view->files[i]->since;
        while (view->applied + n < end && n < BATCH_EDITS && bytes < BATCH_BYTES)
                bytes += edit_size(&view->log[view->applied + n++]);

        r = worker_method(view->worker, "Edit", &m);
        if (r == 0)
                r = message_append_edits(m, view->log + view->applied, n);
        if (r < 0)
                return r;
        view->replaying = n;
        return view_call(view, m, on_replay_reply);
}

int view_sync(View *view, Failure *f)
{
        int r;

        if (view->worker && !worker_is_alive(view->worker))
                view->restart = true;
        if (view->restart) {
                view_discard_worker(view);
                operation_reset(view->current);
        }
        if (!view->worker) {
                r = worker_new(&view->worker, view->host, f);
                if (r != 0)
                        return r;
                view->current->fresh = true;
        }

        if (view->drops)
                return view_drop(view, view->drops[0]);
        for (size_t i = 0; i < view->n_files; i++) {
                FileSlot *slot = view->files[i];

                if (slot->synced || slot->since > view->applied)
                        continue;
                if (!slot->file.conflicting_lens)
                        return view_load_slot(view, slot, f);
                r = slot_set_conflict(slot);
                if (r < 0)
                        return r;
        }
        return view->applied < view->n_log ? view_replay(view) : 0;
}
