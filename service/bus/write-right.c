/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write-right.c - the key, then one question a file, then at most one dialog.
 */
#include "bus/write-right.h"

#include <errno.h>
#include <string.h>

#include "bus/call.h"
#include "bus/permission.h"
#include "util/strv.h"

void write_right_done(WriteRight *right)
{
        strv_free(right->files);
        strv_free(right->challenged);
        free(right->actions);
        *right = (WriteRight){ 0 };
}

int write_right_add(Call *call, const char *file, bool plainly)
{
        WriteRight *right = &call->right;
        bool ordinary = plainly && ordinary_files_contains(call->manager->ordinary, file);
        const char *action =
                ordinary ? "org.exmachina1.write-config" : "org.exmachina1.write-sensitive-config";
        const char **grown;
        int r;

        if (permission_by_key(call, &(AuthQuestion){ .action = action, .file = file }))
                return 0;
        grown = reallocarray(right->actions, right->n_files + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        right->actions = grown;
        right->actions[right->n_files] = action;
        r = strv_extend(&right->files, file);
        if (r == 0)
                right->n_files++;
        return r;
}

/* One dialog for what polkit wants one for. */
static void ask_once(Call *call)
{
        _cleanup_free_ char *files = NULL;
        WriteRight *right = &call->right;
        AuthQuestion question = { 0 };

        if (strv_length(right->challenged) == 1) {
                question.action = right->challenged_action;
                question.file = right->challenged[0];
        } else {
                files = strv_join(right->challenged, "\n");
                if (!files) {
                        call_fail(call, -ENOMEM);
                        return;
                }
                question.action = "org.exmachina1.commit-several";
                question.files = files;
        }
        call_authorise_by_polkit(call, &question, right->granted);
}

static void ask_next(Call *call);

static void on_verdict(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        WriteRight *right = &call->right;
        const char *file = right->files[right->next], *action = right->actions[right->next];

        if (r == 0 && verdict == AUTH_YES) {
                r = permission_record(call);
        } else if (r == 0 && verdict == AUTH_CHALLENGE) {
                right->challenged_action = action;
                r = strv_extend(&right->challenged, file);
        } else if (r == 0 && verdict == AUTH_NO) {
                if (f)
                        failure_move(&call->failure, f);
                r = failure_set(&call->failure, EXM_E_ACCESS_DENIED, "%s: not authorised (%s)",
                                file, action);
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

        if (right->next < right->n_files)
                permission_ask_polkit(call,
                                      &(AuthQuestion){ .action = right->actions[right->next],
                                                       .file = right->files[right->next] },
                                      /* interactive= */ false, on_verdict);
        else if (right->challenged)
                ask_once(call);
        else
                right->granted(call);
}

void write_right_ask(Call *call, void (*granted)(Call *call))
{
        call->right.granted = granted;
        ask_next(call);
}
