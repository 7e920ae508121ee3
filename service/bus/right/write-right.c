/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write-right.c - the key, then one question for each, then at most one dialog of a kind.
 */
#include "bus/right/write-right.h"

#include <errno.h>
#include <string.h>

#include "bus/call/call.h"
#include "bus/call/transaction.h"
#include "bus/right/permission.h"
#include "util/strv.h"

#define ACTION(name) "org.exmachina1." name

void write_right_done(WriteRight *right)
{
        for (size_t i = 0; i < right->n; i++)
                free(right->wishes[i].name);
        free(right->wishes);
        free(right->sensitive);
        strv_free(right->approved);
        *right = (WriteRight){ 0 };
}

static AuthQuestion question_of(const Wish *wish)
{
        return (AuthQuestion){ .action = wish->action,
                               .file = wish->kind == WISH_FILE ? wish->name : NULL,
                               .unit = wish->kind == WISH_UNIT ? wish->name : NULL,
                               .package = wish->kind == WISH_PACKAGE ? wish->name : NULL,
                               .verb = wish->verb };
}

static AuthQuestion question_of_several(WishKind kind, const char *names)
{
        static const char *const actions[] = {
                [WISH_FILE] = ACTION("commit-several"),
                [WISH_UNIT] = ACTION("manage-several-units"),
                [WISH_PACKAGE] = ACTION("manage-several-packages"),
        };

        return (AuthQuestion){ .action = actions[kind],
                               .files = kind == WISH_FILE ? names : NULL,
                               .units = kind == WISH_UNIT ? names : NULL,
                               .packages = kind == WISH_PACKAGE ? names : NULL };
}

static int add(Call *call, WishKind kind, const char *action, const char *name, const char *verb,
               bool only_text)
{
        Wish wish = { .kind = kind, .action = action, .name = (char *)name, .verb = verb };
        AuthQuestion question = question_of(&wish);
        WriteRight *right = call->right;
        Wish *grown;

        question.only_text = only_text;
        if (permission_by_key(call, &question))
                return 0;
        wish.name = strdup(name);
        grown = wish.name ? reallocarray(right->wishes, right->n + 1, sizeof(*grown)) : NULL;
        if (!grown) {
                free(wish.name);
                return -ENOMEM;
        }
        right->wishes = grown;
        right->wishes[right->n++] = wish;
        return 0;
}

int write_right_add(Call *call, const char *file, bool plainly)
{
        bool ordinary = plainly && ordinary_files_contains(call->manager->ordinary, file);

        if (!ordinary && !call->right->sensitive) {
                call->right->sensitive = strdup(file);
                if (!call->right->sensitive)
                        return -ENOMEM;
        }
        return add(call, WISH_FILE,
                   ordinary ? ACTION("write-config") : ACTION("write-sensitive-config"), file, NULL,
                   plainly);
}

int write_right_add_unit(Call *call, const char *unit, const char *verb)
{
        return add(call, WISH_UNIT, ACTION("manage-units"), unit, verb, false);
}

int write_right_add_package(Call *call, const char *package, const char *verb)
{
        return add(call, WISH_PACKAGE, ACTION("manage-packages"), package, verb, false);
}

/* --- the dialogs --- */

static bool is_left(const Wish *wish, WishKind kind)
{
        return wish->challenged && wish->kind == kind;
}

/* "/etc/a\n/etc/b", "reload a.service\nrestart b.service". Returns: NULL out of memory. */
static char *join_challenged(const WriteRight *right, WishKind kind)
{
        _cleanup_free_ char *joined = strdup("");

        for (size_t i = 0; joined && i < right->n; i++) {
                const Wish *wish = &right->wishes[i];
                char *longer;

                if (!is_left(wish, kind))
                        continue;
                if (asprintf(&longer, "%s%s%s%s%s", joined, *joined ? "\n" : "", wish->verb ?: "",
                             wish->verb ? " " : "", wish->name) < 0)
                        return NULL;
                free(joined);
                joined = longer;
        }
        return TAKE_PTR(joined);
}

static void ask_next_kind(Call *call);

static void finish_kind(Call *call)
{
        call->right->kind++;
        ask_next_kind(call);
}

/* --- what a dialog has approved --- */

/* Returns: "ACTION FILE"; NULL out of memory. */
static char *approval_of(const Wish *wish)
{
        char *approval;

        return asprintf(&approval, "%s %s", wish->action, wish->name) < 0 ? NULL : approval;
}

/* All of it: what is left of a list that was approved as a whole is for another dialog. */
static bool is_approved(const Call *call)
{
        const WriteRight *right = call->right;

        if (right->kind != WISH_FILE || !right->version || !call->transaction)
                return false;
        for (size_t i = 0; i < right->n; i++) {
                _cleanup_free_ char *approval = NULL;

                if (!is_left(&right->wishes[i], right->kind))
                        continue;
                approval = approval_of(&right->wishes[i]);
                if (!approval ||
                    !transaction_is_approved(call->transaction, right->version, approval))
                        return false;
        }
        return true;
}

/* A yes that rules gave meanwhile is nobody's approval. */
static int note_approval(Call *call)
{
        WriteRight *right = call->right;
        int r = 0;

        if (right->kind != WISH_FILE || !right->version || !call->by_dialog)
                return 0;
        for (size_t i = 0; r == 0 && i < right->n; i++) {
                _cleanup_free_ char *approval = NULL;

                if (!is_left(&right->wishes[i], right->kind))
                        continue;
                approval = approval_of(&right->wishes[i]);
                r = approval ? strv_extend(&right->approved, approval) : -ENOMEM;
        }
        return r;
}

static void on_dialog(Call *call)
{
        int r = note_approval(call);

        if (r == 0)
                finish_kind(call);
        else
                call_fail(call, r);
}

static int fail_denied(Call *call, Failure *f, const char *name)
{
        if (f)
                failure_move(&call->failure, f);
        return failure_set(&call->failure, EXM_E_ACCESS_DENIED, "%s: not authorised (%s)", name,
                           call->asked);
}

static void on_approved_before(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        if (r == 0)
                r = verdict == AUTH_NO ? fail_denied(call, f, call->about_file)
                                       : permission_record(call);
        if (r == 0)
                finish_kind(call);
        else
                call_fail(call, r);
}

/* One dialog for what polkit wants one for. */
static void ask_once(Call *call)
{
        _cleanup_free_ char *several = NULL;
        WriteRight *right = call->right;
        AuthQuestion question = { 0 };
        size_t n = 0;

        for (size_t i = 0; i < right->n; i++)
                if (is_left(&right->wishes[i], right->kind)) {
                        question = question_of(&right->wishes[i]);
                        n++;
                }
        if (n > 1) {
                several = join_challenged(right, right->kind);
                if (!several) {
                        call_fail(call, -ENOMEM);
                        return;
                }
                question = question_of_several(right->kind, several);
        }
        if (is_approved(call))
                permission_ask_polkit(call, &question, /* interactive= */ false,
                                      on_approved_before);
        else
                call_authorise_by_polkit(call, &question, on_dialog);
}

static bool any_left(const WriteRight *right, WishKind kind)
{
        for (size_t i = 0; i < right->n; i++)
                if (is_left(&right->wishes[i], kind))
                        return true;
        return false;
}

/* The dialogs of one kind after the other. */
static void ask_next_kind(Call *call)
{
        WriteRight *right = call->right;

        while (right->kind < _WISH_KIND_MAX && !any_left(right, right->kind))
                right->kind++;
        if (right->kind < _WISH_KIND_MAX) {
                ask_once(call);
                return;
        }
        for (size_t i = 0; i < right->n; i++)
                right->wishes[i].challenged = false;
        right->granted(call);
}

/* --- one by one --- */

static void ask_next(Call *call);

static void on_verdict(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        WriteRight *right = call->right;
        Wish *wish = &right->wishes[right->next];

        if (r == 0 && verdict == AUTH_YES) {
                r = permission_record(call);
        } else if (r == 0 && verdict == AUTH_CHALLENGE) {
                wish->challenged = true;
        } else if (r == 0 && verdict == AUTH_NO) {
                r = fail_denied(call, f, wish->name);
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
        WriteRight *right = call->right;
        AuthQuestion question;

        if (right->next == right->n) {
                right->kind = 0;
                ask_next_kind(call);
                return;
        }
        question = question_of(&right->wishes[right->next]);
        permission_ask_polkit(call, &question, /* interactive= */ false, on_verdict);
}

void write_right_ask(Call *call, void (*granted)(Call *call))
{
        call->right->granted = granted;
        ask_next(call);
}
