/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-answers.c - a ring of answers, a sorted list of values.
 *
 * References are counted since the callback that gets a result may free the view.
 */
#include "tree/view-answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree/view-private.h"

#define ANSWER_BYTES 4096U

/* More text than that is not worth keeping all values of, in a worker that has to write and in a
 * service that has to check and sort them at once. */
#define VALUES_TEXT_BYTES (64U * 1024)

/* To ask for all values of so much text takes about as long as to ask for a single one. */
#define VALUE_WORTH_BYTES 1024U

struct Kept {
        unsigned n_ref;
        ViewResult result; /* points to what follows */
        ViewNode nodes[];  /* behind them the strings */
};

Kept *kept_unref(Kept *kept)
{
        if (kept && --kept->n_ref == 0)
                free(kept);
        return NULL;
}

static size_t size_of(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

static const char *put(char **at, const char *text)
{
        const char *copy = *at;

        if (!text)
                return NULL;
        *at = stpcpy(*at, text) + 1;
        return copy;
}

static size_t strings_size(const ViewResult *result)
{
        size_t size = size_of(result->value);

        for (size_t i = 0; i < result->n_nodes; i++)
                size += size_of(result->nodes[i].path) + size_of(result->nodes[i].value);
        return size;
}

/* Returns: NULL out of memory. */
static Kept *kept_new(const ViewResult *result)
{
        size_t nodes_size = result->n_nodes * sizeof(ViewNode);
        Kept *kept = malloc(sizeof(*kept) + nodes_size + strings_size(result));
        char *at;

        if (!kept)
                return NULL;
        at = (char *)(kept->nodes + result->n_nodes);
        kept->n_ref = 1;
        kept->result = (ViewResult){
                .has_value = result->has_value,
                .value = put(&at, result->value),
                .nodes = kept->nodes,
                .n_nodes = result->n_nodes,
                .total = result->total,
        };
        for (size_t i = 0; i < result->n_nodes; i++)
                kept->nodes[i] = (ViewNode){
                        .path = put(&at, result->nodes[i].path),
                        .value = put(&at, result->nodes[i].value),
                };
        return kept;
}

static Kept *kept_ref(Kept *kept)
{
        kept->n_ref++;
        return kept;
}

void view_new_state(View *view)
{
        Answers *answers = &view->answers;

        for (size_t i = 0; i < ANSWERS_KEPT; i++) {
                free(answers->kept[i].text);
                kept_unref(answers->kept[i].kept);
        }
        kept_unref(answers->values);
        *answers = (Answers){ .state = answers->state + 1 };
}

static bool answers(const Answer *answer, const Operation *op)
{
        return answer->kept && answer->kind == (int)op->kind && answer->offset == op->offset &&
               answer->limit == op->limit && strcmp(answer->text, op->text) == 0;
}

static int compare_paths(const void *a, const void *b)
{
        return strcmp(((const ViewNode *)a)->path, ((const ViewNode *)b)->path);
}

static Kept *find_value(const Answers *all, const Operation *op, ViewResult *ret)
{
        const ViewNode wanted = { .path = op->text };
        const ViewNode *node;

        if (op->kind != OPERATION_GET_VALUE || !all->values)
                return NULL;
        node = bsearch(&wanted, all->values->nodes, all->values->result.n_nodes, sizeof(*node),
                       compare_paths);
        if (!node)
                return NULL;
        *ret = (ViewResult){ .has_value = node->value != NULL, .value = node->value };
        return kept_ref(all->values);
}

Kept *view_find_answer(View *view, const Operation *op, ViewResult *ret)
{
        const Answers *all = &view->answers;

        for (size_t i = 0; i < ANSWERS_KEPT; i++)
                if (answers(&all->kept[i], op)) {
                        *ret = all->kept[i].kept->result;
                        return kept_ref(all->kept[i].kept);
                }
        return find_value(all, op, ret);
}

static bool may_keep(const View *view, const Operation *op)
{
        return view->forget_content && op->state == view->answers.state;
}

void view_keep_answer(View *view, const Operation *op, const ViewResult *result)
{
        Answer *oldest = &view->answers.kept[view->answers.next];
        _cleanup_(kept_unref_cleanup) Kept *kept = NULL;
        char *text;

        if (!may_keep(view, op) ||
            size_of(op->text) + result->n_nodes * sizeof(ViewNode) + strings_size(result) >
                    ANSWER_BYTES)
                return;
        kept = kept_new(result);
        text = kept ? strdup(op->text) : NULL;
        if (!text)
                return;
        free(oldest->text);
        kept_unref(oldest->kept);
        *oldest = (Answer){
                .kind = (int)op->kind,
                .text = text,
                .offset = op->offset,
                .limit = op->limit,
                .kept = TAKE_PTR(kept),
        };
        view->answers.next = (view->answers.next + 1) % ANSWERS_KEPT;
}

bool view_wants_values(View *view, const Operation *op)
{
        Answers *all = &view->answers;

        if (op->kind != OPERATION_GET_VALUE || !view->forget_content || all->values_wanted ||
            view->image_bytes > VALUES_TEXT_BYTES)
                return false;
        all->values_wanted = all->n_missed++ * (uint64_t)VALUE_WORTH_BYTES > view->image_bytes;
        return all->values_wanted;
}

int view_keep_values(View *view, const Operation *op, ViewNode *nodes, size_t n)
{
        const ViewResult result = { .nodes = nodes, .n_nodes = n };

        if (!may_keep(view, op))
                return 0;
        if (n > 0)
                qsort(nodes, n, sizeof(*nodes), compare_paths);
        view->answers.values = kept_new(&result);
        return view->answers.values ? 0 : -ENOMEM;
}
