/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * step.h - one name's part of a change as data: what is there before, what is there after.
 *
 * A step is planned from a FileChange (or read back from the journal) and holds all that is needed to
 * do it, to undo it, and to tell after a crash at any instant which of the two is the case. Doing and
 * undoing are one act with the two sides exchanged (swap.h). Its temporary file has a name that follows
 * from the change's number and the step's ("".exmachina-12-0""), so that recovery finds and removes
 * exactly its own. Blocking: runs in a thread.
 */
#pragma once

#include <stdbool.h>

#include "files/change.h"
#include "files/node.h"

typedef struct FileStep {
        char *name;     /* what is acted on: absolute, links resolved but for a step on a link itself */
        char *path;     /* the name as the caller gave it */
        Node before;    /* owned; NODE_MISSING, NODE_FILE or NODE_LINK */
        Node after;     /* owned */
        char **parents; /* directories to be made for it (root 0755), outermost first */
        uint64_t change; /* number, and the step's place in it: the temporary name */
        unsigned place;
        bool in_place;  /* the name is a mount point of its own: rewritten where it is, under the journal */
} FileStep;

/* Which side of a step is on the disk. */
typedef enum FileStepSide {
        FILE_STEP_BEFORE,
        FILE_STEP_AFTER,
        FILE_STEP_FOREIGN, /* neither: somebody else has edited it, it is kept */
} FileStepSide;

/* Everything that can be known without writing, as file_change_check(), and the step. Copies what it
 * keeps. Returns: 0; EXM_E_CONFLICT; EXM_E_REFUSED; EXM_E_LIMIT_EXCEEDED; -errno. */
int file_step_plan(const Roots *roots, const FileChange *change, uint64_t number, unsigned place,
                   FileStep *ret, Failure *f);

/* before -> after, or nothing has changed: EXM_E_CONFLICT (something else than `before` is there), ...
 * after.version becomes what is on the disk (a security label that the system gave it included). */
int file_step_apply(const Roots *roots, FileStep *step, Failure *f);

/* after -> before; directories that were made go if empty. EXM_E_CONFLICT: somebody else's edit is kept. */
int file_step_undo(const Roots *roots, const FileStep *step, Failure *f);

/* After a crash: removes the temporary file (puts back what somebody else had under the name when it
 * was exchanged), finishes an interrupted rewrite in place by its content, and says which side is
 * there. Idempotent, and safe to crash within. A security label that the system added to `after` is no
 * difference. Returns: 0 or -errno. */
int file_step_settle(const Roots *roots, const FileStep *step, FileStepSide *ret, Failure *f);

void file_step_done(FileStep *step);
