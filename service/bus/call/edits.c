/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * edits.c - the table of verbs.
 */
#include "bus/call/edits.h"

#include <errno.h>
#include <string.h>

#include "files/roots.h"
#include "tree/expression.h"
#include "util/strv.h"
#include "util/utf8.h"

/* One letter an argument: e expression, f file, v value or label or text, w before|after, n
 * variable name, o octal mode, u user:group. A relative expression ("sub") is "s". */
typedef struct Verb {
        const char *name, *args;
        VerbKind kind;
} Verb;

static const Verb verbs[] = {
        { "set", "ev", VERB_TREE },    { "clear", "e", VERB_TREE },
        { "setm", "esv", VERB_TREE },  { "clearm", "es", VERB_TREE },
        { "touch", "e", VERB_TREE },   { "ins", "vwe", VERB_TREE },
        { "mv", "ee", VERB_TREE },     { "cp", "ee", VERB_TREE },
        { "rm", "e", VERB_TREE },      { "rename", "ev", VERB_TREE },
        { "defvar", "ne", VERB_TREE }, { "defnode", "nev", VERB_TREE },
        { "text", "fv", VERB_TREE },   { "ln", "tf", VERB_LINK },
        { "mode", "fo", VERB_MODE },   { "owner", "fu", VERB_OWNER },
};

static const Verb *verb_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

/* Without the set-id bits: no configuration file needs them, and a file that somebody may write and
 * make set-id is his way to root. */
static bool is_octal_mode(const char *s)
{
        return *s && strlen(s) <= 5 && strspn(s, "01234567") == strlen(s) &&
               strtoul(s, NULL, 8) <= 0777;
}

static bool is_user_and_group(const char *s)
{
        const char *colon = strchr(s, ':');

        return colon && colon > s && colon[1] && !strchr(colon + 1, ':') && utf8_is_plain(s) &&
               strlen(s) < 512;
}

static bool is_variable(const char *s)
{
        return *s && strlen(s) < 128 &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                       strlen(s);
}

/* Returns: why `value` will not do as an argument of that kind, NULL if it does. */
static const char *argument_fault(char kind, const char *value)
{
        switch (kind) {
        case 'v':
                return utf8_is_writable(value)
                               ? NULL
                               : "holds U+FFFD or a control character, which is never written";
        case 'w':
                return strcmp(value, "before") == 0 || strcmp(value, "after") == 0
                               ? NULL
                               : "must be \"before\" or \"after\"";
        case 'n':
                return is_variable(value) ? NULL : "must be a variable name of A-Z a-z 0-9 _ -";
        case 'o':
                return is_octal_mode(value) ? NULL
                                            : "must be an octal mode such as 0644, without set-id "
                                              "and sticky bits";
        case 'u':
                return is_user_and_group(value) ? NULL : "must be USER:GROUP";
        case 't':
                return utf8_is_plain(value) && *value && strlen(value) <= LIMIT_PATH_BYTES
                               ? NULL
                               : "must be the target of a link, at most 4095 bytes";
        default:
                return NULL;
        }
}

static int unknown_verb(const char *verb, size_t index, Failure *f)
{
        _cleanup_free_ char *shown = utf8_escape(verb, 32);

        if (!shown)
                return -ENOMEM;
        return failure_set(f, EXM_E_INVALID_EDIT, "edit %zu: there is no verb \"%s\"", index,
                           shown);
}

int edit_check(const Edit *edit, size_t index, VerbKind *ret_kind, Failure *f)
{
        const Verb *verb = verb_find(edit->verb);
        size_t n = strv_length(edit->args);

        if (!verb)
                return unknown_verb(edit->verb, index, f);
        if (n != strlen(verb->args))
                return failure_set(f, EXM_E_INVALID_EDIT,
                                   "edit %zu: %s takes %zu arguments, not %zu", index, verb->name,
                                   strlen(verb->args), n);
        for (size_t i = 0; i < n; i++) {
                const char *fault = argument_fault(verb->args[i], edit->args[i]);

                if (fault)
                        return failure_set(f, EXM_E_INVALID_EDIT, "edit %zu: argument %zu of %s %s",
                                           index, i + 1, verb->name, fault);
        }
        *ret_kind = verb->kind;
        return 0;
}

int edit_reach(const Edit *edit, size_t index, char ***ret_prefixes, const char **ret_file,
               Failure *f)
{
        _cleanup_strv_ char **prefixes = NULL;
        const Verb *verb = verb_find(edit->verb);
        const char *file = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && verb->args[i]; i++) {
                _cleanup_strv_ char **found = NULL;
                char **prefix;

                if (verb->args[i] == 'f') {
                        file = edit->args[i];
                        r = path_check(file, f);
                } else if (verb->args[i] == 'e') {
                        r = expression_prefixes(edit->args[i], &found, f);
                }
                STRV_FOREACH(prefix, found)
                        if (r == 0)
                                r = strv_extend_unique(&prefixes, *prefix);
        }
        if (r > 0)
                failure_prefix(f, "edit %zu: ", index);
        if (r != 0)
                return r;
        *ret_prefixes = TAKE_PTR(prefixes);
        *ret_file = file;
        return 0;
}
