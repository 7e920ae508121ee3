/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-answers.h - what the worker has said and will say again as long as the view's files are as
 * they are; for tree/ only.
 *
 * Programs ask for the same few values again and again, or for one value of a file after the other:
 * the worker, a process that has to be woken, is not asked for these. What is kept is a copy of an
 * answer that was checked when it came. It is for one state of the view: whatever changes a file,
 * or the worker, begins a new state, and an answer to what was asked in an older one is not kept.
 * Who may have it was decided before, for each call anew.
 *
 * - Answers: of the last questions, each with its exact words. Few and small, the oldest goes
 *   first: at most ANSWERS_KEPT times 4 KiB.
 * - Values: of all nodes with plain paths, once the worker was asked for single ones so often that
 *   all of them together cost no more: of a view with little text, at most VALUES_BYTES.
 *
 * Only views without edits keep any. What a caller can make the service keep is bounded by this
 * times the number of views that he may have.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tree/view.h"

#define ANSWERS_KEPT 32U
#define VALUES_BYTES (256U * 1024) /* counted as in worker/protocol.h */

typedef struct Operation Operation;

/* A copy of a result, in one piece of memory. */
typedef struct Kept Kept;

typedef struct Answer {
        int kind; /* of the operation, with its text and what follows */
        char *text;
        uint32_t offset, limit;
        Kept *kept; /* NULL: none */
} Answer;

typedef struct Answers {
        uint64_t state; /* counts changes of the files and of the worker */
        Answer kept[ANSWERS_KEPT];
        size_t next;        /* the oldest, or a free one */
        Kept *values;       /* nodes sorted by path; NULL: none */
        unsigned n_missed;  /* single values that the worker was asked for */
        bool values_wanted; /* it was asked for all, and is not again */
} Answers;

/* Whatever was answered is no longer so. */
void view_new_state(View *view);

/* Returns: a reference to what the worker would answer, and *ret, which points into it; NULL: it
 * has to be asked. */
Kept *view_find_answer(View *view, const Operation *op, ViewResult *ret);

void view_keep_answer(View *view, const Operation *op, const ViewResult *result);

/* To be asked once for each value that was not found. Returns: true if the worker is to be asked
 * for all of them first. */
bool view_wants_values(View *view, const Operation *op);

/* `nodes` are sorted. Returns: 0 or -ENOMEM. */
int view_keep_values(View *view, const Operation *op, ViewNode *nodes, size_t n);

Kept *kept_unref(Kept *kept);
DEFINE_CLEANUP(Kept *, kept_unref);
