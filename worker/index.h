/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * index.h - what every lens in the load path says about the files that it is for.
 */
#pragma once

#include <stddef.h>

#include "util/failure.h"

typedef struct IndexEntry {
        char *lens; /* "Hosts.lns" */
        char **include;
        char **exclude;
} IndexEntry;

typedef struct Index {
        IndexEntry *entries; /* in Augeas' order */
        size_t n_entries;
} Index;

/* Loads all modules in a tree of its own, which takes half a second and some 30 MB until it is
 * done. *ret is freed with index_done() whatever is returned. Returns: 0; EXM_E_NO_LENS if a module
 * is broken, naming it; -errno. */
int index_build(Index *ret, const char *load_path, Failure *f);
void index_done(Index *index);

#define _cleanup_index_ _cleanup_(index_done)
