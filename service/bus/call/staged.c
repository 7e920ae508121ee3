/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * staged.c - mode, owner and links of a transaction, and the list of changes that a commit applies.
 */
#include "bus/call/staged.h"

#include <errno.h>
#include <string.h>

void staged_done(Staged *staged)
{
        for (size_t i = 0; i < staged->n_files; i++) {
                free(staged->files[i].file);
                free(staged->files[i].link_target);
        }
        free(staged->files);
        *staged = (Staged){ 0 };
}

static StagedFile *staged_find(const Staged *staged, const char *file)
{
        for (size_t i = 0; i < staged->n_files; i++)
                if (strcmp(staged->files[i].file, file) == 0)
                        return &staged->files[i];
        return NULL;
}

static StagedFile *staged_get(Staged *staged, const char *file)
{
        StagedFile *known = staged_find(staged, file);

        if (known)
                return known;
        known = reallocarray(staged->files, staged->n_files + 1, sizeof(*known));
        if (!known)
                return NULL;
        staged->files = known;
        known = &staged->files[staged->n_files];
        *known = (StagedFile){ .file = strdup(file) };
        if (!known->file)
                return NULL;
        staged->n_files++;
        return known;
}

int staged_add_link(Staged *staged, const char *file, const char *target)
{
        StagedFile *known = staged_get(staged, file);
        char *copy = known ? strdup(target) : NULL;

        if (!copy)
                return -ENOMEM;
        free(known->link_target);
        known->link_target = copy;
        return 0;
}

int staged_add_mode(Staged *staged, const char *file, mode_t mode)
{
        StagedFile *known = staged_get(staged, file);

        if (!known)
                return -ENOMEM;
        known->set_mode = true;
        known->mode = mode;
        return 0;
}

int staged_add_owner(Staged *staged, const char *file, uid_t uid, gid_t gid)
{
        StagedFile *known = staged_get(staged, file);

        if (!known)
                return -ENOMEM;
        known->set_owner = true;
        known->uid = uid;
        known->gid = gid;
        return 0;
}

/* Mode and owner that differ from what the file has. */
static void change_take_metadata(FileChange *change, const StagedFile *staged)
{
        const FileImage *base = change->base;

        if (!staged)
                return;
        change->set_mode = staged->set_mode && (!base->stamp.exists || staged->mode != base->mode);
        change->mode = staged->mode;
        change->set_owner = staged->set_owner && (!base->stamp.exists || staged->uid != base->uid ||
                                                  staged->gid != base->gid);
        change->uid = staged->uid;
        change->gid = staged->gid;
}

/* *ret_needed: whether there is something to change. Returns: 0; EXM_E_INVALID_EDIT; -ENOMEM. */
static int change_fill(FileChange *change, bool *ret_needed, const StagedFile *staged,
                       ViewText *text, const FileModes *modes, Failure *f)
{
        const FileImage *base = change->base;

        *ret_needed = true;
        if (staged && staged->link_target && text)
                return failure_set(
                        f, EXM_E_INVALID_EDIT,
                        "%s: is to become a link, and other edits change it too: which of "
                        "the two?",
                        base->path);
        if (staged && staged->link_target) {
                change->kind = FILE_CHANGE_LINK;
                change->link_target = strdup(staged->link_target);
                *ret_needed =
                        !base->link_target || strcmp(base->link_target, staged->link_target) != 0;
                return change->link_target ? 0 : -ENOMEM;
        }
        if (text && !text->exists) {
                change->kind = FILE_CHANGE_DELETE;
                return 0;
        }
        change_take_metadata(change, staged);
        if (text) {
                change->kind = FILE_CHANGE_WRITE;
                change->content = TAKE_PTR(text->content);
                change->size = text->size;
                change->create_mode = file_modes_get(modes, base->canonical);
                return 0;
        }
        change->kind = FILE_CHANGE_META;
        *ret_needed = change->set_mode || change->set_owner;
        if (*ret_needed && !base->stamp.exists)
                return failure_set(f, EXM_E_INVALID_EDIT,
                                   "%s: there is no such file to change the mode or owner of",
                                   base->path);
        return 0;
}

static ViewText *text_find(ViewText *texts, size_t n_texts, const FileImage *base)
{
        for (size_t i = 0; i < n_texts; i++)
                if (texts[i].base == base)
                        return &texts[i];
        return NULL;
}

int staged_changes(const Staged *staged, const View *view, ViewText *texts, size_t n_texts,
                   const FileModes *modes, FileChange **ret, size_t *ret_n, Failure *f)
{
        FileChange *changes;
        size_t n = 0;
        int r = 0;

        changes = calloc(view_n_files(view) + 1, sizeof(*changes));
        if (!changes)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < view_n_files(view); i++) {
                FileImage *base = view_file(view, i)->image;
                bool needed;

                changes[n].base = file_image_ref(base);
                r = change_fill(&changes[n], &needed, staged_find(staged, base->path),
                                text_find(texts, n_texts, base), modes, f);
                if (r == 0 && needed)
                        n++;
                else
                        file_change_done(&changes[n]);
        }
        if (r != 0) {
                file_changes_free(changes, n);
                return r;
        }
        *ret = changes;
        *ret_n = n;
        return 0;
}

void file_changes_free(FileChange *changes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                file_change_done(&changes[i]);
        free(changes);
}
