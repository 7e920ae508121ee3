/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name-glob.c - fnmatch(3), and one thing that it cannot say: everything below a directory.
 */
#include "files/name-glob.h"

#include <fnmatch.h>
#include <string.h>

#include "files/roots.h"
#include "util/limits.h"

#define BELOW "/**"

static bool ends_below(const char *glob)
{
        size_t n = strlen(glob);

        return n > strlen(BELOW) && strcmp(glob + n - strlen(BELOW), BELOW) == 0;
}

const char *file_glob_check(const char *glob)
{
        const char *stars = strstr(glob, "**");

        if (path_check(glob, NULL) != 0)
                return "it does not begin with an absolute file name or glob";
        if (stars && (!ends_below(glob) || stars[2] != '\0'))
                return "** may stand only after the last / of a glob, alone";
        return NULL;
}

/* Whether the directory that `glob` names, without its BELOW, is one above `path`. */
static bool matches_above(const char *glob, const char *path)
{
        char directory[LIMIT_PATH_BYTES + 1];
        size_t n = strlen(glob) - strlen(BELOW);

        memcpy(directory, glob, n);
        directory[n] = '\0';
        return fnmatch(directory, path, FNM_PATHNAME | FNM_LEADING_DIR) == 0 &&
               fnmatch(directory, path, FNM_PATHNAME) != 0;
}

bool file_glob_matches(const char *glob, const char *path)
{
        return ends_below(glob) ? matches_above(glob, path)
                                : fnmatch(glob, path, FNM_PATHNAME) == 0;
}
