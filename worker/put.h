/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * put.h - the lens' own way from nodes to a text.
 *
 * It takes a time that grows with the square of the number of nodes, and some lenses write lines
 * that nobody touched in another form; see render.c for the better way, which puts only pieces.
 */
#pragma once

#include "worker/tree.h"

/* Puts the nodes below `path` into a text that was `source`. *ret: borrowed until the next change.
 * Returns: 0; EXM_E_PUT_FAILED, with the reason left for put_failure(); EXM_E_LIMIT_EXCEEDED with
 * words in `f`; -errno. */
int put_nodes(Tree *tree, const char *lens, const char *path, const char *source, const char **ret,
              Failure *f);

/* The same for nodes that come from no text. A file that did not exist is written as if an empty
 * line had been there, as Augeas does, or as if nothing had, for lenses that have no empty lines.
 */
int put_new_nodes(Tree *tree, const char *lens, const char *path, const char **ret, Failure *f);

/* Puts the whole file. Returns: as put_nodes(), but always with words; *ret is new. */
int put_file(Tree *tree, const TreeFile *file, char **ret, Failure *f);

/* Removes what was put, and what Augeas said about it. */
void put_forget(Tree *tree);
