/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * step.h - one name's part of a change as data, and the only way to write live files.
 *
 * A step is planned from a FileChange (or read back from the journal) and holds all that is needed
 * to do it, to undo it, and to tell after a crash at any instant which of the two is the case.
 * Doing and undoing are one act with the two sides exchanged, by the rules of docs/architecture.md,
 * "Replace": walk again from "/", refuse a directory on the way that anybody but root could swap
 * entries of; then swap.h. What is mounted on its own name is rewritten in place (rewrite.h).
 *
 * Its temporary files have names that follow from the change's number and the step's place
 * (".exmachina-12-0"), so that recovery finds and removes exactly its own. Blocking: runs in a
 * thread.
 */
#pragma once

#include <stdbool.h>

#include "files/change.h"
#include "files/node.h"

typedef struct FileStep {
        char *name; /* what is acted on: absolute, links resolved but for a step on a link itself */
        char *path; /* the name as the caller gave it */
        Node before;     /* owned; NODE_MISSING, NODE_FILE or NODE_LINK */
        Node after;      /* owned */
        char **parents;  /* directories to be made for it (root 0755), outermost first */
        uint64_t change; /* number, and the step's place in it: the temporary name */
        unsigned place;
        bool in_place; /* the name is a mount point of its own: rewritten where it is */
} FileStep;

/* Which side of a step is on the disk. */
typedef enum FileStepSide {
        FILE_STEP_BEFORE,
        FILE_STEP_AFTER,   /* also if the two are the same */
        FILE_STEP_FOREIGN, /* neither: somebody else has edited it, it is kept */
} FileStepSide;

/* Everything that can be known without writing: walk, roots (of a link's target too), swappable
 * directories, plain file, one link, not immutable, base is what is on disk now; and the step.
 * Copies what it keeps. `number` may be 0 and set later. Returns: 0; EXM_E_CONFLICT; EXM_E_REFUSED;
 * EXM_E_LIMIT_EXCEEDED; -errno. */
int file_step_plan(const Roots *roots, const FileChange *change, uint64_t number, unsigned place,
                   FileStep *ret, Failure *f);

/* The same for a step whose names and nodes are known: what was the case when it was made is not
 * believed. Fills in parents and in_place. */
int file_step_check(const Roots *roots, FileStep *step, Failure *f);

/* before -> after; else nothing has changed, and the values of file_step_plan(): EXM_E_CONFLICT
 * also if something is under its temporary name. after.version becomes what is on the disk (a
 * security label that the system gave it included). */
int file_step_apply(const Roots *roots, FileStep *step, Failure *f);

/* after -> before; directories that were made go if empty. EXM_E_CONFLICT: somebody else's edit is
 * kept. */
int file_step_undo(const Roots *roots, const FileStep *step, Failure *f);

/* After a crash: removes the temporary files (puts back what somebody else had under the name when
 * it was exchanged), takes back an interrupted rewrite in place, removes empty directories of a
 * step that is not done, and says which side is there. Idempotent, and safe to crash within. A
 * place that is not to be reached any more is foreign (and logged). Returns: 0 or -errno. */
int file_step_settle(const Roots *roots, const FileStep *step, FileStepSide *ret);

void file_step_done(FileStep *step);
