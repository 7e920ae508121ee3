/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * staged.h - what a transaction will do to whole files beside their text: mode, owner, link.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "files/change.h"
#include "files/modes.h"
#include "tree/view.h"

typedef struct StagedFile {
        char *file;
        bool set_mode, set_owner;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        char *link_target; /* NULL: no link */
} StagedFile;

typedef struct Staged {
        StagedFile *files;
        size_t n_files;
} Staged;

void staged_done(Staged *staged);

/* Records one "ln", "mode" or "owner" edit (checked by edit_check()). Names of users and groups
 * were looked up before: `uid`, `gid`. Returns: 0 or -ENOMEM. */
int staged_add_link(Staged *staged, const char *file, const char *target);
int staged_add_mode(Staged *staged, const char *file, mode_t mode);
int staged_add_owner(Staged *staged, const char *file, uid_t uid, gid_t gid);

/* Joins what the view rendered (its texts are taken over) and what is staged into a list of
 * changes, in the order of the view's files; what would change nothing is left out. Returns: 0 and
 * a possibly empty list; EXM_E_INVALID_EDIT (mode or owner of a file that is neither there nor
 * made); -ENOMEM. */
int staged_changes(const Staged *staged, const View *view, ViewText *texts, size_t n_texts,
                   const FileModes *modes, FileChange **ret, size_t *ret_n, Failure *f);
void file_changes_free(FileChange *changes, size_t n);
