/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths.h - the paths of all nodes under /files, and the nodes of plain paths.
 *
 * Augeas counts all siblings for each path that it makes, and compares all their labels for each
 * that it follows. The index knows both beforehand. It is made when a question is large enough to
 * pay for it, and kept until a node comes, goes or gets another label: whoever does that calls
 * paths_drop() first. Values may change under it.
 */
#pragma once

#include "worker/flat.h"

/* An expression that matches fewer nodes, or fewer look-ups in a row, are not worth an index that
 * is not there yet. */
#define PATHS_WORTH 16U

typedef struct Paths Paths;

/* Returns: 0 and the index, which belongs to the tree; -EOPNOTSUPP if there can be none (see
 * flat_read()), -ENOMEM, -EIO. */
int paths_get(Tree *tree, Paths **ret);
void paths_drop(Tree *tree);
Paths *paths_free(Paths *paths);

/* Counts a look-up that an index would make cheap. Returns: true if there is an index, or if there
 * were enough of them since the last paths_drop() to make one. */
bool paths_worth(Tree *tree);

/* Node `i` of a variable. Returns: its place in document order, FLAT_NONE if it is not below
 * /files. */
uint32_t paths_of_node(const Paths *paths, const Tree *tree, const char *variable, int i);

/* Returns: the path that Augeas gives that node, new; NULL out of memory. */
char *paths_make(const Paths *paths, uint32_t node);

/* Is it a path of names and numbers (/files/etc/hosts/1/alias[2]), not an expression? */
bool paths_is_plain(const char *path);

/* The one node that a plain path matches. Returns: FLAT_NONE if the
 * path is not plain, or matches none or several. */
uint32_t paths_find(const Paths *paths, const char *path);

/* An expression for that node, which is in a file whose node is `file_depth` deep; as cursor_go().
 */
int paths_go(Paths *paths, uint32_t node, uint32_t file_depth, char path[CURSOR_PATH_BYTES]);

/* Of the node below /files. */
uint32_t paths_depth(const Paths *paths, uint32_t node);
