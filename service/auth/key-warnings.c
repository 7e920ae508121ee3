/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-warnings.c - for each entry of the grants: what of the list it could reach.
 */
#include "auth/key-warnings.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "util/strv.h"

typedef struct Warnings {
        const WaysToRoot *ways;
        const OrdinaryFiles *ordinary;
        const Grants *grants;
        char **list;
        size_t n; /* also those over the limit */
        int r;
} Warnings;

static void _printf_(2, 3) warn(Warnings *w, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        if (w->n++ >= KEY_WARNINGS_MAX || w->r < 0)
                return;
        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                text = NULL;
        w->r = text ? strv_extend(&w->list, text) : -ENOMEM;
}

/* Not out of memory: no sharing then is wrong, but the warnings fail as a whole. */
static bool share(Warnings *w, const Glob *a, const Glob *b)
{
        int r = globs_share(a, b);

        if (r < 0)
                w->r = r;
        return r > 0;
}

static Glob *compile(Warnings *w, const char *pattern)
{
        const char *fault;
        Glob *glob = NULL;
        int r;

        r = glob_compile(&glob, pattern, &fault);
        if (r < 0)
                w->r = r;
        return glob;
}

/* Files of more than ordinary power are reached by name, or with `privileged`. */
static bool reaches_all(const Grants *grants, const char *entry)
{
        return grants->privileged || glob_is_literal(entry);
}

/* Returns: how many ways the entry could be. */
static size_t warn_of_ways(Warnings *w, const char *act, const char *entry, const Glob *glob)
{
        const WayToRoot *way;
        size_t found = 0;

        for (size_t i = 0; (way = ways_to_root_get(w->ways, i)); i++) {
                if (!way_to_root_has_act(way, act) || !share(w, glob, way->glob))
                        continue;
                found++;
                if (strcmp(entry, way->pattern) == 0)
                        warn(w, "%s %s: %s", act, entry, way->reason);
                else
                        warn(w, "%s %s: reaches %s: %s", act, entry, way->pattern, way->reason);
        }
        return found;
}

static bool is_ordinary_name(Warnings *w, const char *entry)
{
        _cleanup_free_ char *name = NULL;

        if (!glob_is_literal(entry))
                return false;
        name = glob_unescape(entry);
        if (!name)
                w->r = -ENOMEM;
        return name && ordinary_files_contains(w->ordinary, name);
}

static bool reaches_ordinary(const Warnings *w, const char *entry)
{
        char *const *name;

        STRV_FOREACH(name, ordinary_files_names(w->ordinary))
                if (glob_matches(entry, *name))
                        return true;
        return false;
}

static void warn_of_write(Warnings *w, const char *entry)
{
        _cleanup_(glob_free_cleanup) Glob *glob = NULL;

        if (!reaches_all(w->grants, entry)) {
                if (!reaches_ordinary(w, entry))
                        warn(w,
                             "write %s: reaches nothing: without privileged a glob reaches only "
                             "ordinary files; name the file, or make the key privileged",
                             entry);
                return;
        }
        if (is_ordinary_name(w, entry))
                return;
        glob = compile(w, entry);
        if (!glob)
                return;
        if (warn_of_ways(w, "write", entry, glob) > 0 && glob_is_literal(entry))
                return;
        if (glob_is_literal(entry))
                warn(w,
                     "write %s: not on the list of ordinary files: whoever writes it may gain root",
                     entry);
        else
                warn(w,
                     "write %s: every other file that it reaches and that is not on the list of "
                     "ordinary files: whoever writes it may gain root",
                     entry);
}

/* Who may write a file may read it. */
static void warn_of_read(Warnings *w, const char *entry)
{
        _cleanup_(glob_free_cleanup) Glob *glob = NULL;

        if (!reaches_all(w->grants, entry))
                return;
        glob = compile(w, entry);
        if (glob)
                warn_of_ways(w, "read", entry, glob);
}

/* Is what the write grant reaches among the files that a unit of this name is made of or reads? */
static bool feeds(Warnings *w, const char *stem, const Glob *write)
{
        static const char *const places[] = {
                "/etc/%s/**",
                "/etc/%s.conf",
                "/etc/%s.d/**",
                "/etc/default/%s",
                "/etc/init.d/%s",
                "/etc/systemd/system/%s.*",
                "/etc/systemd/system/%s.*/**",
                "/etc/systemd/system/%s@.*",
                "/etc/systemd/system/%s@.*/**",
        };
        bool found = false;

        for (size_t i = 0; !found && i < ELEMENTSOF(places); i++) {
                _cleanup_(glob_free_cleanup) Glob *place = NULL;
                _cleanup_free_ char *pattern = NULL;
                const char *before = strstr(places[i], "%s");

                if (asprintf(&pattern, "%.*s%s%s", (int)(before - places[i]), places[i], stem,
                             before + 2) < 0) {
                        pattern = NULL;
                        w->r = -ENOMEM;
                        return false;
                }
                place = compile(w, pattern);
                found = place && share(w, write, place);
        }
        return found;
}

/* The configuration that a unit reads goes by its name: acting on the unit makes what is written
 * there count at once. `pattern`: of units; brackets in it are taken for anything. */
static void warn_of_config(Warnings *w, const char *unit_entry, const char *pattern)
{
        size_t n = strcspn(pattern, ".@[");
        _cleanup_free_ char *stem = pattern[n] == '[' ? strdup("*") : strndup(pattern, n);
        char *const *entry;

        if (!stem) {
                w->r = -ENOMEM;
                return;
        }
        STRV_FOREACH(entry, w->grants->write) {
                _cleanup_(glob_free_cleanup) Glob *glob = NULL;

                glob = reaches_all(w->grants, *entry) ? compile(w, *entry) : NULL;
                if (glob && feeds(w, stem, glob))
                        warn(w, "%s with write %s: what is written there is run or obeyed at once",
                             unit_entry, *entry);
        }
}

static bool makes_it_count(const char *verb)
{
        static const char *const quiet[] = { "stop", "disable", "mask", "unmask" };

        for (size_t i = 0; i < ELEMENTSOF(quiet); i++)
                if (strcmp(verb, quiet[i]) == 0)
                        return false;
        return true;
}

static void warn_of_verb(Warnings *w, const char *verb, const char *pattern, const Glob *glob)
{
        const WayToRoot *way;

        for (size_t i = 0; (way = ways_to_root_get(w->ways, i)); i++) {
                if (!way_to_root_has_act(way, verb) || !share(w, glob, way->glob))
                        continue;
                /* Some units no glob reaches without `privileged`. */
                if (glob_is_literal(way->pattern) && !grants_unit(w->grants, way->pattern, verb))
                        continue;
                warn(w, "%s %s: reaches %s: %s", verb, pattern, way->pattern, way->reason);
        }
}

static void warn_of_unit(Warnings *w, const char *entry)
{
        const char *colon = strrchr(entry, ':');
        _cleanup_free_ char *pattern = strndup(entry, (size_t)(colon - entry)),
                            *verbs = strdup(colon + 1);
        _cleanup_(glob_free_cleanup) Glob *glob = NULL;
        bool counts = false;
        char *rest, *verb;

        glob = pattern ? compile(w, pattern) : NULL;
        if (!glob || !verbs) {
                w->r = -ENOMEM;
                return;
        }
        for (rest = verbs; (verb = strsep(&rest, ","));) {
                warn_of_verb(w, verb, pattern, glob);
                counts = counts || makes_it_count(verb);
        }
        if (counts)
                warn_of_config(w, entry, pattern);
}

int key_warnings(const WaysToRoot *ways, const OrdinaryFiles *ordinary, const Grants *grants,
                 char ***ret)
{
        Warnings w = { .ways = ways, .ordinary = ordinary, .grants = grants };
        _cleanup_free_ char *more = NULL;
        char *const *entry;

        if (grants->user[0] == '\0')
                warn(&w, "user: every local user may use this key");
        if (!grants->read && !grants->write && !grants->units && !grants->packages &&
            !grants->timezone)
                warn(&w, "grants: there are none, so this key gives no right");
        if (grants->privileged)
                warn(&w, "privileged: globs reach all files and units, also those that come later");
        STRV_FOREACH(entry, grants->write) {
                warn_of_write(&w, *entry);
                warn_of_read(&w, *entry);
        }
        STRV_FOREACH(entry, grants->read)
                warn_of_read(&w, *entry);
        STRV_FOREACH(entry, grants->units)
                warn_of_unit(&w, *entry);
        STRV_FOREACH(entry, grants->packages)
                if (!glob_is_literal(*entry))
                        warn(&w,
                             "packages %s: any package of such a name, also one that comes into a "
                             "repository later, can be installed: its scripts run as root",
                             *entry);
        if (w.r == 0 && w.n > KEY_WARNINGS_MAX) {
                w.r = asprintf(&more, "... and %zu more", w.n - KEY_WARNINGS_MAX) < 0 ? -ENOMEM : 0;
                if (w.r == 0)
                        w.r = strv_extend(&w.list, more);
        }
        if (w.r < 0) {
                strv_free(w.list);
                return w.r;
        }
        *ret = w.list;
        return 0;
}
