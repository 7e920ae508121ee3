/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-answers.c - a ring of them.
 */
#include "tree/view-answers.h"

#include <stdlib.h>
#include <string.h>

#include "tree/view-private.h"

#define ANSWER_BYTES 4096U

void view_new_state(View *view)
{
        view->answers.state++;
        for (size_t i = 0; i < ANSWERS_KEPT; i++) {
                Answer *answer = &view->answers.kept[i];

                free(answer->text);
                sd_bus_message_unref(answer->reply);
                *answer = (Answer){};
        }
}

static bool answers(const Answer *answer, const Operation *op)
{
        return answer->reply && answer->kind == (int)op->kind && answer->offset == op->offset &&
               answer->limit == op->limit && strcmp(answer->text, op->text) == 0;
}

sd_bus_message *view_find_answer(View *view, const Operation *op)
{
        for (size_t i = 0; i < ANSWERS_KEPT; i++)
                if (answers(&view->answers.kept[i], op) &&
                    sd_bus_message_rewind(view->answers.kept[i].reply, true) >= 0)
                        return view->answers.kept[i].reply;
        return NULL;
}

void view_keep_answer(View *view, const Operation *op, sd_bus_message *reply, size_t bytes)
{
        Answer *oldest = &view->answers.kept[view->answers.next];
        char *text;

        if (!view->forget_content || op->state != view->answers.state ||
            view_find_answer(view, op) || strlen(op->text) + bytes > ANSWER_BYTES)
                return;
        text = strdup(op->text);
        if (!text)
                return;
        free(oldest->text);
        sd_bus_message_unref(oldest->reply);
        *oldest = (Answer){
                .kind = (int)op->kind,
                .text = text,
                .offset = op->offset,
                .limit = op->limit,
                .reply = sd_bus_message_ref(reply),
        };
        view->answers.next = (view->answers.next + 1) % ANSWERS_KEPT;
}
