/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * complete.c - see complete.h; and the verb complete, for bash and zsh, one candidate a line:
 * complete verbs|options|paths|files|units|changes|pending|timezones|keys WORD.
 */
#include "complete.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exit-status.h"
#include "script.h"
#include "text.h"
#include "verb.h"

#define CANDIDATES_MAX 500U

/* Up to its last slash, outside of brackets: what is below that is asked for. */
static char *parent_of(const char *word)
{
        const char *slash = NULL;
        int brackets = 0;

        for (const char *s = word; *s; s++) {
                brackets += (*s == '[') - (*s == ']');
                if (*s == '\\' && s[1])
                        s++;
                else if (*s == '/' && brackets == 0)
                        slash = s;
        }
        return slash && brackets == 0 ? strndup(word, (size_t)(slash - word)) : NULL;
}

/* Labels are what differs: the words begin as the person has written them. */
static int add_children(const json_t *paths, const char *parent, const char *word, bool inner,
                        char ***list)
{
        const json_t *path;
        size_t i;
        int r;

        json_array_foreach(paths, i, path)
        {
                const char *label = strrchr(json_string_value(path), '/');
                _cleanup_free_ char *candidate = NULL;

                if (!label || strv_length(*list) >= CANDIDATES_MAX)
                        continue;
                if (asprintf(&candidate, "%s%s%s", parent, label, inner ? "/" : "") < 0)
                        return -ENOMEM;
                if (strncmp(candidate, word, strlen(word)) != 0)
                        continue;
                r = strv_extend_unique(list, candidate);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* `s` with a backslash before each of `special`. Returns: a new string or NULL. */
static char *escape(const char *s, const char *special)
{
        char *escaped = malloc(2 * strlen(s) + 1), *out = escaped;

        if (!escaped)
                return NULL;
        for (; *s; s++) {
                if (strchr(special, *s))
                        *out++ = '\\';
                *out++ = *s;
        }
        *out = '\0';
        return escaped;
}

/* The name that begins a path expression, whose escapes it is without. Returns: a new string or
 * NULL.
 */
static char *name_of_path(const char *path)
{
        char *name = malloc(strlen(path) + 1), *out = name;

        if (!name)
                return NULL;
        for (; *path; path++) {
                if (*path == '\\' && path[1])
                        path++;
                *out++ = *path;
        }
        *out = '\0';
        return name;
}

/* Files are no nodes until they are loaded: directories and files come from ListFiles. `is_path`:
 * what is asked for is an expression, in which some characters of a name are escaped. */
static int complete_files(Session *session, const char *word, bool is_path, char ***list)
{
        _cleanup_free_ char *name = is_path ? name_of_path(word) : strdup(word),
                            *escaped = name ? escape(name, "*?[\\") : NULL, *glob = NULL;
        _cleanup_json_ json_t *reply = NULL;
        const json_t *row;
        size_t i;
        int r;

        if (!escaped || asprintf(&glob, "%s**", escaped) < 0)
                return -ENOMEM;
        if (session_call(session, &reply, "Config", "ListFiles", "s", glob) != 0)
                return 0;
        json_array_foreach(json_array_get(reply, 0), i, row)
        {
                const char *file = json_string_value(json_array_get(row, 0)), *slash;
                _cleanup_free_ char *rest = NULL, *more = NULL, *shown = NULL;

                if (strncmp(file, name, strlen(name)) != 0)
                        continue;
                file += strlen(name);
                slash = strchr(file, '/');
                rest = slash ? strndup(file, (size_t)(slash - file + 1)) : strdup(file);
                more = rest ? escape(rest, is_path ? "][|=()!, \\" : "") : NULL;
                if (!more || asprintf(&shown, "%s%s", word, more) < 0)
                        return -ENOMEM;
                r = strv_extend_unique(list, shown);
                if (r < 0 || strv_length(*list) >= CANDIDATES_MAX)
                        return r;
        }
        return 0;
}

int complete_paths(Session *session, const char *object, const char *interface, const char *word,
                   char ***ret)
{
        const char *name = strncmp(word, "/files/", 7) == 0 ? word + strlen("/files") : word;
        _cleanup_free_ char *parent = parent_of(word), *expanded = NULL;
        _cleanup_strv_ char **list = NULL;
        int r;

        if (word[0] != '/')
                return 0;
        if (name == word) {
                r = complete_files(session, name, true, &list);
                if (r < 0)
                        return r;
        }
        if (strv_length(list) == 0 && parent && parent[0]) {
                expanded = path_expand(parent);
                if (!expanded)
                        return -ENOMEM;
                for (int inner = 1; inner >= 0; inner--) {
                        _cleanup_json_ json_t *reply = NULL;
                        _cleanup_free_ char *below = NULL;

                        if (asprintf(&below, "%s/*[count(*) %s 0]", expanded, inner ? ">" : "=") <
                            0)
                                return -ENOMEM;
                        if (session_call_at(session, &reply, object, interface, "Match", "s",
                                            below) != 0)
                                continue;
                        r = add_children(json_array_get(reply, 0), parent, word, inner, &list);
                        if (r < 0)
                                return r;
                }
        }
        *ret = TAKE_PTR(list);
        return 0;
}

/* ---------------------------------------------------------------- for shells */

static int complete_units(Session *session, const char *word, char ***list)
{
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *glob = NULL;
        const json_t *row;
        size_t i;
        int r;

        if (strpbrk(word, "*?[\\") || asprintf(&glob, "%s*", word) < 0)
                return 0;
        if (session_call(session, &reply, "Units", "ListUnits", "as", 1, glob) != 0)
                return 0;
        json_array_foreach(json_array_get(reply, 0), i, row)
        {
                r = strv_extend(list, json_string_value(json_array_get(row, 0)));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int complete_changes(Session *session, bool pending, char ***list)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *record;
        char number[24];
        size_t i;
        int r;

        if (pending)
                r = session_call(session, &reply, "History", "ListChanges", "a{sv}", 1, "state",
                                 "s", "pending");
        else
                r = session_call(session, &reply, "History", "ListChanges", "a{sv}", 1, "limit",
                                 "u", 30U);
        if (r != 0)
                return 0;
        json_array_foreach(json_array_get(reply, 0), i, record)
        {
                snprintf(number, sizeof(number), "%" PRIu64, field_number(record, "id"));
                r = strv_extend(list, number);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int complete_timezones(Session *session, char ***list)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *zone;
        size_t i;
        int r = 0;

        if (session_call(session, &reply, "Clock", "ListTimezones", NULL) != 0)
                return 0;
        json_array_foreach(json_array_get(reply, 0), i, zone) r =
                r < 0 ? r : strv_extend(list, json_string_value(zone));
        return r;
}

static int complete_keys(Session *session, char ***list)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *key;
        size_t i;
        int r = 0;

        if (session_call(session, &reply, "Authority", "ListKeys", NULL) != 0)
                return 0;
        json_array_foreach(json_array_get(reply, 0), i, key) r =
                r < 0 ? r : strv_extend(list, field_string(key, "name"));
        return r;
}

static int complete_verbs(char ***list)
{
        const EditVerb *edit;
        const Verb *verb;
        int r = 0;

        for (size_t i = 0; (verb = verb_at(i)) && r >= 0; i++)
                if (verb->section)
                        r = strv_extend(list, verb->name);
        for (size_t i = 0; (edit = edit_verb_at(i)) && r >= 0; i++)
                r = strv_extend(list, edit->name);
        return r;
}

static int complete(Session *session, const char *kind, const char *word, char ***list)
{
        const Verb *verb = verb_find(word);

        if (strcmp(kind, "verbs") == 0)
                return complete_verbs(list);
        if (strcmp(kind, "paths") == 0)
                return complete_paths(session, SERVICE_PATH, "Config", word, list);
        if (strcmp(kind, "files") == 0)
                return complete_files(session, word, false, list);
        if (strcmp(kind, "units") == 0)
                return complete_units(session, word, list);
        if (strcmp(kind, "changes") == 0 || strcmp(kind, "pending") == 0)
                return complete_changes(session, kind[0] == 'p', list);
        if (strcmp(kind, "timezones") == 0)
                return complete_timezones(session, list);
        if (strcmp(kind, "keys") == 0)
                return complete_keys(session, list);
        if (strcmp(kind, "options") != 0)
                return EXIT_USAGE;
        options_print_names(verb ? verb->takes : 0);
        return 0;
}

int verb_complete(Session *session, int argc, char **argv)
{
        _cleanup_strv_ char **list = NULL;
        char **s;
        int r;

        session_set_silent(session, true);
        r = complete(session, argv[1], argv[2], &list);
        if (r != 0)
                return r;
        STRV_FOREACH(s, list) {
                /* A word of a shell's command line; others' control characters are no candidates.
                 */
                if (!strpbrk(*s, "\n\t\x1b") && strncmp(*s, argv[2], strlen(argv[2])) == 0)
                        puts(*s);
        }
        return 0;
}
