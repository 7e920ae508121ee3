/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write-right.c - the key, then one question a file and a unit, then at most one dialog for either.
 */
#include "bus/write-right.h"

#include <errno.h>
#include <string.h>

#include "bus/call.h"
#include "bus/permission.h"

#define ACTION(name) "org.exmachina1." name

static void wish_done(Wish *wish)
{
        free(wish->file);
        free(wish->unit);
}

void write_right_done(WriteRight *right)
{
        for (size_t i = 0; i < right->n; i++)
                wish_done(&right->wishes[i]);
        free(right->wishes);
        *right = (WriteRight){ 0 };
}

static AuthQuestion question_of(const Wish *wish)
{
        return (AuthQuestion){
                .action = wish->action, .file = wish->file, .unit = wish->unit, .verb = wish->verb
        };
}

/* Takes over the strings of `wish`, of which one is missing when memory has run out. */
static int add(Call *call, Wish wish)
{
        WriteRight *right = &call->right;
        const AuthQuestion question = question_of(&wish);
        bool whole = wish.file || wish.unit;
        Wish *grown = NULL;

        if (whole && permission_by_key(call, &question)) {
                wish_done(&wish);
                return 0;
        }
        if (whole)
                grown = reallocarray(right->wishes, right->n + 1, sizeof(*grown));
        if (!grown) {
                wish_done(&wish);
                return -ENOMEM;
        }
        right->wishes = grown;
        right->wishes[right->n++] = wish;
        return 0;
}

int write_right_add(Call *call, const char *file, bool plainly)
{
        bool ordinary = plainly && ordinary_files_contains(call->manager->ordinary, file);

        return add(call, (Wish){ .action = ordinary ? ACTION("write-config")
                                                    : ACTION("write-sensitive-config"),
                                 .file = strdup(file) });
}

int write_right_add_unit(Call *call, const char *unit, const char *verb)
{
        return add(call,
                   (Wish){ .action = ACTION("manage-units"), .unit = strdup(unit), .verb = verb });
}

/* --- the dialogs --- */

static bool is_left(const Wish *wish, bool files)
{
        return wish->challenged && (wish->file != NULL) == files;
}

/* "/etc/a\n/etc/b", "reload a.service\nrestart b.service". Returns: NULL out of memory. */
static char *join_challenged(const WriteRight *right, bool files)
{
        _cleanup_free_ char *joined = strdup("");

        for (size_t i = 0; joined && i < right->n; i++) {
                const Wish *wish = &right->wishes[i];
                char *longer;

                if (!is_left(wish, files))
                        continue;
                if (asprintf(&longer, "%s%s%s%s%s", joined, *joined ? "\n" : "", wish->verb ?: "",
                             wish->verb ? " " : "", wish->file ?: wish->unit) < 0)
                        return NULL;
                free(joined);
                joined = longer;
        }
        return TAKE_PTR(joined);
}

/* One dialog for what polkit wants one for, or none. */
static void ask_once(Call *call, bool files, void (*next)(Call *call))
{
        _cleanup_free_ char *several = NULL;
        WriteRight *right = &call->right;
        AuthQuestion question = { 0 };
        size_t n = 0;

        for (size_t i = 0; i < right->n; i++)
                if (is_left(&right->wishes[i], files)) {
                        question = question_of(&right->wishes[i]);
                        n++;
                }
        if (n > 1) {
                several = join_challenged(right, files);
                if (!several) {
                        call_fail(call, -ENOMEM);
                        return;
                }
                question = (AuthQuestion){ .action = files ? ACTION("commit-several")
                                                           : ACTION("manage-several-units"),
                                           .files = files ? several : NULL,
                                           .units = files ? NULL : several };
        }
        if (n > 0)
                call_authorise_by_polkit(call, &question, next);
        else
                next(call);
}

static void finish(Call *call)
{
        WriteRight *right = &call->right;

        for (size_t i = 0; i < right->n; i++)
                right->wishes[i].challenged = false;
        right->granted(call);
}

static void ask_for_units(Call *call)
{
        ask_once(call, /* files= */ false, finish);
}

/* --- one by one --- */

static void ask_next(Call *call);

static void on_verdict(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        WriteRight *right = &call->right;
        Wish *wish = &right->wishes[right->next];

        if (r == 0 && verdict == AUTH_YES) {
                r = permission_record(call);
        } else if (r == 0 && verdict == AUTH_CHALLENGE) {
                wish->challenged = true;
        } else if (r == 0 && verdict == AUTH_NO) {
                if (f)
                        failure_move(&call->failure, f);
                r = failure_set(&call->failure, EXM_E_ACCESS_DENIED, "%s: not authorised (%s)",
                                wish->file ?: wish->unit, wish->action);
        }
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        right->next++;
        ask_next(call);
}

static void ask_next(Call *call)
{
        WriteRight *right = &call->right;
        AuthQuestion question;

        if (right->next == right->n) {
                ask_once(call, /* files= */ true, ask_for_units);
                return;
        }
        question = question_of(&right->wishes[right->next]);
        permission_ask_polkit(call, &question, /* interactive= */ false, on_verdict);
}

void write_right_ask(Call *call, void (*granted)(Call *call))
{
        call->right.granted = granted;
        ask_next(call);
}
