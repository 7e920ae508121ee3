/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths.h - the paths of all nodes under /files, and the nodes of plain paths.
 *
 * Augeas counts all siblings for each path that it makes, and compares all their labels for each
 * that it follows. The index knows both beforehand. It is made when a question is large enough to
 * pay for it, and kept until a node comes, goes or gets another label: whoever does that tells it
 * (paths_added(), paths_removed()), or calls paths_drop() first. Values may change under it.
 */
#pragma once

#include "worker/flat.h"

/* An expression that matches fewer nodes, or fewer look-ups in a row, are not worth an index that
 * is not there yet. */
#define PATHS_WORTH 16U

#define PATHS_ROOT 0U /* the node /files */

typedef struct Paths Paths;

/* The index as it is: after nodes came or went it has no order, and finds no node of a variable.
 * Returns: 0 and the index, which belongs to the tree; -EOPNOTSUPP if there can be none (see
 * flat_read()), -ENOMEM, -EIO. */
int paths_get(Tree *tree, Paths **ret);

/* The same with an order; made anew if need be. */
int paths_get_ordered(Tree *tree, Paths **ret);

/* Is there one? */
bool paths_are_ordered(const Tree *tree);

void paths_drop(Tree *tree);
Paths *paths_free(Paths *paths);

/* Counts a look-up that an index would make cheap. Returns: true if there is an index, or if there
 * were enough of them since the last one was dropped to make one. */
bool paths_worth(Tree *tree);

/* Node `i` of a variable. Returns: its place in document order, FLAT_NONE if it is not below
 * /files. `last`: what was returned for the node before, whose sibling or child it often is. The
 * index has to be ordered. */
uint32_t paths_of_node(const Paths *paths, const Tree *tree, const char *variable, int i,
                       uint32_t last);

/* Returns: the path that Augeas gives that node of an ordered index, new; NULL out of memory. */
char *paths_make(const Paths *paths, uint32_t node);

/* Is it a path of names and numbers (/files/etc/hosts/1/alias[2], also [last()] and [last()+1]),
 * not an expression? */
bool paths_is_plain(const char *path);

/* Takes a step off a plain path. Returns: false at its end. */
bool paths_next_step(const char **path, const char **ret_label, size_t *ret_size);

/* The node that a plain path leads to, or as far as it leads. */
typedef struct PathsPlace {
        uint32_t node;
        const char *missing; /* the steps from there on that lead to no node; "": none */
} PathsPlace;

/* Returns: false if the path is not plain, or one of its steps leads to several nodes. */
bool paths_find(Paths *paths, const char *path, PathsPlace *ret);

/* How many nodes there are, /files among them. */
uint32_t paths_count(const Paths *paths);

uint32_t paths_depth(const Paths *paths, uint32_t node);

/* An expression for that node, which is in a file whose node is `file_depth` deep; as cursor_go().
 */
int paths_go(Paths *paths, uint32_t node, uint32_t file_depth, char path[CURSOR_PATH_BYTES]);

/* That node in a variable of the caller's: good also when others come to be asked for.
 * Returns: 0; as cursor_go(). */
int paths_hold(const Paths *paths, uint32_t node, const char *variable);

/* ---- when nodes come and go ---- */

typedef enum PathsSide {
        PATHS_BEFORE,
        PATHS_BEHIND,
        PATHS_LAST_BELOW, /* behind all children, also those that have no label */
} PathsSide;

/* Augeas has made a node at that side of `of`. Returns: 0 and it; -ENOMEM. */
int paths_added(Paths *paths, uint32_t of, PathsSide side, const char *label, size_t size,
                uint32_t *ret);

/* Augeas has removed the node, with all that was below it. */
void paths_removed(Paths *paths, uint32_t node);

/* The same, but what was below it is now below `to`, which had nothing below it. Returns: 0 or
 * -ENOMEM. */
int paths_moved(Paths *paths, uint32_t node, uint32_t to);

/* Is `node` that one, or below it? */
bool paths_is_below(const Paths *paths, uint32_t node, uint32_t above);

/* The child of `parent` that is certainly the last, since it was made as such. Returns: FLAT_NONE
 * if that is not known: behind the last of the index there may be children without a label. */
uint32_t paths_certain_last(const Paths *paths, uint32_t parent);
