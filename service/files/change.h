/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * change.h - a caller's wish for one file, as data.
 *
 * It says what the caller saw (`base`) and what is to become of it. A step (step.h) is planned from
 * it, and is what acts on the live file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "files/image.h"
#include "files/node.h"

typedef enum FileChangeKind {
        FILE_CHANGE_WRITE,  /* content (and metadata) of a new or existing file */
        FILE_CHANGE_DELETE, /* the name `path`: if it is a link, the link and not its target */
        FILE_CHANGE_LINK,   /* make `path` a symbolic link to link_target (replacing what is there);
                             * the target must be in the readable roots */
        FILE_CHANGE_META,   /* mode or owner only */
} FileChangeKind;

typedef struct FileChange {
        FileChangeKind kind;
        FileImage *base; /* owned reference: what the caller saw, with content; base->path
                          * is the name. WRITE and META through a link act on
                          * base->canonical. */
        void *content;   /* WRITE; owned */
        size_t size;
        char *link_target;        /* LINK; owned */
        bool set_mode, set_owner; /* WRITE and META: else as base, new files as create_mode, root.
                                   * A new owner alone takes set-id bits away, as chown(1) does. */
        mode_t mode;
        uid_t uid;
        gid_t gid;
        mode_t create_mode; /* WRITE of a missing file without set_mode */
} FileChange;

void file_change_done(FileChange *change);

/* The name that the change acts on: canonical for WRITE and META, the name itself for the others.
 */
const char *file_change_name(const FileChange *change);

/* What the change expects under that name, and what it wants there: copies, exact to the last
 * attribute. Returns: 0; EXM_E_REFUSED (nothing there to delete or to give a mode); -errno. */
int file_change_get_nodes(const FileChange *change, Node *ret_before, Node *ret_after, Failure *f);
