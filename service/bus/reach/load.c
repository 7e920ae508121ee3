/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.c - from images to a loaded view.
 */
#include "bus/reach/load.h"

#include <errno.h>
#include <string.h>

#include "bus/call/transaction.h"
#include "bus/reach/reach.h"
#include "util/strv.h"

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
                reach_read_again(call);
                return;
        }
        if (f)
                failure_move(&call->failure, f);
        call_fail(call, r);
}
