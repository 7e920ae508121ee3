/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths-private.h - what the parts of the index share.
 *
 * paths.c: from a tree to the index, from nodes to paths and back; paths-names.c: namesakes;
 * paths-change.c: when nodes come and go.
 *
 * Namesakes are siblings of the same label. The number of a node is its place among them, from 1; a
 * path has it in brackets if there are several. Numbers are written down when the index is made.
 * Once nodes came or went they are counted from the namesake that was looked up last, or from
 * whichever end is nearer: what is asked for in a row lies close together.
 *
 * Tables are open-addressed, half empty at least. Labels are hostile: the hash is seeded. Nodes
 * that are gone keep their place in the array, so that nothing else ever gets their index.
 */
#pragma once

#include "worker/paths.h"

/* As many places of a file can be edited in turn without a walk to each. */
#define PATHS_ANCHORS 16U

typedef struct PathsNode {
        const char *label; /* Augeas', or one of `labels` */
        uint32_t parent, first, last, previous, next;
        uint32_t namesakes, previous_namesake, next_namesake;
        uint32_t number; /* while there is an order */
        uint32_t depth;
        uint32_t certain_last; /* see paths_certain_last() */
        uint32_t anchor;       /* that holds it, from 1; 0: none */
} PathsNode;

typedef struct Namesakes {
        uint32_t parent;
        uint32_t first, last, count; /* 0: none is left, and the table has it for nothing */
        uint32_t at, at_number;      /* the one that was looked up last; FLAT_NONE: none */
} Namesakes;

/* A variable that holds a node: Augeas finds from there what is a few steps behind. */
typedef struct Anchor {
        uint32_t node; /* FLAT_NONE: none */
        uint64_t used; /* when it was asked for last */
} Anchor;

typedef struct Label {
        struct Label *next;
        char text[];
} Label;

struct Paths {
        Tree *tree;
        PathsNode *nodes; /* in document order, while there is one; the first is /files */
        uint32_t n_nodes, n_allocated;
        Namesakes *namesakes;
        uint32_t n_namesakes, n_namesakes_allocated;
        uint32_t *by_name;
        uint32_t *by_id; /* NULL: there is no order */
        uint32_t name_mask, id_mask;
        uint64_t seed;
        Label *labels; /* of nodes that were added */
        Anchor anchors[PATHS_ANCHORS];
        uint64_t n_gone; /* how often an anchor was asked for */
};

/* ---- tables ---- */

uint64_t paths_mix(uint64_t h);

/* One with two places at least for each of `n`, all FLAT_NONE; NULL out of memory. */
uint32_t *paths_new_table(size_t n, uint32_t *ret_mask);

/* ---- nodes ---- */

PathsNode paths_new_node(const char *label);

/* Puts the node below `parent`, behind `previous` (FLAT_NONE: before all). */
void paths_link_child(Paths *paths, uint32_t node, uint32_t parent, uint32_t previous);

/* The node goes: what held it holds nothing. */
void paths_release(Paths *paths, uint32_t node);

/* ---- namesakes ---- */

/* Room for so many, at least one, without a table made anew: to begin with. Returns: 0 or -ENOMEM.
 */
int namesakes_reserve(Paths *paths, uint32_t n);

/* Returns: those of that parent and label, NULL if there are none. */
Namesakes *namesakes_find(const Paths *paths, uint32_t parent, const char *label, size_t size);

/* The node of that number, which there is. */
uint32_t namesakes_get(const Paths *paths, Namesakes *namesakes, uint32_t number);

/* Puts the node, which has its place among its siblings and a label, among its namesakes: behind
 * those that are there, or where its place is. Returns: 0 or -ENOMEM. */
int namesakes_append(Paths *paths, uint32_t node);
int namesakes_insert(Paths *paths, uint32_t node);

void namesakes_remove(Paths *paths, uint32_t node);
