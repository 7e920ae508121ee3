/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proof.c - parse and compare.
 */
#include "worker/proof.h"

#include <errno.h>
#include <string.h>

#include "worker/parse.h"

static bool is_number(const char *label)
{
        return label[0] != '\0' && label[strspn(label, "0123456789")] == '\0';
}

/* Counted labels stand nowhere in the text. */
static int compare_labels(const Flat *found, uint32_t i, const char *wanted, Cursor *cursor)
{
        const char *label = found->nodes[i].label;
        Span span;
        int r;

        if (strcmp(label, wanted) == 0)
                return 0;
        if (!is_number(label) || !is_number(wanted))
                return -EOPNOTSUPP;
        r = cursor_span(cursor, i, &span);
        return r == 0 && span.label_end > span.label_start ? -EOPNOTSUPP : r;
}

static int compare(Tree *tree, const Flat *found, const Flat *wanted)
{
        _cleanup_cursor_ Cursor cursor = { .tree = tree,
                                           .flat = found,
                                           .root = PARSE_TREE,
                                           .variable = TREE_OWN_VARIABLES "proof",
                                           .level = 1,
                                           .at = FLAT_NONE };
        int r = 0;

        if (found->n != wanted->n)
                return -EOPNOTSUPP;
        for (uint32_t i = 0; i < found->n && r == 0; i++) {
                const char *a = found->nodes[i].value, *b = wanted->nodes[i].value;

                if (found->nodes[i].depth != wanted->nodes[i].depth ||
                    (a && b ? strcmp(a, b) != 0 : a != b))
                        return -EOPNOTSUPP;
                r = compare_labels(found, i, wanted->nodes[i].label, &cursor);
        }
        return r;
}

int proof_text(Tree *tree, const char *lens, const char *text, size_t size, const Flat *wanted)
{
        _cleanup_(parsed_done) Parsed parsed = { 0 };
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_flat_ Flat found = { 0 };
        int r;

        r = parse_text(tree, lens, text, size, &parsed, &f);
        if (r == 0 && parsed.problem)
                r = -EOPNOTSUPP;
        if (r == 0)
                r = flat_read(&found, tree, PARSE_TREE, FLAT_BORROWED);
        return r != 0 ? r : compare(tree, &found, wanted);
}
