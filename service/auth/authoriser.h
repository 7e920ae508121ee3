/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * authoriser.h - may this caller do that? The only place that asks polkit (asked by
 * bus/right/permission.c alone, after the key).
 *
 * The subject is always the unique bus name that sent the message, as the bus attests it: never a
 * PID, never anything that the caller says. A question is first asked without a dialog; only if
 * polkit answers "challenge" and the caller's message allows interaction is it asked again with
 * one, counted against the limits on open dialogs. Anything but a plain yes (no polkit, a late
 * answer, nonsense) is a no.
 *
 * Needs a running GLib main context on the thread of the event loop (main.c).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/failure.h"
#include "util/limits.h"

typedef struct Authoriser Authoriser;
typedef struct AuthCheck AuthCheck;

typedef enum AuthVerdict {
        AUTH_NO,
        AUTH_CHALLENGE, /* a dialog could change it, and was not allowed to this question */
        AUTH_YES,
} AuthVerdict;

/* What is asked. NULL details are left out. */
typedef struct AuthQuestion {
        const char *sender; /* unique name */
        uid_t uid;          /* its uid as the bus says; for the limits on dialogs only */
        const char *action; /* org.exmachina1.read-config ... */
        const char *method; /* Interface.Member */
        const char *file;
        const char *files; /* commit-several: names separated by newlines */
        const char *unit;
        const char *verb;
        const char *zone;     /* set-timezone */
        const char *units;    /* manage-several-units: "VERB UNIT" separated by newlines */
        const char *package;  /* manage-packages */
        const char *packages; /* manage-several-packages: "VERB NAME" likewise */
        bool interactive;
        bool only_text; /* of a file to be written: for keys (grants.h), polkit is not told */
} AuthQuestion;

/* r: 0 and a verdict; EXM_E_LIMIT_EXCEEDED (too many dialogs open); for AUTH_NO `f` may already say
 * why (polkit not there, too late). */
typedef void (*AuthDone)(int r, Failure *f, AuthVerdict verdict, void *userdata);

int authoriser_new(Authoriser **ret, const Limits *limits);
/* All checks must be gone. NULL is allowed. */
Authoriser *authoriser_free(Authoriser *a);

/* `done` runs exactly once, never before this returns, not after auth_check_free().
 * Returns: 0 and *ret, or -errno. */
int authoriser_ask(Authoriser *a, const AuthQuestion *question, AuthDone done, void *userdata,
                   AuthCheck **ret);

/* In `done`: was a dialog what it was answered by? Else rules have decided. */
bool auth_check_had_dialog(const AuthCheck *check);

/* Cancels (the dialog is closed) if it runs, and frees. NULL is allowed. */
AuthCheck *auth_check_free(AuthCheck *check);
