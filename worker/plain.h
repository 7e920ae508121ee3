/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plain.h - edits by plain paths, made through the index: what many edits in a row are made of.
 *
 * Augeas looks at all siblings, several times over, for each path that it follows or makes. Here
 * the index says where a node is, and is told what came and went, so that an edit takes the same
 * time in a large file as in a small one, but for the steps that Augeas takes along a list without
 * looking.
 *
 * *ret_done false: the edit is not for this way, and nothing was done. Else the result is that of
 * the verb in edit.c.
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"
#include "worker/tree.h"

typedef enum PlainSet {
        PLAIN_SET,
        PLAIN_TOUCH, /* only what is not there */
} PlainSet;

/* The one node gets that value; made if it is not there, with those above it. */
int plain_set(Tree *tree, const char *path, const char *value, PlainSet how, bool *ret_done,
              uint32_t *ret_count, Failure *f);

/* A node comes beside the one of that path. */
int plain_insert(Tree *tree, const char *path, const char *label, bool before, bool *ret_done,
                 uint32_t *ret_count, Failure *f);

int plain_remove(Tree *tree, const char *path, bool *ret_done, uint32_t *ret_count, Failure *f);

/* The node gets that path, at which there is none yet. */
int plain_move(Tree *tree, const char *path, const char *to, bool *ret_done, uint32_t *ret_count,
               Failure *f);
