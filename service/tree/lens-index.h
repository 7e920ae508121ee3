/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lens-index.h - file name -> lens, without loading a lens.
 *
 * Built from the worker's Index answer, kept in the cache directory with a stamp of the lens
 * directory (names, sizes, mtimes), built anew when that differs. [Lens NAME] sections of the
 * configuration come first. Immutable once made and counted, so threads may walk with it.
 * Patterns match as Augeas does it: incl by glob(3) rules (a leading dot is matched explicitly, *
 * does not cross "/"), excl by fnmatch; a pattern without "/" in excl is matched against the base
 * name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "files/roots.h"
#include "util/failure.h"

typedef struct LensIndex LensIndex;

typedef struct LensFile {
        char *file;
        char *lens;
} LensFile;

LensIndex *lens_index_ref(LensIndex *index);
LensIndex *lens_index_unref(LensIndex *index);

/* Pure. *ret_lens: "Hosts.lns"; *ret_other: a second lens that claims the file too (Augeas then
 * loads it with neither), else NULL. Strings live as long as the index. Returns: true if some lens
 * covers the name. */
bool lens_index_lookup(const LensIndex *index, const char *file, const char **ret_lens,
                       const char **ret_other);

/* The leading paths of `prefix` (as expression_prefixes gives them) that are names of covered
 * files, shortest first. Pure. Returns: 0 and a possibly empty list (NULL), or -ENOMEM. */
int lens_index_candidates(const LensIndex *index, const char *prefix, char ***ret_files);

/* Existing regular files (or links) at or below directory `prefix` ("/" for all) inside the
 * readable roots that a lens covers, sorted by name; at most max_files. Blocking: in a thread.
 * Returns: 0; EXM_E_LIMIT_EXCEEDED; -errno. */
int lens_index_walk(const LensIndex *index, const Roots *roots, const char *prefix,
                    size_t max_files, LensFile **ret_files, size_t *ret_n, Failure *f);
void lens_files_free(LensFile *files, size_t n);
