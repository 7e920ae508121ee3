/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * change.h - one file's part of a change, and the only way to write live files.
 *
 * file_change_apply() does one file by the rules of docs/architecture.md, "Replace": walk again
 * from
 * "/", refuse a directory on the way that anybody but root could swap entries of; compare what is
 * there with `base` (content and metadata: EXM_E_CONFLICT); temporary file in the same directory;
 * owner, then ACL and mode, content, other attributes; fsync; RENAME_EXCHANGE and compare what came
 * out with `base`, swap back if it is not that (new files: RENAME_NOREPLACE; deletion: rename away
 * first, compare, then unlink); fsync the directory; unlink the old. An immutable file, one on a
 * mount point of its own, one with several names, or a path outside the writable roots is
 * EXM_E_REFUSED with nothing changed. Blocking: runs in a thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "files/image.h"

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

/* What is needed to undo one applied change. Opaque; holds the old file's bytes and metadata (base)
 * and the directories that were made. */
typedef struct FileUndo FileUndo;

void file_change_done(FileChange *change);

/* The name that the change acts on: canonical for WRITE and META, the name itself for the others.
 */
const char *file_change_name(const FileChange *change);

/* Everything that can be known without writing: walk, roots, swappable directories, plain file, one
 * link, not immutable, not a mount point, base is what is on disk now.
 * Returns: 0; EXM_E_CONFLICT; EXM_E_REFUSED; EXM_E_LIMIT_EXCEEDED; -errno. */
int file_change_check(const Roots *roots, const FileChange *change, Failure *f);

/* Missing parent directories are made root 0755.
 * Returns: 0 and *ret_undo; else nothing has changed and the values of file_change_check(). */
int file_change_apply(const Roots *roots, const FileChange *change, FileUndo **ret_undo,
                      Failure *f);

/* Puts the old content and metadata (or absence, link, directories) back, unless somebody else has
 * edited the file since: then it is kept and EXM_E_CONFLICT returned. Frees nothing. */
int file_undo_apply(const Roots *roots, const FileUndo *undo, Failure *f);
FileUndo *file_undo_free(FileUndo *undo);
DEFINE_CLEANUP(FileUndo *, file_undo_free);
