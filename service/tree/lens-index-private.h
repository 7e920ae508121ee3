/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lens-index-private.h - how an index is made, kept on disk and walked with; for tree/ only.
 *
 * An index is filled by one owner (add, seal) and immutable from then on. Names and globs come from
 * a worker or from the cache file: both are checked here as untrusted, an entry that no sane lens
 * has is -EBADMSG.
 */
#pragma once

#include <stdint.h>

#include "tree/lens-index.h"
#include "util/digest.h"

/* One autoload transform, or the include globs of one [Lens NAME] section. */
typedef struct LensEntry {
        char *name; /* "Hosts.lns", or "@Hosts" */
        char **incl;
        char **excl;
} LensEntry;

/* One incl glob. The entry's number tells which lens, and whether it comes first. */
typedef struct LensPattern {
        char *glob;      /* absolute, no "//" */
        size_t dir_size; /* bytes of the directory part without wildcards; 0 is "/" */
        uint32_t entry;
} LensPattern;

struct LensIndex {
        unsigned n_ref;     /* atomic */
        LensEntry *entries; /* those of the configuration first */
        size_t n_entries;
        size_t n_configured;
        LensPattern *exact; /* without wildcards, by name */
        size_t n_exact;
        LensPattern *wild; /* by directory part, then entry */
        size_t n_wild;
        char stamp[DIGEST_HEX_SIZE]; /* of the lens directory it was made from */
};

/* An empty index holding the configuration's entries ("Hosts" is "Hosts.lns").
 * Returns: 0, -ENOMEM, -EINVAL for a name or glob that is none. */
int lens_index_new(LensIndex **ret, const char *stamp, const LensFile *lenses, size_t n_lenses);
/* Returns: 0, -ENOMEM, or -EBADMSG. */
int lens_index_add(LensIndex *index, const char *name, char *const *incl, char *const *excl);
/* Builds the tables for look-up; nothing may be added after. Returns: 0 or -ENOMEM. */
int lens_index_seal(LensIndex *index);
DEFINE_CLEANUP(LensIndex *, lens_index_unref);

/* Blocking. Names, sizes and times of the modules in `lens_dir` and its dist. Returns: 0 or -errno.
 */
int lens_cache_stamp(const char *lens_dir, char ret[DIGEST_HEX_SIZE]);
/* Blocking. Returns: 0; -ENOENT none; -ESTALE made from other lenses; -EBADMSG not a cache file;
 * -errno. */
int lens_cache_read(LensIndex **ret, const char *cache_dir, const char *stamp,
                    const LensFile *lenses, size_t n_lenses);
/* Blocking. The entries that did not come from the configuration, replaced at once, mode 0644. */
int lens_cache_write(const LensIndex *index, const char *cache_dir);
