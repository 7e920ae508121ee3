/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * align.c - records are known again by their spans.
 *
 * A node keeps the span that it was parsed from through every edit, and one that an edit makes has
 * none. Records that were moved past others cannot all stay: the longest sequence that ascends does
 * (patience sorting), the rest is new where it is and gone where it was.
 */
#include "worker/align.h"

#include <errno.h>
#include <stdbool.h>

static int compare_numbers(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

/* The records' nodes, and where each begins in the text: FLAT_NONE if it is not from there. */
static int list_records(Cursor *cursor, uint32_t **ret_nodes, uint32_t **ret_starts, size_t *ret_n)
{
        const Flat *flat = cursor->flat;
        size_t n = 0;
        Span span;
        int r;

        *ret_nodes = calloc(flat->n + 1, sizeof(uint32_t));
        *ret_starts = calloc(flat->n + 1, sizeof(uint32_t));
        if (!*ret_nodes || !*ret_starts)
                return -ENOMEM;
        for (uint32_t i = 0; i < flat->n; i = flat_next(flat, i)) {
                (*ret_nodes)[n] = i;
                r = cursor_span(cursor, i, &span);
                if (r < 0 && r != -EOPNOTSUPP)
                        return r;
                (*ret_starts)[n++] = r == 0 ? span.start : FLAT_NONE;
        }
        *ret_n = n;
        return 0;
}

/* Keeps the longest sequence of `partner` that ascends; what is not in it becomes FLAT_NONE. */
static int keep_ascending(uint32_t *partner, size_t n)
{
        _cleanup_free_ uint32_t *piles = NULL, *below = NULL;
        size_t n_piles = 0;
        uint32_t last;

        piles = calloc(n + 1, sizeof(*piles));
        below = calloc(n + 1, sizeof(*below));
        if (!piles || !below)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                size_t low = 0, high = n_piles;

                if (partner[i] == FLAT_NONE)
                        continue;
                while (low < high) {
                        size_t middle = low + (high - low) / 2;

                        if (partner[piles[middle]] < partner[i])
                                low = middle + 1;
                        else
                                high = middle;
                }
                below[i] = low > 0 ? piles[low - 1] : FLAT_NONE;
                piles[low] = (uint32_t)i;
                if (low == n_piles)
                        n_piles++;
        }
        last = n_piles > 0 ? piles[n_piles - 1] : FLAT_NONE;
        for (size_t i = n; i-- > 0;) {
                if (i != last)
                        partner[i] = FLAT_NONE;
                else
                        last = below[i];
        }
        return 0;
}

/* Each record begins behind the one before it. */
static bool are_ascending(const uint32_t *starts, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (starts[i] == FLAT_NONE || (i > 0 && starts[i] <= starts[i - 1]))
                        return false;
        return true;
}

/* partner[i]: the index of the record before that record `i` was, or FLAT_NONE. */
static int find_partners(const uint32_t *starts, size_t n_before, const uint32_t *after_starts,
                         size_t n_after, uint32_t *partner)
{
        for (size_t i = 0; i < n_after; i++) {
                const uint32_t *found = NULL;

                if (after_starts[i] != FLAT_NONE)
                        found = bsearch(&after_starts[i], starts, n_before, sizeof(*starts),
                                        compare_numbers);
                partner[i] = found ? (uint32_t)(found - starts) : FLAT_NONE;
        }
        return keep_ascending(partner, n_after);
}

static int align_reshaped(Cursor *before, Cursor *after, AlignedRecord *aligned, size_t *ret_n)
{
        _cleanup_free_ uint32_t *nodes = NULL, *starts = NULL, *after_nodes = NULL;
        _cleanup_free_ uint32_t *after_starts = NULL, *partner = NULL;
        size_t n_before = 0, n_after = 0;
        int r;

        r = list_records(before, &nodes, &starts, &n_before);
        if (r == 0 && !are_ascending(starts, n_before))
                r = -EOPNOTSUPP;
        if (r == 0)
                r = list_records(after, &after_nodes, &after_starts, &n_after);
        if (r < 0)
                return r;
        partner = calloc(n_after + 1, sizeof(*partner));
        if (!partner)
                return -ENOMEM;
        r = find_partners(starts, n_before, after_starts, n_after, partner);
        for (size_t i = 0; i < n_after && r == 0; i++)
                aligned[i] = (AlignedRecord){
                        .after = after_nodes[i],
                        .before = partner[i] == FLAT_NONE ? FLAT_NONE : nodes[partner[i]],
                };
        *ret_n = n_after;
        return r;
}

int align_records(Cursor *before, Cursor *after, bool reshaped, AlignedRecord **ret, size_t *ret_n)
{
        _cleanup_free_ AlignedRecord *aligned = NULL;
        size_t n = 0;
        int r = 0;

        aligned = calloc(after->flat->n + 1, sizeof(*aligned));
        if (!aligned)
                return -ENOMEM;
        if (reshaped)
                r = align_reshaped(before, after, aligned, &n);
        else
                for (uint32_t i = 0; i < after->flat->n; i = flat_next(after->flat, i))
                        aligned[n++] = (AlignedRecord){ .after = i, .before = i };
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                AlignedRecord *a = &aligned[i];

                a->kind = a->before == FLAT_NONE ? ALIGN_NEW
                          : flat_equal(before->flat, a->before, after->flat, a->after)
                                  ? ALIGN_SAME
                                  : ALIGN_CHANGED;
        }
        *ret = TAKE_PTR(aligned);
        *ret_n = n;
        return 0;
}
