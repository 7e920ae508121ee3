/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tree.h - the room's front: what all views share. Lens index, worker program, limits, process
 * count.
 */
#pragma once

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "tree/lens-index.h"
#include "util/limits.h"
#include "util/task.h"

typedef struct Tree Tree;

typedef struct TreeConfig {
        const char *worker_path; /* absolute, starts exmachina-worker */
        const char *lens_dir;    /* /usr/share/augeas/lenses */
        const char *cache_dir;   /* /var/cache/exmachina; the index is kept here */
        uid_t worker_uid;
        gid_t worker_gid;
        const Limits *limits;   /* outlives the tree */
        const LensFile *lenses; /* [Lens NAME] include=: file holds the glob, lens its NAME */
        size_t n_lenses;
} TreeConfig;

/* Cheap: nothing is started or read. Strings are copied.
 * Returns: 0; -EINVAL for an entry of `lenses` that cannot be one; -ENOMEM. */
int tree_new(Tree **ret, sd_event *event, TaskPool *pool, const TreeConfig *config);
Tree *tree_free(Tree *tree);

typedef void (*TreeIndexDone)(int r, Failure *f, LensIndex *index, void *userdata);

/* Makes sure that the lens index is in memory and current (its directory is looked at again at most
 * once a second): from the cache file, else by a worker (half a second, once). `done` may run
 * before this returns. The index handed over is borrowed: ref it to keep it. */
void tree_get_index(Tree *tree, TreeIndexDone done, void *userdata);

/* Returns: the index if it is in memory, else NULL; borrowed. */
LensIndex *tree_index(Tree *tree);
