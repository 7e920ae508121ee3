/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ordinary.c - literal names only: a glob would let in files that nobody has reviewed.
 */
#include "files/ordinary.h"

#include <errno.h>
#include <string.h>

#include "files/data.h"
#include "files/roots.h"
#include "util/strv.h"

struct OrdinaryFiles {
        char **names;
};

static const char *add_name(char *line, void *userdata)
{
        OrdinaryFiles *files = userdata;

        if (path_check(line, NULL) != 0)
                return "it is not a plain absolute file name";
        if (strpbrk(line, "*?[\\ \t"))
                return "it must be one literal file name";
        if (strv_contains(files->names, line))
                return "the file is named twice";
        return strv_extend(&files->names, line) < 0 ? "out of memory" : NULL;
}

int ordinary_files_load(OrdinaryFiles **ret, const char *path)
{
        _cleanup_(ordinary_files_free_cleanup) OrdinaryFiles *files = NULL;
        int r;

        files = calloc(1, sizeof(*files));
        if (!files)
                return -ENOMEM;
        r = data_read(path, add_name, files);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(files);
        return 0;
}

OrdinaryFiles *ordinary_files_free(OrdinaryFiles *files)
{
        if (!files)
                return NULL;
        strv_free(files->names);
        free(files);
        return NULL;
}

char *const *ordinary_files_names(const OrdinaryFiles *files)
{
        return files->names;
}

bool ordinary_files_contains(const OrdinaryFiles *files, const char *canonical)
{
        return strv_contains(files->names, canonical);
}
