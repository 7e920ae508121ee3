/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths-change.c - when nodes come and go.
 */
#include "worker/paths-private.h"

#include <errno.h>
#include <string.h>

/* Only one that was just made has all nodes in order, with their numbers. */
static void lose_order(Paths *paths)
{
        free(TAKE_PTR(paths->by_id));
}

static int reserve_node(Paths *paths)
{
        PathsNode *longer;
        uint32_t n;

        if (paths->n_nodes < paths->n_allocated)
                return 0;
        if (paths->n_allocated > FLAT_NONE / 4)
                return -ENOMEM;
        n = 2 * paths->n_allocated;
        longer = reallocarray(paths->nodes, n, sizeof(*longer));
        if (!longer)
                return -ENOMEM;
        paths->nodes = longer;
        paths->n_allocated = n;
        return 0;
}

static const char *keep_label(Paths *paths, const char *text, size_t size)
{
        Label *label = malloc(sizeof(*label) + size + 1);

        if (!label)
                return NULL;
        memcpy(label->text, text, size);
        label->text[size] = '\0';
        label->next = paths->labels;
        paths->labels = label;
        return label->text;
}

int paths_added(Paths *paths, uint32_t of, PathsSide side, const char *label, size_t size,
                uint32_t *ret)
{
        uint32_t node, previous, parent = side == PATHS_LAST_BELOW ? of : paths->nodes[of].parent;
        const char *kept;
        int r;

        lose_order(paths);
        r = reserve_node(paths);
        kept = r == 0 ? keep_label(paths, label, size) : NULL;
        if (!kept)
                return -ENOMEM;
        node = paths->n_nodes++;
        paths->nodes[node] = paths_new_node(kept);
        previous = side == PATHS_BEFORE   ? paths->nodes[of].previous
                   : side == PATHS_BEHIND ? of
                                          : paths->nodes[of].last;
        paths_link_child(paths, node, parent, previous);
        if (side == PATHS_LAST_BELOW ||
            (side == PATHS_BEHIND && paths->nodes[parent].certain_last == of))
                paths->nodes[parent].certain_last = node;
        *ret = node;
        return namesakes_insert(paths, node);
}

/* All below a node that is gone. Augeas has freed their labels, so the table must not compare them
 * any more. */
static void forget_below(Paths *paths, uint32_t node)
{
        uint32_t i = paths->nodes[node].first;

        while (i != FLAT_NONE && i != node) {
                paths_release(paths, i);
                paths->namesakes[paths->nodes[i].namesakes].count = 0;
                if (paths->nodes[i].first != FLAT_NONE) {
                        i = paths->nodes[i].first;
                        continue;
                }
                while (i != node && paths->nodes[i].next == FLAT_NONE)
                        i = paths->nodes[i].parent;
                if (i != node)
                        i = paths->nodes[i].next;
        }
}

void paths_removed(Paths *paths, uint32_t node)
{
        const PathsNode *gone = &paths->nodes[node];
        PathsNode *parent = &paths->nodes[gone->parent];

        lose_order(paths);
        paths_release(paths, node);
        forget_below(paths, node);
        namesakes_remove(paths, node);
        *(gone->previous == FLAT_NONE ? &parent->first : &paths->nodes[gone->previous].next) =
                gone->next;
        *(gone->next == FLAT_NONE ? &parent->last : &paths->nodes[gone->next].previous) =
                gone->previous;
        if (parent->certain_last == node)
                parent->certain_last = FLAT_NONE;
}

static void set_depths(Paths *paths, uint32_t node)
{
        PathsNode *nodes = paths->nodes;
        uint32_t i = node;

        for (;;) {
                if (nodes[i].first != FLAT_NONE) {
                        i = nodes[i].first;
                } else {
                        while (i != node && nodes[i].next == FLAT_NONE)
                                i = nodes[i].parent;
                        if (i == node)
                                return;
                        i = nodes[i].next;
                }
                nodes[i].depth = nodes[nodes[i].parent].depth + 1;
        }
}

int paths_moved(Paths *paths, uint32_t node, uint32_t to)
{
        PathsNode *from = &paths->nodes[node];
        uint32_t first = from->first;
        int r = 0;

        paths->nodes[to].first = first;
        paths->nodes[to].last = from->last;
        paths->nodes[to].certain_last = from->certain_last;
        for (uint32_t i = first; i != FLAT_NONE; i = paths->nodes[i].next)
                paths->namesakes[paths->nodes[i].namesakes].count = 0;
        from->first = FLAT_NONE;
        paths_removed(paths, node);
        for (uint32_t i = first; i != FLAT_NONE && r == 0; i = paths->nodes[i].next) {
                paths->nodes[i].parent = to;
                r = namesakes_append(paths, i);
        }
        if (from->depth != paths->nodes[to].depth)
                set_depths(paths, to);
        return r;
}

bool paths_is_below(const Paths *paths, uint32_t node, uint32_t above)
{
        while (node != above && node != FLAT_NONE)
                node = paths->nodes[node].parent;
        return node == above;
}

uint32_t paths_certain_last(const Paths *paths, uint32_t parent)
{
        return paths->nodes[parent].certain_last;
}
