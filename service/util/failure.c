/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * failure.c - conditions, their D-Bus names, and the sentence that goes with one.
 */
#include "util/failure.h"

#include <stdarg.h>
#include <string.h>

#define OURS "org.exmachina1.Error."
#define BUS  "org.freedesktop.DBus.Error."

/* The one table from condition to D-Bus name; tests/unit/util/test-failure.c wants it complete. */
static const char *const dbus_names[_EXM_E_MAX] = {
        [EXM_E_ACCESS_DENIED] = BUS "AccessDenied",
        [EXM_E_INTERACTION_REQUIRED] = BUS "InteractiveAuthorizationRequired",
        [EXM_E_INVALID_ARGS] = BUS "InvalidArgs",
        [EXM_E_UNKNOWN_OBJECT] = BUS "UnknownObject",
        [EXM_E_TIMEOUT] = BUS "Timeout",
        [EXM_E_NO_MATCH] = OURS "NoMatch",
        [EXM_E_MANY_MATCHES] = OURS "ManyMatches",
        [EXM_E_INVALID_PATH] = OURS "InvalidPath",
        [EXM_E_INVALID_EDIT] = OURS "InvalidEdit",
        [EXM_E_NO_LENS] = OURS "NoLens",
        [EXM_E_PARSE_FAILED] = OURS "ParseFailed",
        [EXM_E_PUT_FAILED] = OURS "PutFailed",
        [EXM_E_VALIDATION_FAILED] = OURS "ValidationFailed",
        [EXM_E_CONFLICT] = OURS "Conflict",
        [EXM_E_REFUSED] = OURS "Refused",
        [EXM_E_UNIT_FAILED] = OURS "UnitFailed",
        [EXM_E_NO_SUCH_UNIT] = OURS "NoSuchUnit",
        [EXM_E_NO_SUCH_CHANGE] = OURS "NoSuchChange",
        [EXM_E_NOT_PENDING] = OURS "NotPending",
        [EXM_E_LIMIT_EXCEEDED] = OURS "LimitExceeded",
        [EXM_E_WORKER_FAILED] = OURS "WorkerFailed",
        [EXM_E_BAD_KEY] = OURS "BadKey",
        [EXM_E_BUSY] = OURS "Busy",
        [EXM_E_NO_SUCH_PACKAGE] = OURS "NoSuchPackage",
        [EXM_E_PACKAGE_FAILED] = OURS "PackageFailed",
};

int failure_set(Failure *f, Condition condition, const char *format, ...)
{
        va_list ap;

        if (!f || f->condition != EXM_E_NONE)
                return condition;

        f->condition = condition;
        va_start(ap, format);
        if (vasprintf(&f->message, format, ap) < 0)
                f->message = NULL;
        va_end(ap);
        return condition;
}

void failure_prefix(Failure *f, const char *format, ...)
{
        _cleanup_free_ char *prefix = NULL;
        char *joined;
        va_list ap;
        int n;

        if (!f || !f->message)
                return;

        va_start(ap, format);
        n = vasprintf(&prefix, format, ap);
        va_end(ap);
        if (n < 0) {
                prefix = NULL;
                return;
        }
        if (asprintf(&joined, "%s%s", prefix, f->message) < 0)
                return;
        free(f->message);
        f->message = joined;
}

void failure_done(Failure *f)
{
        free(f->message);
        *f = (Failure){ 0 };
}

void failure_move(Failure *to, Failure *from)
{
        if (to && to->condition == EXM_E_NONE)
                *to = *from;
        else
                free(from->message);
        *from = (Failure){ 0 };
}

const char *condition_to_dbus_name(int condition)
{
        if (condition > 0 && condition < _EXM_E_MAX && dbus_names[condition])
                return dbus_names[condition];
        return BUS "Failed";
}

Condition condition_from_dbus_name(const char *name)
{
        for (int i = 0; i < _EXM_E_MAX; i++)
                if (dbus_names[i] && strcmp(dbus_names[i], name) == 0)
                        return (Condition)i;
        return EXM_E_NONE;
}
