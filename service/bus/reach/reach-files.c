/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach-files.c - a list.
 */
#include "bus/reach/reach-files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void reach_file_done(ReachFile *file)
{
        free(file->file);
        free(file->lens);
        free(file->other_lens);
        file_image_unref(file->image);
        file_image_unref(file->loaded);
        failure_done(&file->failure);
}

void reach_done(Reach *reach)
{
        for (size_t i = 0; i < reach->n_files; i++)
                reach_file_done(&reach->files[i]);
        for (size_t i = 0; i < reach->n_spans; i++)
                free(reach->spans[i].prefix);
        free(reach->files);
        free(reach->spans);
        lens_index_unref(reach->index);
        failure_done(&reach->failure);
        *reach = (Reach){ 0 };
}

ReachFile *reach_find(Reach *reach, const char *file)
{
        for (size_t i = 0; i < reach->n_files; i++)
                if (strcmp(reach->files[i].file, file) == 0)
                        return &reach->files[i];
        return NULL;
}

int reach_add_file(Reach *reach, const char *file, const char *lens, const char *other_lens,
                   ReachFile **ret)
{
        ReachFile *grown;

        if ((reach->n_files & (reach->n_files - 1)) == 0) {
                grown = reallocarray(reach->files, reach->n_files == 0 ? 1 : 2 * reach->n_files,
                                     sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                reach->files = grown;
        }
        grown = &reach->files[reach->n_files];
        *grown = (ReachFile){
                .file = strdup(file),
                .lens = strdup(lens),
                .other_lens = other_lens ? strdup(other_lens) : NULL,
        };
        reach->n_files++;
        if (!grown->file || !grown->lens || (other_lens && !grown->other_lens))
                return -ENOMEM;
        if (ret)
                *ret = grown;
        return 0;
}
