/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * modes.c - globs and modes in the order of the data file.
 */
#include "files/modes.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "files/data.h"
#include "files/name-glob.h"

#define DEFAULT_MODE 0644

typedef struct ModeRule {
        char *glob;
        mode_t mode;
} ModeRule;

struct FileModes {
        ModeRule *rules;
        size_t n_rules;
};

/* No set-id bits, nothing that group or others may write: a new file belongs to root. */
static bool parse_mode(const char *text, mode_t *ret)
{
        char *end;
        unsigned long mode;

        if (strspn(text, "01234567") != strlen(text) || strlen(text) < 3 || strlen(text) > 4)
                return false;
        mode = strtoul(text, &end, 8);
        if (*end || (mode & ~0755UL))
                return false;
        *ret = (mode_t)mode;
        return true;
}

static const char *add_rule(char *line, void *userdata)
{
        FileModes *modes = userdata;
        ModeRule rule = { 0 };
        ModeRule *rules;
        const char *fault;
        size_t n;
        char *mode;

        n = strcspn(line, " \t");
        mode = line + n + strspn(line + n, " \t");
        line[n] = '\0';
        fault = file_glob_check(line);
        if (fault)
                return fault;
        if (!parse_mode(mode, &rule.mode))
                return "it does not end with an octal mode of at most 0755";

        rules = reallocarray(modes->rules, modes->n_rules + 1, sizeof(*rules));
        if (!rules)
                return "out of memory";
        modes->rules = rules;
        rule.glob = strdup(line);
        if (!rule.glob)
                return "out of memory";
        modes->rules[modes->n_rules++] = rule;
        return NULL;
}

int file_modes_load(FileModes **ret, const char *path)
{
        _cleanup_(file_modes_free_cleanup) FileModes *modes = NULL;
        int r;

        modes = calloc(1, sizeof(*modes));
        if (!modes)
                return -ENOMEM;
        r = data_read(path, add_rule, modes);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(modes);
        return 0;
}

FileModes *file_modes_free(FileModes *modes)
{
        if (!modes)
                return NULL;
        for (size_t i = 0; i < modes->n_rules; i++)
                free(modes->rules[i].glob);
        free(modes->rules);
        free(modes);
        return NULL;
}

mode_t file_modes_get(const FileModes *modes, const char *path)
{
        for (size_t i = 0; i < modes->n_rules; i++)
                if (file_glob_matches(modes->rules[i].glob, path))
                        return modes->rules[i].mode;
        return DEFAULT_MODE;
}
