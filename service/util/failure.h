/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * failure.h - the error model of every room.
 *
 * A function that can fail returns an int:
 *   0           it worked
 *   negative    -errno: ours to mend (out of memory, a broken invariant). Logged once where the
 * call ends; the caller of the bus gets a plain "internal error", the daemon lives on. positive a
 * Condition: something that the caller of the bus can act on. The Failure that was passed in then
 * says it in one sentence for a person.
 *
 * A message begins with a stable prefix that programs may cut ("edit 3: ", "/etc/hosts:12:5: ",
 * "nginx.service: ") and never carries file content that the caller could not have read.
 */
#pragma once

#include "util/macro.h"

typedef enum Condition {
        EXM_E_NONE = 0,
        EXM_E_ACCESS_DENIED,
        EXM_E_INTERACTION_REQUIRED,
        EXM_E_INVALID_ARGS,
        EXM_E_UNKNOWN_OBJECT,
        EXM_E_TIMEOUT,
        EXM_E_NO_MATCH,
        EXM_E_MANY_MATCHES,
        EXM_E_INVALID_PATH,
        EXM_E_INVALID_EDIT,
        EXM_E_NO_LENS,
        EXM_E_PARSE_FAILED,
        EXM_E_PUT_FAILED,
        EXM_E_VALIDATION_FAILED,
        EXM_E_CONFLICT,
        EXM_E_REFUSED,
        EXM_E_UNIT_FAILED,
        EXM_E_NO_SUCH_UNIT,
        EXM_E_NO_SUCH_CHANGE,
        EXM_E_NOT_PENDING,
        EXM_E_LIMIT_EXCEEDED,
        EXM_E_WORKER_FAILED,
        EXM_E_BAD_KEY,
        EXM_E_BUSY,
        EXM_E_NO_SUCH_PACKAGE,
        EXM_E_PACKAGE_FAILED,
        _EXM_E_MAX,
} Condition;

/* Zero-initialise; failure_done() frees the text. Passing NULL where one is wanted is allowed. */
typedef struct Failure {
        Condition condition;
        char *message;
} Failure;

/* Sets `f` unless it is set already (the first, most exact word wins).
 * Returns: `condition`, so that a caller can write `return failure_set(...)`. */
int failure_set(Failure *f, Condition condition, const char *format, ...) _printf_(3, 4);

/* Puts "prefix" (printf-formatted) before the text that is there. */
void failure_prefix(Failure *f, const char *format, ...) _printf_(2, 3);

/* Frees and clears. */
void failure_done(Failure *f);

/* Moves `from` into `to` (which is overwritten if it is unset, kept if set); `from` is cleared. */
void failure_move(Failure *to, Failure *from);

/* The D-Bus error name of a condition, or of an -errno (org.freedesktop.DBus.Error.Failed).
 * Returns: a static string, never NULL. */
const char *condition_to_dbus_name(int condition);

/* Returns: the Condition of a D-Bus error name, EXM_E_NONE if it is none of ours. */
Condition condition_from_dbus_name(const char *name);

#define _cleanup_failure_ _cleanup_(failure_done)
