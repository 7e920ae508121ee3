/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call-view.c - the transaction's, or one of the cache.
 */
#include "bus/reach/call-view.h"

#include <errno.h>
#include <string.h>

#include "bus/call/transaction.h"
#include "bus/reach/reach-files.h"
#include "bus/right/binding.h"

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

int call_choose_view(Call *call)
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
