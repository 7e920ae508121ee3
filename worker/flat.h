/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flat.h - the nodes below one node, in an array in document order.
 *
 * Augeas finds a path, a parent or a span by walking all siblings, so a walk over n nodes by such
 * questions takes n * n steps. Here the nodes are read through variables (aug_defvar(),
 * aug_ns_attr()), which takes n steps, and how they hang together is kept as numbers.
 *
 * Nodes without a label (empty lines, mostly) are in no variable and not here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tree.h"

#define FLAT_NONE      UINT32_MAX
#define FLAT_DEPTH_MAX 64U /* a deeper tree is not read */

typedef struct FlatNode {
        const char *label;
        const char *value; /* NULL: none */
        const char *id;    /* the label in the tree: says which node this is, while it is there */
        uint32_t depth;    /* 1: a child of the root */
        uint32_t parent;   /* index, FLAT_NONE: the root */
        uint32_t position; /* among its siblings, from 1 */
        uint32_t end;      /* index behind its last descendant */
} FlatNode;

struct Flat {
        FlatNode *nodes;
        size_t n;
        char *strings; /* of a copy */
};

typedef enum FlatStrings {
        FLAT_BORROWED, /* labels and values are valid until the tree changes */
        FLAT_COPIED,
} FlatStrings;

/* Reads what is below the node at `root`, a path. *ret is freed with flat_done() whatever is
 * returned. Returns: 0; -EOPNOTSUPP for a tree that cannot be told apart this way (too deep, too
 * large, or with nodes below one that has no label); -ENOMEM, -EIO. */
int flat_read(Flat *ret, Tree *tree, const char *root, FlatStrings strings);
void flat_done(Flat *flat);

#define _cleanup_flat_ _cleanup_(flat_done)

/* The next sibling of a node, or the index behind the last. The first child of `i` is i + 1. */
static inline uint32_t flat_next(const Flat *flat, uint32_t i)
{
        return flat->nodes[i].end;
}

/* Labels, values and form of two trees from node `a` and `b` on, both with all that is below. */
bool flat_equal(const Flat *left, uint32_t a, const Flat *right, uint32_t b);

/* A name for one node that Augeas finds fast: as a sibling of the one before. Ask in document
 * order. Good until nodes come, go or move. */
typedef struct Cursor {
        Tree *tree;
        const Flat *flat;
        const char *root;     /* what `flat` was read from */
        const char *variable; /* its own */
        uint32_t level;       /* depth of the siblings that are walked along */
        uint32_t at;          /* the one that the variable holds; FLAT_NONE: none */
} Cursor;

#define CURSOR_PATH_BYTES 1024 /* for a step to each of the depths that there can be */

/* Fills `path` with an expression for node `i`, good until the next call.
 * Returns: 0; -EOPNOTSUPP for a node too deep; -ENOMEM, -EIO. */
int cursor_go(Cursor *cursor, uint32_t i, char path[CURSOR_PATH_BYTES]);

/* Gives up the variable. */
void cursor_done(Cursor *cursor);

#define _cleanup_cursor_ _cleanup_(cursor_done)

/* Where a node, its label and its value stand in the text that was parsed: bytes, from the first to
 * behind the last. Equal if it has none. */
typedef struct Span {
        unsigned label_start, label_end;
        unsigned value_start, value_end;
        unsigned start, end;
} Span;

/* Returns: as cursor_go(), also -EOPNOTSUPP if the node was not parsed from a text. */
int cursor_span(Cursor *cursor, uint32_t i, Span *ret);
