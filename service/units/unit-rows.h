/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-rows.h - inside this room only: loaded units and installed unit files as one sorted list.
 *
 * Pure: no bus, no files. Strings are borrowed.
 */
#pragma once

#include "units/units.h"

#define PATTERNS_MAX      64U
#define PATTERN_BYTES_MAX 255U
#define PATTERN_STARS_MAX 8U

typedef struct UnitFile {
        const char *name;  /* last component of the file's path */
        const char *state; /* "enabled", "alias", ... */
} UnitFile;

typedef struct UnitRows {
        UnitRow *rows;
        size_t n_rows;
        UnitFile *files;
        size_t n_files;
} UnitRows;

/* Returns: 0, EXM_E_INVALID_ARGS or EXM_E_LIMIT_EXCEEDED (units_list). */
int unit_patterns_check(char *const *patterns, Failure *f);

/* Both return 0 or -ENOMEM. unit_file_state of `row` is filled in by the merge. */
int unit_rows_add(UnitRows *r, const UnitRow *row);
int unit_rows_add_file(UnitRows *r, const char *path, const char *state);

/* Turns rows (already chosen by systemd) and files (all there are) into the one list: rows get the
 * state of their file, files that match the patterns and have no row get one; sorted by id.
 * Returns: 0 or -ENOMEM. */
int unit_rows_merge(UnitRows *r, char *const *patterns);

void unit_rows_done(UnitRows *r);
