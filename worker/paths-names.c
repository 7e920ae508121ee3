/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths-names.c - namesakes, by parent and label.
 */
#include "worker/paths-private.h"

#include <errno.h>
#include <string.h>

uint64_t paths_mix(uint64_t h)
{
        h ^= h >> 32;
        h *= 0x9E3779B97F4A7C15U;
        return h ^ h >> 29;
}

static uint64_t hash_name(const Paths *paths, uint32_t parent, const char *label, size_t size)
{
        uint64_t h = paths->seed ^ parent;

        for (size_t i = 0; i < size; i++)
                h = paths_mix(h ^ (unsigned char)label[i]);
        return paths_mix(h);
}

/* Where the namesakes are in the table, or the empty place for them. */
static uint32_t *find_namesakes(const Paths *paths, uint32_t parent, const char *label, size_t size)
{
        uint64_t h = hash_name(paths, parent, label, size);

        for (;; h++) {
                uint32_t *slot = &paths->by_name[h & paths->name_mask];
                const Namesakes *namesakes;
                const char *other;

                if (*slot == FLAT_NONE)
                        return slot;
                namesakes = &paths->namesakes[*slot];
                if (namesakes->count == 0 || namesakes->parent != parent)
                        continue;
                other = paths->nodes[namesakes->first].label;
                if (strncmp(other, label, size) == 0 && other[size] == '\0')
                        return slot;
        }
}

Namesakes *namesakes_find(const Paths *paths, uint32_t parent, const char *label, size_t size)
{
        uint32_t i = *find_namesakes(paths, parent, label, size);

        return i == FLAT_NONE ? NULL : &paths->namesakes[i];
}

uint32_t *paths_new_table(size_t n, uint32_t *ret_mask)
{
        size_t slots = 16;
        uint32_t *table;

        while (slots < 2 * n)
                slots *= 2;
        table = malloc(slots * sizeof(*table));
        if (table)
                memset(table, 0xFF, slots * sizeof(*table));
        *ret_mask = (uint32_t)(slots - 1);
        return table;
}

/* From a table that is made anew those that are empty are gone. */
static int make_room(Paths *paths, uint32_t n)
{
        Namesakes *longer;
        uint32_t *table;

        longer = reallocarray(paths->namesakes, n, sizeof(*longer));
        if (!longer)
                return -ENOMEM;
        paths->namesakes = longer;
        table = paths_new_table(n, &paths->name_mask);
        if (!table)
                return -ENOMEM;
        free(paths->by_name);
        paths->by_name = table;
        paths->n_namesakes_allocated = n;
        for (uint32_t i = 0; i < paths->n_namesakes; i++) {
                const Namesakes *namesakes = &paths->namesakes[i];
                const char *label;

                if (namesakes->count == 0)
                        continue;
                label = paths->nodes[namesakes->first].label;
                *find_namesakes(paths, namesakes->parent, label, strlen(label)) = i;
        }
        return 0;
}

int namesakes_reserve(Paths *paths, uint32_t n)
{
        return n > paths->n_namesakes_allocated ? make_room(paths, n) : 0;
}

/* The namesakes that the node, which has a parent and a label, belongs to; made if it is the first.
 */
static int join_namesakes(Paths *paths, uint32_t node)
{
        const char *label = paths->nodes[node].label;
        uint32_t parent = paths->nodes[node].parent, *slot;
        int r = 0;

        if (paths->n_namesakes == paths->n_namesakes_allocated)
                r = make_room(paths, 2 * paths->n_namesakes_allocated);
        if (r < 0)
                return r;
        slot = find_namesakes(paths, parent, label, strlen(label));
        if (*slot == FLAT_NONE) {
                *slot = paths->n_namesakes++;
                paths->namesakes[*slot] = (Namesakes){
                        .parent = parent, .first = FLAT_NONE, .last = FLAT_NONE, .at = FLAT_NONE
                };
        }
        paths->nodes[node].namesakes = *slot;
        return 0;
}

/* Links the node, which has joined them, behind `previous` (FLAT_NONE: before all). */
static void link_namesake(Paths *paths, uint32_t node, uint32_t previous)
{
        Namesakes *namesakes = &paths->namesakes[paths->nodes[node].namesakes];
        PathsNode *nodes = paths->nodes;
        uint32_t next = previous == FLAT_NONE ? namesakes->first : nodes[previous].next_namesake;

        nodes[node].previous_namesake = previous;
        nodes[node].next_namesake = next;
        *(previous == FLAT_NONE ? &namesakes->first : &nodes[previous].next_namesake) = node;
        *(next == FLAT_NONE ? &namesakes->last : &nodes[next].previous_namesake) = node;
        namesakes->count++;
}

int namesakes_append(Paths *paths, uint32_t node)
{
        int r = join_namesakes(paths, node);

        if (r == 0)
                link_namesake(paths, node, paths->namesakes[paths->nodes[node].namesakes].last);
        return r;
}

/* The namesake before the node, which is among its siblings but not yet among its namesakes. Looks
 * both ways, since either may be far. */
static uint32_t find_previous_namesake(const Paths *paths, uint32_t node)
{
        const PathsNode *nodes = paths->nodes;
        uint32_t before = nodes[node].previous, behind = nodes[node].next;

        if (behind == FLAT_NONE || paths->namesakes[nodes[node].namesakes].count == 0)
                return paths->namesakes[nodes[node].namesakes].last;
        while (before != FLAT_NONE && nodes[before].namesakes != nodes[node].namesakes) {
                before = nodes[before].previous;
                if (behind == FLAT_NONE)
                        continue;
                if (nodes[behind].namesakes == nodes[node].namesakes)
                        return nodes[behind].previous_namesake;
                behind = nodes[behind].next;
        }
        return before;
}

int namesakes_insert(Paths *paths, uint32_t node)
{
        Namesakes *namesakes;
        int r;

        r = join_namesakes(paths, node);
        if (r < 0)
                return r;
        link_namesake(paths, node, find_previous_namesake(paths, node));
        namesakes = &paths->namesakes[paths->nodes[node].namesakes];
        if (namesakes->at != FLAT_NONE && paths->nodes[node].next_namesake == namesakes->at)
                namesakes->at_number++;
        else if (namesakes->last != node && paths->nodes[node].previous_namesake != namesakes->at)
                namesakes->at = FLAT_NONE;
        return 0;
}

void namesakes_remove(Paths *paths, uint32_t node)
{
        Namesakes *namesakes = &paths->namesakes[paths->nodes[node].namesakes];
        uint32_t previous = paths->nodes[node].previous_namesake;
        uint32_t next = paths->nodes[node].next_namesake;

        if (namesakes->at == node)
                namesakes->at = next;
        else if (namesakes->at != FLAT_NONE && next == namesakes->at)
                namesakes->at_number--;
        else if (next != FLAT_NONE && previous != namesakes->at)
                namesakes->at = FLAT_NONE;
        *(previous == FLAT_NONE ? &namesakes->first : &paths->nodes[previous].next_namesake) = next;
        *(next == FLAT_NONE ? &namesakes->last : &paths->nodes[next].previous_namesake) = previous;
        namesakes->count--;
}

/* From the nearest of those whose numbers are known. */
uint32_t namesakes_get(const Paths *paths, Namesakes *namesakes, uint32_t number)
{
        const PathsNode *nodes = paths->nodes;
        uint32_t node = namesakes->first, n = 1;

        if (namesakes->at != FLAT_NONE &&
            (number >= namesakes->at_number || namesakes->at_number - number < number)) {
                node = namesakes->at;
                n = namesakes->at_number;
        }
        if (number > n && namesakes->count - number < number - n) {
                node = namesakes->last;
                n = namesakes->count;
        }
        for (; n < number; n++)
                node = nodes[node].next_namesake;
        for (; n > number; n--)
                node = nodes[node].previous_namesake;
        namesakes->at = node;
        namesakes->at_number = number;
        return node;
}
