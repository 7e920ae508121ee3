/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.c - from images to a loaded view.
 */
#include "bus/load.h"

#include <errno.h>
#include <string.h>

#include "bus/binding.h"
#include "bus/gate.h"
#include "bus/reach.h"
#include "bus/transaction.h"
#include "util/strv.h"

View *call_view(Call *call)
{
        return call->transaction ? transaction_view(call->transaction) : warm_view_view(call->warm);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp((*(const ReachFile *const *)a)->file, (*(const ReachFile *const *)b)->file);
}

/* The key, then name and lens of every existing file, in name order: what makes two calls share a
 * view. A connection with a key shares none with one without. */
static char *view_key(const Reach *reach, const Key *authority)
{
        _cleanup_free_ const ReachFile **sorted = NULL;
        char *key = NULL;
        size_t size, n = 0;
        FILE *out;

        sorted = calloc(reach->n_files + 1, sizeof(ReachFile *));
        out = sorted ? open_memstream(&key, &size) : NULL;
        if (!out)
                return NULL;
        for (size_t i = 0; i < reach->n_files; i++)
                if (!reach->files[i].left_out && reach->files[i].image->stamp.exists)
                        sorted[n++] = &reach->files[i];
        qsort(sorted, n, sizeof(ReachFile *), compare_names);
        fprintf(out, "%s\n", authority ? authority->name : "");
        for (size_t i = 0; i < n; i++)
                fprintf(out, "%s\n%s\n", sorted[i]->file, sorted[i]->lens);
        if (fclose(out) != 0) {
                free(key);
                return NULL;
        }
        return key;
}

int load_choose_view(Call *call)
{
        _cleanup_free_ char *key = NULL;
        About about = call->method->about;
        View *view;
        int r;

        if (call->transaction || call->method->needs == NEEDS_WRITE || about == ABOUT_EDITS ||
            about == ABOUT_FILE || about == ABOUT_GLOB || about == ABOUT_OPTIONS)
                return 0;

        key = view_key(call->reach, call_key(call));
        if (!key)
                return -ENOMEM;
        call->warm = warm_view_release(call->warm);
        r = view_cache_get(call->manager->views, call->uid, key, &call->warm, &call->failure);
        if (r != 0)
                return r;
        view = warm_view_view(call->warm);
        for (size_t i = 0; i < call->reach->n_files; i++) {
                ReachFile *file = &call->reach->files[i];
                ssize_t k = view_find(view, file->file);

                file_image_unref(file->loaded);
                file->loaded = k >= 0 ? file_image_ref(view_file(view, (size_t)k)->image) : NULL;
        }
        return 0;
}

static int put_file(Call *call, const ReachFile *file)
{
        ssize_t known = view_find(call_view(call), file->file);

        if (file->left_out || file->held || !file->image)
                return 0;
        /* A read view has no use for what is not there; a transaction can make it. */
        if (!file->image->stamp.exists && !call->transaction)
                return 0;
        /* Fresh by its stamp, or read anew and the same. */
        if (known >= 0) {
                const FileImage *held = view_file(call_view(call), (size_t)known)->image;

                if (!file->image->content)
                        view_renew(call_view(call), file->image);
                if (!file->image->content || strcmp(held->version, file->image->version) == 0)
                        return 0;
        }
        return view_put(call_view(call), file->image, file->lens, file->other_lens, &call->failure);
}

/* Returns: 0, or the word for the first named file that is not in the tree. */
static int check_parsed(Call *call)
{
        for (size_t i = 0; i < call->reach->n_files; i++) {
                const ReachFile *file = &call->reach->files[i];
                ssize_t k = view_find(call_view(call), file->file);
                const ViewFile *known = k >= 0 ? view_file(call_view(call), (size_t)k) : NULL;

                if (!file->named || !known || !known->error_kind)
                        continue;
                if (strcmp(known->error_kind, VIEW_NO_LENS) == 0)
                        return failure_set(&call->failure, EXM_E_NO_LENS, "%s: %s", file->file,
                                           known->error_message);
                if (!call->wants_parsed)
                        continue;
                return failure_set(&call->failure, EXM_E_PARSE_FAILED, "%s:%u:%u: %s", file->file,
                                   known->error_line, known->error_column, known->error_message);
        }
        return 0;
}

static void on_loaded(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Call *call = userdata;

        if (!call->dead) {
                if (r == 0)
                        r = check_parsed(call);
                if (r == 0)
                        call->next(call);
                else
                        load_failed(call, r, f);
        }
        call_unref(call);
}

static int note_by_key(const Call *call)
{
        _cleanup_strv_ char **files = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < call->reach->n_files; i++)
                if (call->reach->files[i].by_key && !call->reach->files[i].left_out)
                        r = strv_extend(&files, call->reach->files[i].file);
        if (r == 0)
                transaction_set_by_key(call->transaction, TAKE_PTR(files));
        return r;
}

int load_view(Call *call, void (*next)(Call *call))
{
        int r = call->transaction ? note_by_key(call) : 0;

        for (size_t i = 0; r == 0 && i < call->reach->n_files; i++)
                r = put_file(call, &call->reach->files[i]);
        if (r != 0)
                return r;
        if (view_is_alive(call_view(call))) { /* nothing is to be loaded */
                r = check_parsed(call);
                if (r == 0)
                        next(call);
                return r;
        }
        call->next = next;
        r = view_load(call_view(call), on_loaded, call_ref(call));
        if (r < 0)
                call_unref(call);
        return r;
}

void load_failed(Call *call, int r, Failure *f)
{
        if (call->warm && (r == EXM_E_WORKER_FAILED || r == EXM_E_LIMIT_EXCEEDED))
                warm_view_spoil(call->warm);
        if (r == EXM_E_WORKER_FAILED && call->warm && !call->repeated) {
                call->repeated = true;
                reach_read_again(call, gate_run);
                return;
        }
        if (f)
                failure_move(&call->failure, f);
        call_fail(call, r);
}
