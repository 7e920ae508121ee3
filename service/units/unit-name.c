/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-name.c - which strings name one unit, and the words for what can be done to one.
 *
 * The rules are those of systemd's unit_name_is_valid() for plain names and instances. They are
 * checked before anything is asked of systemd, because some of its methods give other strings a
 * wider meaning: EnableUnitFiles links the file that a path names, ListUnits takes globs.
 * The names come from callers.
 */
#include <stdbool.h>
#include <string.h>

#include "units/units.h"
#include "util/utf8.h"

/* UNIT_NAME_MAX of systemd, without its NUL. */
#define UNIT_NAME_BYTES 255U

#define NAME_CHARS                                                                                 \
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                           \
        ":-_.\\@"

static const char *const verb_names[_UNIT_VERB_MAX] = {
        [UNIT_START] = "start",
        [UNIT_STOP] = "stop",
        [UNIT_RESTART] = "restart",
        [UNIT_RELOAD] = "reload",
        [UNIT_RELOAD_OR_RESTART] = "reload-or-restart",
        [UNIT_ENABLE] = "enable",
        [UNIT_DISABLE] = "disable",
        [UNIT_MASK] = "mask",
        [UNIT_UNMASK] = "unmask",
};

static const char *const type_names[] = {
        "service", "socket", "target", "device", "mount", "automount",
        "swap",    "timer",  "path",   "slice",  "scope",
};

const char *unit_verb_to_string(UnitVerb verb)
{
        return (unsigned)verb < _UNIT_VERB_MAX ? verb_names[verb] : NULL;
}

static bool type_is_known(const char *type)
{
        for (size_t i = 0; i < ELEMENTSOF(type_names); i++)
                if (strcmp(type, type_names[i]) == 0)
                        return true;

        return false;
}

/* Returns: what is wrong with `name`, in words that follow it; NULL if nothing is. */
static const char *name_fault(const char *name)
{
        size_t length = strlen(name);
        const char *at, *suffix;

        if (length == 0)
                return "is empty";
        if (length > UNIT_NAME_BYTES)
                return "is longer than 255 bytes";
        if (strchr(name, '/'))
                return "is a path; give the unit's name, as in nginx.service";
        if (strpbrk(name, "*?["))
                return "is a pattern; give the name of one unit";
        if (strspn(name, NAME_CHARS) != length)
                return "holds a character that no unit name has (see systemd-escape(1))";

        suffix = strrchr(name, '.');
        if (!suffix || !type_is_known(suffix + 1))
                return "has no unit type at its end; write it in full, as in nginx.service";
        if (suffix == name)
                return "is only a unit type";

        at = strchr(name, '@');
        if (at == name)
                return "has nothing before its @";
        if (at && at + 1 == suffix)
                return "is a template; name an instance of it, as in getty@tty1.service";

        return NULL;
}

int unit_name_check(const char *name, Failure *f)
{
        _cleanup_free_ char *shown = NULL;
        const char *fault;

        fault = name_fault(name);
        if (!fault)
                return 0;

        shown = utf8_escape(name, 80);
        return failure_set(f, EXM_E_INVALID_ARGS, "unit name '%s' %s", shown ? shown : "", fault);
}
