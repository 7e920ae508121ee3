/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-answers.h - small answers of the worker's that are good as long as the view's files are; for
 * tree/ only.
 *
 * Programs ask for the same few values again and again: the second time the worker need not be
 * woken. An answer is kept as the message that came, and goes through the same checks each time. It
 * is for exactly one question and one state of the view: whatever changes a file, or the worker,
 * begins a new state, and an answer to what was asked in an older one is not kept.
 *
 * Few and small, the oldest goes first: at most ANSWERS_KEPT times 4 KiB for a view. Only views
 * without edits keep any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#define ANSWERS_KEPT 32U

typedef struct View View;
typedef struct Operation Operation;

typedef struct Answer {
        int kind; /* of the operation, with its text and what follows */
        char *text;
        uint32_t offset, limit;
        sd_bus_message *reply; /* NULL: none */
} Answer;

typedef struct Answers {
        uint64_t state; /* counts changes of the files and of the worker */
        Answer kept[ANSWERS_KEPT];
        size_t next; /* the oldest, or a free one */
} Answers;

/* Whatever was answered is no longer so. */
void view_new_state(View *view);

/* Returns: what the worker has answered to it, to be read from the start, borrowed; NULL: it has to
 * be asked. */
sd_bus_message *view_find_answer(View *view, const Operation *op);

/* `bytes`: of the strings in it. */
void view_keep_answer(View *view, const Operation *op, sd_bus_message *reply, size_t bytes);
