/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * modes.h - the mode that a new file gets for its place.
 *
 * Data file policy/file-modes, installed to EXM_DATADIR/exmachina/file-modes: "GLOB OCTAL" a line,
 * the first that matches wins, else 0644. In a glob * and ? stay within one directory; one that
 * ends in "/" followed by two asterisks takes everything below. Immutable once loaded.
 */
#pragma once

#include <sys/types.h>

#include "util/macro.h"

typedef struct FileModes FileModes;

/* Returns: 0; -EINVAL (a damaged line); -errno (the file is missing, ...); logged. */
int file_modes_load(FileModes **ret, const char *path);
FileModes *file_modes_free(FileModes *modes);
DEFINE_CLEANUP(FileModes *, file_modes_free);

mode_t file_modes_get(const FileModes *modes, const char *path);
