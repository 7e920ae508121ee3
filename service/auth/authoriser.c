/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * authoriser.c - asynchronous polkit checks with limits on time and on open dialogs.
 *
 * Few questions are with polkit at once; the others wait here. A bus lets a connection wait for so
 * many replies (128 with dbus-daemon) and refuses what is over that: a hundred callers would make a
 * no of other callers' questions. Of those that wait, whose user has the fewest with polkit is
 * next, then the oldest.
 *
 * A check that the owner gave up lives on, with `done` cleared, until GLib has delivered the
 * answer, or the result of its cancellation; only then is it freed.
 */
#include "auth/authoriser.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/queue.h>

#include <polkit/polkit.h>

#include "auth/polkit-guard.h"
#include "util/log.h"
#include "util/utf8.h"

/* polkitd answers one after the other; more would only wait there. */
#define MAX_ASKED 16U

struct AuthCheck {
        LIST_ENTRY(AuthCheck) entry;
        Authoriser *authoriser;
        PolkitSubject *subject;
        PolkitDetails *details;
        char *action;
        uid_t uid;
        bool interactive; /* may prompt */
        bool waiting;     /* for its turn to be asked */
        bool prompting;   /* a dialog may be open now */
        bool had_dialog;  /* one was, for the answer that came */
        bool timed_out;
        GCancellable *cancellable;
        guint timer;
        AuthDone done;
        void *userdata;
};

struct Authoriser {
        const Limits *limits;
        PolkitAuthority *polkit;       /* polkit-gobject's singleton, once it is there */
        LIST_HEAD(, AuthCheck) checks; /* the latest first */
        uid_t asked[MAX_ASKED];        /* of the questions that are with polkit without a dialog */
        unsigned n_asked;
};

int authoriser_new(Authoriser **ret, const Limits *limits)
{
        Authoriser *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->limits = limits;
        LIST_INIT(&a->checks);
        *ret = a;
        return 0;
}

Authoriser *authoriser_free(Authoriser *a)
{
        if (!a)
                return NULL;
        g_clear_object(&a->polkit);
        free(a);
        return NULL;
}

static void check_destroy(AuthCheck *check)
{
        LIST_REMOVE(check, entry);
        if (check->timer != 0)
                g_source_remove(check->timer);
        g_clear_object(&check->subject);
        g_clear_object(&check->details);
        g_clear_object(&check->cancellable);
        free(check->action);
        free(check);
}

/* Tells the owner once. The check is freed by its owner if there is one, else here. */
static void check_finish(AuthCheck *check, int r, Failure *f, AuthVerdict verdict)
{
        AuthDone done = TAKE_PTR(check->done);

        check->had_dialog = check->prompting;
        check->prompting = check->waiting = false;
        if (check->timer != 0)
                g_source_remove(check->timer);
        check->timer = 0;
        if (done)
                done(r, f, verdict, check->userdata);
        else
                check_destroy(check);
}

static void check_deny(AuthCheck *check, const char *why)
{
        _cleanup_failure_ Failure f = { 0 };

        if (check->done) {
                log_warning("polkit: no answer on %s: %s", check->action, why);
                failure_set(&f, EXM_E_ACCESS_DENIED,
                            "%s: not authorised, since polkit gave no answer; see: systemctl "
                            "status polkit",
                            check->action);
        }
        check_finish(check, 0, &f, AUTH_NO);
}

static gboolean on_timeout(gpointer userdata)
{
        AuthCheck *check = userdata;

        check->timer = 0;
        check->timed_out = true;
        if (check->waiting)
                check_deny(check, "too many other questions");
        else
                g_cancellable_cancel(check->cancellable);
        return G_SOURCE_REMOVE;
}

static void check_start(AuthCheck *check, bool prompt);

/* --- turns --- */

static unsigned n_asked_of(const Authoriser *a, uid_t uid)
{
        unsigned n = 0;

        for (unsigned i = 0; i < a->n_asked; i++)
                if (a->asked[i] == uid)
                        n++;
        return n;
}

static void give_turns(Authoriser *a)
{
        while (a->n_asked < MAX_ASKED) {
                AuthCheck *check, *next = NULL;
                unsigned least = UINT_MAX, n;

                LIST_FOREACH(check, &a->checks, entry) {
                        n = check->waiting ? n_asked_of(a, check->uid) : UINT_MAX;
                        if (n != UINT_MAX && n <= least) {
                                next = check;
                                least = n;
                        }
                }
                if (!next)
                        return;
                next->waiting = false;
                a->asked[a->n_asked++] = next->uid;
                check_start(next, /* prompt= */ false);
        }
}

static void take_turn(AuthCheck *check)
{
        check->waiting = true;
        give_turns(check->authoriser);
}

static void end_turn(Authoriser *a, uid_t uid)
{
        for (unsigned i = 0; i < a->n_asked; i++)
                if (a->asked[i] == uid) {
                        a->asked[i] = a->asked[--a->n_asked];
                        break;
                }
        give_turns(a);
}

/* --- dialogs --- */

/* Returns: true if one more dialog may open. */
static bool prompts_left(const AuthCheck *check)
{
        const Limits *limits = check->authoriser->limits;
        unsigned n_user = 0, n_total = 0;
        const AuthCheck *other;

        LIST_FOREACH(other, &check->authoriser->checks, entry) {
                if (!other->prompting)
                        continue;
                n_total++;
                if (other->uid == check->uid)
                        n_user++;
        }
        return n_user < limits->prompts_user && n_total < limits->prompts_total;
}

static void check_prompt(AuthCheck *check)
{
        _cleanup_failure_ Failure f = { 0 };

        if (prompts_left(check)) {
                check_start(check, /* prompt= */ true);
                return;
        }
        failure_set(&f, EXM_E_LIMIT_EXCEEDED,
                    "too many authentication dialogs are open (at most %u of one user, %u in all): "
                    "answer or close one first",
                    check->authoriser->limits->prompts_user,
                    check->authoriser->limits->prompts_total);
        check_finish(check, EXM_E_LIMIT_EXCEEDED, &f, AUTH_NO);
}

/* --- questions and answers --- */

static void on_checked(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(PolkitAuthorizationResult) answer = NULL;
        g_autoptr(GError) error = NULL;
        AuthCheck *check = userdata;

        if (!check->prompting)
                end_turn(check->authoriser, check->uid);
        answer = polkit_authority_check_authorization_finish(POLKIT_AUTHORITY(source), result,
                                                             &error);
        if (!answer)
                check_deny(check, check->timed_out ? "too late" : error->message);
        else if (polkit_authorization_result_get_is_authorized(answer))
                check_finish(check, 0, NULL, AUTH_YES);
        else if (!polkit_authorization_result_get_is_challenge(answer) || check->prompting)
                check_finish(check, 0, NULL, AUTH_NO);
        else if (check->interactive && check->done)
                check_prompt(check);
        else
                check_finish(check, 0, NULL, AUTH_CHALLENGE);
}

static void check_start(AuthCheck *check, bool prompt)
{
        const Limits *limits = check->authoriser->limits;

        check->prompting = prompt;
        if (check->timer != 0)
                g_source_remove(check->timer);
        check->timer = g_timeout_add_seconds(prompt ? limits->prompt_sec : limits->polkit_sec,
                                             on_timeout, check);
        polkit_authority_check_authorization(
                check->authoriser->polkit, check->subject, check->action, check->details,
                prompt ? POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION
                       : POLKIT_CHECK_AUTHORIZATION_FLAGS_NONE,
                check->cancellable, on_checked, check);
}

static void on_authority(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(PolkitAuthority) polkit = NULL;
        g_autoptr(GError) error = NULL;
        AuthCheck *check = userdata;

        polkit = polkit_authority_get_finish(result, &error);
        if (!polkit) {
                check_deny(check, error->message);
                return;
        }
        if (!check->done) {
                check_destroy(check);
                return;
        }
        if (!check->authoriser->polkit) {
                polkit_guard_install();
                check->authoriser->polkit = g_object_ref(polkit);
        }
        take_turn(check);
}

/* Rules compare details exactly, so names stay as they are unless they could deceive a reader. */
static int details_add(PolkitDetails *details, const char *key, const char *value)
{
        _cleanup_free_ char *escaped = NULL;

        if (!value)
                return 0;
        /* Those of several are plain names with newlines between them. */
        if (!utf8_is_plain(value) && strcmp(key, "files") != 0 && strcmp(key, "units") != 0 &&
            strcmp(key, "packages") != 0) {
                escaped = utf8_escape(value, LIMIT_PATH_BYTES);
                if (!escaped)
                        return -ENOMEM;
                value = escaped;
        }
        polkit_details_insert(details, key, value);
        return 0;
}

static int details_fill(PolkitDetails *details, const AuthQuestion *q)
{
        const struct {
                const char *key, *value;
        } rows[] = {
                { "method", q->method }, { "file", q->file },       { "files", q->files },
                { "unit", q->unit },     { "verb", q->verb },       { "units", q->units },
                { "zone", q->zone },     { "package", q->package }, { "packages", q->packages },
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(rows); i++)
                r = details_add(details, rows[i].key, rows[i].value);
        return r;
}

int authoriser_ask(Authoriser *a, const AuthQuestion *question, AuthDone done, void *userdata,
                   AuthCheck **ret)
{
        AuthCheck *check;

        check = calloc(1, sizeof(*check));
        if (!check)
                return -ENOMEM;
        LIST_INSERT_HEAD(&a->checks, check, entry);
        check->authoriser = a;
        check->uid = question->uid;
        check->interactive = question->interactive;
        check->done = done;
        check->userdata = userdata;
        check->cancellable = g_cancellable_new();
        check->subject = polkit_system_bus_name_new(question->sender);
        check->details = polkit_details_new();
        check->action = strdup(question->action);
        if (!check->action || details_fill(check->details, question) < 0) {
                check_destroy(check);
                return -ENOMEM;
        }

        check->timer = g_timeout_add_seconds(a->limits->polkit_sec, on_timeout, check);
        if (a->polkit)
                take_turn(check);
        else
                polkit_authority_get_async(check->cancellable, on_authority, check);
        *ret = check;
        return 0;
}

bool auth_check_had_dialog(const AuthCheck *check)
{
        return check->had_dialog;
}

AuthCheck *auth_check_free(AuthCheck *check)
{
        if (!check)
                return NULL;
        if (!check->done || check->waiting) { /* it has finished, or was never asked */
                check_destroy(check);
                return NULL;
        }
        check->done = NULL;
        /* A plain question keeps its turn until polkit has answered it: it would still do that. */
        if (check->prompting)
                g_cancellable_cancel(check->cancellable);
        return NULL;
}
