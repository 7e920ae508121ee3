/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ways-to-root.c - reading the list; the lines are the administrator's, a damaged one is an error.
 */
#include "auth/ways-to-root.h"

#include <errno.h>
#include <string.h>

#include "auth/grants.h"
#include "files/data.h"

struct WaysToRoot {
        WayToRoot *ways;
        size_t n;
};

static bool is_act_on_file(const char *act, size_t length)
{
        return (length == 4 && strncmp(act, "read", 4) == 0) ||
               (length == 5 && strncmp(act, "write", 5) == 0);
}

/* Is each of the words between commas one of those that `is_known` knows? */
static bool all_are_known(const char *acts, bool (*is_known)(const char *act, size_t length))
{
        for (;; acts += strcspn(acts, ",") + 1) {
                size_t length = strcspn(acts, ",");

                if (!is_known(acts, length))
                        return false;
                if (acts[length] == '\0')
                        return true;
        }
}

/* Cuts the next word off. Returns: "" at the end. */
static char *next_word(char **line)
{
        char *word = *line;

        *line += strcspn(*line, " \t");
        if (**line)
                *(*line)++ = '\0';
        *line += strspn(*line, " \t");
        return word;
}

static const char *add_way(char *line, void *userdata)
{
        char *acts = next_word(&line), *pattern = next_word(&line);
        const char *fault = "out of memory";
        WaysToRoot *ways = userdata;
        WayToRoot *grown, *way;
        bool is_file = all_are_known(acts, is_act_on_file);

        if (!is_file && !all_are_known(acts, grants_verb_is_known))
                return "it must begin with read, write or verbs of units";
        if (pattern[0] == '\0' || line[0] == '\0')
                return "it must be ACT GLOB REASON";
        if (is_file != (pattern[0] == '/'))
                return "its glob is not of the kind that it begins with";
        grown = reallocarray(ways->ways, ways->n + 1, sizeof(*grown));
        if (!grown)
                return fault;
        ways->ways = grown;
        way = &grown[ways->n++];
        *way = (WayToRoot){ .acts = strdup(acts),
                            .pattern = strdup(pattern),
                            .reason = strdup(line) };
        if (!way->acts || !way->pattern || !way->reason ||
            glob_compile(&way->glob, pattern, &fault) < 0)
                return fault;
        return NULL;
}

int ways_to_root_load(WaysToRoot **ret, const char *path)
{
        _cleanup_(ways_to_root_free_cleanup) WaysToRoot *ways = NULL;
        int r;

        ways = calloc(1, sizeof(*ways));
        if (!ways)
                return -ENOMEM;
        r = data_read(path, add_way, ways);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ways);
        return 0;
}

WaysToRoot *ways_to_root_free(WaysToRoot *ways)
{
        if (!ways)
                return NULL;
        for (size_t i = 0; i < ways->n; i++) {
                free(ways->ways[i].acts);
                free(ways->ways[i].pattern);
                free(ways->ways[i].reason);
                glob_free(ways->ways[i].glob);
        }
        free(ways->ways);
        free(ways);
        return NULL;
}

const WayToRoot *ways_to_root_get(const WaysToRoot *ways, size_t i)
{
        return i < ways->n ? &ways->ways[i] : NULL;
}

bool way_to_root_has_act(const WayToRoot *way, const char *act)
{
        size_t n = strlen(act);

        for (const char *acts = way->acts; *acts; acts += *acts == ',') {
                size_t length = strcspn(acts, ",");

                if (length == n && strncmp(acts, act, n) == 0)
                        return true;
                acts += length;
        }
        return false;
}
