/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * grants-check.c - the syntax of grants, judged when a key is made and when its file is read.
 */
#include <errno.h>
#include <string.h>

#include "auth/glob.h"
#include "auth/grants.h"
#include "files/roots.h"
#include "util/strv.h"
#include "util/utf8.h"

#define USER_BYTES 255U
/* systemd's for names of units; and those of globs. */
#define UNIT_PATTERN_CHARACTERS                                                                    \
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                           \
        ":-_.\\@*?[]!^"

/* Those of packages (packages/package-name.c), and of globs. */
#define PACKAGE_PATTERN_CHARACTERS                                                                 \
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                           \
        "+-._\\*?[]!^"

/* The words of units.h, which this room does not include; tests/unit/auth holds them together. */
static const char *const verbs[] = {
        "start",  "stop",    "restart", "reload", "reload-or-restart",
        "enable", "disable", "mask",    "unmask",
};

bool grants_verb_is_known(const char *verb, size_t length)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strlen(verbs[i]) == length && strncmp(verbs[i], verb, length) == 0)
                        return true;
        return false;
}

static const char *glob_fault(const char *pattern)
{
        _cleanup_(glob_free_cleanup) Glob *glob = NULL;
        const char *fault = "cannot be kept: memory is short";

        return glob_compile(&glob, pattern, &fault) < 0 ? fault : NULL;
}

static const char *text_fault(const char *entry)
{
        if (entry[0] == '\0')
                return "is empty";
        if (strnlen(entry, GRANTS_MAX_BYTES + 1) > GRANTS_MAX_BYTES)
                return "is longer than 4096 bytes";
        if (!utf8_is_plain(entry))
                return "has a character in it that cannot be shown as it is";
        return NULL;
}

/* Of the text between slashes: glob characters hide none of these. */
static const char *components_fault(const char *entry)
{
        for (const char *start = entry + 1;; start = strchr(start, '/') + 1) {
                size_t n = strcspn(start, "/");

                if (n == 0)
                        return "has an empty component or a slash at its end";
                if (n <= 2 && strncmp(start, "..", n) == 0)
                        return "has a component . or ..: write the plain name";
                if (start[n] == '\0')
                        return NULL;
        }
}

static const char *file_fault(const char *entry)
{
        const char *fault = text_fault(entry);
        _cleanup_free_ char *name = NULL;

        if (!fault && entry[0] != '/')
                fault = "is not absolute: begin it with /";
        if (!fault)
                fault = components_fault(entry);
        if (!fault)
                fault = glob_fault(entry);
        if (fault || !glob_is_literal(entry))
                return fault;
        name = glob_unescape(entry);
        if (!name)
                return "cannot be kept: memory is short";
        if (path_check(name, NULL) != 0)
                return "is no file name";
        return path_is_out_of_reach(name) ? "is out of reach for every key" : NULL;
}

static const char *unit_fault(const char *entry)
{
        const char *fault = text_fault(entry), *colon = strrchr(entry, ':');
        _cleanup_free_ char *pattern = NULL;

        if (fault)
                return fault;
        if (!colon || colon == entry)
                return "is not a unit and its verbs: write it as nginx.service:reload,restart";
        for (const char *verb = colon + 1;; verb += strcspn(verb, ",") + 1) {
                size_t n = strcspn(verb, ",");

                if (!grants_verb_is_known(verb, n))
                        return "has a verb that is not start, stop, restart, reload, "
                               "reload-or-restart, enable, disable, mask or unmask";
                if (verb[n] == '\0')
                        break;
        }
        pattern = strndup(entry, (size_t)(colon - entry));
        if (!pattern)
                return "cannot be kept: memory is short";
        if (pattern[strspn(pattern, UNIT_PATTERN_CHARACTERS)] != '\0')
                return "has a character that no name of a unit has";
        if (glob_is_literal(pattern) && !strchr(pattern, '.'))
                return "does not name a unit: add its suffix (.service, ...)";
        return glob_fault(pattern);
}

static const char *package_fault(const char *entry)
{
        const char *fault = text_fault(entry);

        if (!fault && (entry[strspn(entry, PACKAGE_PATTERN_CHARACTERS)] != '\0' || *entry == '-'))
                fault = "is not the name of a package, nor a glob on names";
        return fault ? fault : glob_fault(entry);
}

static int check_list(const char *what, char *const *entries, const char *(*fault)(const char *),
                      Failure *f)
{
        const char *why;
        char *const *entry;

        if (strv_length(entries) > GRANTS_MAX)
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "%s: there are more than %u entries: use globs.", what,
                                   GRANTS_MAX);
        STRV_FOREACH(entry, entries) {
                _cleanup_free_ char *shown = NULL;

                why = fault(*entry);
                if (!why)
                        continue;
                shown = utf8_escape(*entry, 256);
                return failure_set(f, EXM_E_INVALID_ARGS, "%s: \"%s\" %s.", what, shown ?: "?",
                                   why);
        }
        return 0;
}

/* What useradd and systemd-sysusers would call a name, and a little more: it goes into a file and
 * to the name service, so no ':' , '/' or blank. */
static int check_user(const char *user, Failure *f)
{
        if (user && strnlen(user, USER_BYTES + 1) <= USER_BYTES && utf8_is_plain(user) &&
            user[0] != '-' && !strpbrk(user, ":/ \t,;\\\"'"))
                return 0;
        return failure_set(f, EXM_E_INVALID_ARGS,
                           "user: this is not the name of a user (\"\" says anyone).");
}

int grants_check(const Grants *grants, Failure *f)
{
        int r;

        r = check_user(grants->user, f);
        if (r == 0)
                r = check_list("read", grants->read, file_fault, f);
        if (r == 0)
                r = check_list("write", grants->write, file_fault, f);
        if (r == 0)
                r = check_list("units", grants->units, unit_fault, f);
        if (r == 0)
                r = check_list("packages", grants->packages, package_fault, f);
        return r;
}
