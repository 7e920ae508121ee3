/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * grants.c - matching names against what a key grants. When in doubt (a damaged entry, no memory)
 * nothing is granted.
 */
#include "auth/grants.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "auth/glob.h"
#include "files/roots.h"
#include "util/strv.h"

/* A glob reaches services and what starts them, but none that the machine stands on (systemd's own,
 * the bus, polkit), that ends it, that gives a shell or another user's programs, and not the
 * service itself: only a literal name or `privileged` reaches those, as all targets, slices, scopes
 * and mounts. The aliases are there for a caller that has asked with one. */
static const char *const units_for_globs[] = { "*.service", "*.socket", "*.timer", "*.path" };

static const char *const units_beyond_globs[] = {
        "*poweroff*",  "*reboot*",        "*halt*",         "*kexec*",        "*rescue*",
        "*emergency*", "*initrd*",        "*shell*",        "*getty*",        "systemd-*",
        "dbus*",       "polkit*",         "user@*",         "user-runtime-*", "exmachina*",
        "autovt@*",    "runlevel[0-6].*", "ctrl-alt-del.*", "exit.*",         "shutdown.*",
};

void grants_done(Grants *grants)
{
        free(grants->user);
        strv_free(grants->read);
        strv_free(grants->write);
        strv_free(grants->units);
        strv_free(grants->packages);
        *grants = (Grants){ 0 };
}

static int copy_list(char **from, char ***ret)
{
        if (strv_length(from) == 0)
                return 0;
        *ret = strv_copy(from);
        return *ret ? 0 : -ENOMEM;
}

int grants_copy(const Grants *from, Grants *ret)
{
        _cleanup_(grants_done) Grants copy = {
                .expires = from->expires,
                .timezone = from->timezone,
                .privileged = from->privileged,
        };
        int r;

        copy.user = strdup(from->user);
        r = copy.user ? copy_list(from->read, &copy.read) : -ENOMEM;
        if (r == 0)
                r = copy_list(from->write, &copy.write);
        if (r == 0)
                r = copy_list(from->units, &copy.units);
        if (r == 0)
                r = copy_list(from->packages, &copy.packages);
        if (r < 0)
                return r;
        *ret = copy;
        copy = (Grants){ 0 };
        return 0;
}

static bool entry_reaches(const Grants *grants, const char *entry, const char *name, bool plain)
{
        return (plain || grants->privileged || glob_is_literal(entry)) && glob_matches(entry, name);
}

static bool any_reaches(const Grants *grants, char *const *entries, const char *name, bool plain)
{
        char *const *entry;

        STRV_FOREACH(entry, entries)
                if (entry_reaches(grants, *entry, name, plain))
                        return true;
        return false;
}

bool grants_read(const Grants *grants, const char *canonical, bool is_public)
{
        return !path_is_out_of_reach(canonical) &&
               (any_reaches(grants, grants->read, canonical, is_public) ||
                any_reaches(grants, grants->write, canonical, is_public));
}

bool grants_write(const Grants *grants, const char *canonical, bool is_ordinary, bool only_text)
{
        return (only_text || grants->privileged) && !path_is_out_of_reach(canonical) &&
               any_reaches(grants, grants->write, canonical, is_ordinary);
}

bool grants_may_look(const Grants *grants, const char *name)
{
        return grants_read(grants, name, /* is_public= */ true);
}

bool grants_may_walk(const Grants *grants, const char *prefix)
{
        char *const *lists[] = { grants->read, grants->write };
        char *const *entry;

        if (path_is_out_of_reach(prefix))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                STRV_FOREACH(entry, lists[i])
                        if (glob_matches_beginning(*entry, prefix))
                                return true;
        return false;
}

bool grants_any_file(const Grants *grants)
{
        return strv_length(grants->read) + strv_length(grants->write) > 0;
}

/* What ExMachina itself needs nobody removes through it (packages/plan.h): no glob has to stop at
 * it. */
bool grants_package(const Grants *grants, const char *name)
{
        return any_reaches(grants, grants->packages, name, /* plain= */ true);
}

bool grants_any_package(const Grants *grants)
{
        return strv_length(grants->packages) > 0;
}

/* The comma-separated list holds `verb`. */
static bool holds_verb(const char *verbs, const char *verb)
{
        size_t n = strlen(verb);

        for (; *verbs; verbs += *verbs == ',') {
                size_t m = strcspn(verbs, ",");

                if (m == n && strncmp(verbs, verb, n) == 0)
                        return true;
                verbs += m;
        }
        return false;
}

static bool matches_any(const char *const *patterns, size_t n, const char *id)
{
        for (size_t i = 0; i < n; i++)
                if (fnmatch(patterns[i], id, 0) == 0)
                        return true;
        return false;
}

static bool is_beyond_globs(const char *id)
{
        return !matches_any(units_for_globs, ELEMENTSOF(units_for_globs), id) ||
               matches_any(units_beyond_globs, ELEMENTSOF(units_beyond_globs), id);
}

/* `verb` NULL: any. */
static bool unit_entry_reaches(const Grants *grants, const char *entry, const char *id,
                               const char *verb)
{
        const char *colon = strrchr(entry, ':');
        _cleanup_free_ char *pattern = NULL;

        if (!colon || (verb && !holds_verb(colon + 1, verb)))
                return false;
        pattern = strndup(entry, (size_t)(colon - entry));
        return pattern && entry_reaches(grants, pattern, id, !is_beyond_globs(id));
}

bool grants_unit(const Grants *grants, const char *id, const char *verb)
{
        char *const *entry;

        STRV_FOREACH(entry, grants->units)
                if (unit_entry_reaches(grants, *entry, id, verb))
                        return true;
        return false;
}

bool grants_any_verb(const Grants *grants, const char *id)
{
        return grants_unit(grants, id, NULL);
}
