/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-rows.c - the merge behind units_list().
 *
 * systemd keeps loaded units and unit files in two lists. A unit of both gets one row, from the
 * first; what is only in the second becomes a row if it can be handed to us again as a unit:
 * templates cannot, and aliases are other names of a unit that has its own row.
 * Patterns come from callers; the rest from systemd.
 */
#include "units/unit-rows.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "util/strv.h"
#include "util/utf8.h"

int unit_patterns_check(char *const *patterns, Failure *f)
{
        char *const *p;
        size_t stars;

        if (strv_length(patterns) > PATTERNS_MAX)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED, "more than %u patterns; give fewer",
                                   PATTERNS_MAX);

        STRV_FOREACH(p, patterns) {
                if (strlen(*p) > PATTERN_BYTES_MAX)
                        return failure_set(f, EXM_E_INVALID_ARGS,
                                           "a pattern is longer than %u bytes; no unit's name is",
                                           PATTERN_BYTES_MAX);
                stars = 0;
                for (const char *c = *p; *c; c++)
                        stars += *c == '*';
                if (stars > PATTERN_STARS_MAX) {
                        _cleanup_free_ char *shown = utf8_escape(*p, 80);

                        return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                           "pattern '%s' has more than %u stars; use fewer",
                                           shown ? shown : "", PATTERN_STARS_MAX);
                }
        }
        return 0;
}

int unit_rows_add(UnitRows *r, const UnitRow *row)
{
        UnitRow *grown;

        grown = reallocarray(r->rows, r->n_rows + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        r->rows = grown;
        r->rows[r->n_rows] = *row;
        r->rows[r->n_rows++].unit_file_state = "";
        return 0;
}

int unit_rows_add_file(UnitRows *r, const char *path, const char *state)
{
        const char *slash = strrchr(path, '/');
        UnitFile *grown;

        grown = reallocarray(r->files, r->n_files + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        r->files = grown;
        r->files[r->n_files++] = (UnitFile){ .name = slash ? slash + 1 : path, .state = state };
        return 0;
}

static int row_compare(const void *a, const void *b)
{
        return strcmp(((const UnitRow *)a)->id, ((const UnitRow *)b)->id);
}

static int file_compare(const void *a, const void *b)
{
        return strcmp(((const UnitFile *)a)->name, ((const UnitFile *)b)->name);
}

static bool name_matches(const char *name, char *const *patterns)
{
        char *const *p;

        if (strv_length(patterns) == 0)
                return true;
        /* As systemd does it for loaded units. */
        STRV_FOREACH(p, patterns)
                if (fnmatch(*p, name, FNM_NOESCAPE) == 0)
                        return true;

        return false;
}

/* `n_sorted` rows are sorted; more may follow that came from files before this one. */
static bool file_wants_row(const UnitRows *r, size_t n_sorted, const UnitFile *file,
                           char *const *patterns)
{
        const UnitRow key = { .id = file->name };

        if (strcmp(file->state, "alias") == 0 || unit_name_check(file->name, NULL) != 0)
                return false;
        if (!name_matches(file->name, patterns))
                return false;
        return n_sorted == 0 || !bsearch(&key, r->rows, n_sorted, sizeof(key), row_compare);
}

int unit_rows_merge(UnitRows *r, char *const *patterns)
{
        size_t n_sorted = r->n_rows;
        int k;

        if (r->n_rows > 0)
                qsort(r->rows, r->n_rows, sizeof(*r->rows), row_compare);
        if (r->n_files > 0)
                qsort(r->files, r->n_files, sizeof(*r->files), file_compare);

        for (size_t i = 0; i < n_sorted && r->n_files > 0; i++) {
                const UnitFile key = { .name = r->rows[i].id };
                const UnitFile *file;

                file = bsearch(&key, r->files, r->n_files, sizeof(key), file_compare);
                if (file)
                        r->rows[i].unit_file_state = file->state;
        }

        for (size_t i = 0; i < r->n_files; i++) {
                const UnitFile *file = &r->files[i];

                /* systemd lists each name once; a second would be a second row. */
                if (i > 0 && strcmp(file[-1].name, file->name) == 0)
                        continue;
                if (!file_wants_row(r, n_sorted, file, patterns))
                        continue;
                k = unit_rows_add(r, &(UnitRow){ .id = file->name,
                                                 .description = "",
                                                 .load_state = "not-loaded",
                                                 .active_state = "inactive",
                                                 .sub_state = "dead" });
                if (k < 0)
                        return k;
                r->rows[r->n_rows - 1].unit_file_state = file->state;
        }

        if (r->n_rows > 0)
                qsort(r->rows, r->n_rows, sizeof(*r->rows), row_compare);
        return 0;
}

void unit_rows_done(UnitRows *r)
{
        free(r->rows);
        free(r->files);
        *r = (UnitRows){ 0 };
}
