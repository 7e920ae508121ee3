/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ordinary.h - the short reviewed list of files whose writing gives nobody power.
 *
 * Data file policy/ordinary-files, installed to EXM_DATADIR/exmachina/ordinary-files: one absolute
 * name a line. Every file that is not on it is sensitive. Immutable once loaded.
 */
#pragma once

#include <stdbool.h>

#include "util/macro.h"

typedef struct OrdinaryFiles OrdinaryFiles;

/* Returns: 0; -EINVAL (a damaged line); -errno (the file is missing, ...); logged. */
int ordinary_files_load(OrdinaryFiles **ret, const char *path);
OrdinaryFiles *ordinary_files_free(OrdinaryFiles *files);
DEFINE_CLEANUP(OrdinaryFiles *, ordinary_files_free);

/* All of them; of `files`. */
char *const *ordinary_files_names(const OrdinaryFiles *files);

/* `canonical`: the name without links, since a link named ordinarily may lead anywhere. */
bool ordinary_files_contains(const OrdinaryFiles *files, const char *canonical);
