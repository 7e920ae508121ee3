/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exchange.c - values exchanged where they stand, nodes cut out.
 */
#include "worker/splice-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Exchange {
        size_t start, end;
        const char *text;
} Exchange;

static int compare_exchanges(const void *a, const void *b)
{
        const Exchange *x = a, *y = b;

        return (x->start > y->start) - (x->start < y->start);
}

/* The source holds `old` between the two. */
static bool stands_at(const Work *work, size_t start, size_t end, const char *old)
{
        return end > start && end <= work->size && strlen(old) == end - start &&
               memcmp(work->splice->source + start, old, end - start) == 0;
}

/* Adds what it takes to make `was`, which is node `i` before, into `is`. */
static int add_exchanges(Work *work, uint32_t i, const FlatNode *is, Exchange *list, size_t *n)
{
        const FlatNode *was = &work->splice->before->nodes[i];
        bool other_label = strcmp(was->label, is->label) != 0;
        bool other_value = was->value && is->value ? strcmp(was->value, is->value) != 0
                                                   : was->value != is->value;
        Span span;
        int r;

        if (!other_label && !other_value)
                return 0;
        r = splice_find_span(work, i, &span);
        if (r != 0)
                return r;
        if (other_label) {
                if (!stands_at(work, span.label_start, span.label_end, was->label))
                        return -EOPNOTSUPP;
                list[(*n)++] = (Exchange){ span.label_start, span.label_end, is->label };
        }
        if (other_value) {
                if (!was->value || !is->value ||
                    !stands_at(work, span.value_start, span.value_end, was->value))
                        return -EOPNOTSUPP;
                list[(*n)++] = (Exchange){ span.value_start, span.value_end, is->value };
        }
        return 0;
}

/* With its indentation and its end, if nothing else stands on its lines. */
static void widen_to_lines(const char *source, Span *span)
{
        size_t start = span->start, end = span->end;

        while (start > 0 && strchr(" \t", source[start - 1]))
                start--;
        if (start > 0 && source[start - 1] != '\n')
                return;
        if (end == 0 || source[end - 1] != '\n') {
                end += strspn(source + end, " \t");
                if (source[end++] != '\n')
                        return;
        }
        span->start = start;
        span->end = end;
}

/* Adds what it takes to be rid of node `i` before, with all below it. */
static int add_cut(Work *work, uint32_t i, Exchange *list, size_t *n)
{
        Span span;
        int r = splice_find_record(work, i, &span);

        if (r == 0)
                widen_to_lines(work->splice->source, &span);
        if (r == 0)
                list[(*n)++] = (Exchange){ span.start, span.end, "" };
        return r;
}

/* A guess: where nodes have gone, the others are those that are as they were. */
static bool is_still(const FlatNode *was, const FlatNode *is, bool as_many)
{
        if (was->depth != is->depth)
                return false;
        return as_many || (strcmp(was->label, is->label) == 0 &&
                           (was->value && is->value ? strcmp(was->value, is->value) == 0
                                                    : was->value == is->value));
}

/* Lists what has to be exchanged, or cut out, to make the one record into the other. */
static int list_exchanges(Work *work, const AlignedRecord *record, Exchange *list, size_t *n)
{
        const FlatNode *before = work->splice->before->nodes, *after = work->splice->after->nodes;
        uint32_t i = record->before, j = record->after;
        uint32_t end = before[i].end, end_after = after[j].end;
        int r = 0;

        while (i < end && r == 0) {
                bool is_record = i == record->before;

                if (j < end_after &&
                    (is_record || is_still(&before[i], &after[j], end - i == end_after - j))) {
                        r = add_exchanges(work, i++, &after[j++], list, n);
                } else {
                        r = add_cut(work, i, list, n);
                        i = before[i].end;
                }
        }
        return r == 0 && j < end_after ? -EOPNOTSUPP : r;
}

int splice_exchange(Work *work, const AlignedRecord *record)
{
        const FlatNode *before = &work->splice->before->nodes[record->before];
        _cleanup_free_ Exchange *list = NULL;
        size_t n = 0, at = work->at;
        int r;

        list = calloc(2 * (size_t)(before->end - record->before), sizeof(*list));
        if (!list)
                return -ENOMEM;
        r = list_exchanges(work, record, list, &n);
        if (r != 0)
                return r;
        qsort(list, n, sizeof(*list), compare_exchanges);
        for (size_t i = 0; i < n; at = list[i++].end)
                if (list[i].start < at)
                        return -EOPNOTSUPP;
        for (size_t i = 0; i < n && r == 0; i++) {
                r = splice_copy_until(work, list[i].start);
                fputs(list[i].text, work->out);
                work->at = list[i].end;
        }
        work->splice->has_values = true;
        return r;
}
