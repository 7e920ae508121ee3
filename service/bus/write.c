/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write.c - render, compare with what was expected, ask, commit.
 */
#include "bus/write.h"

#include <errno.h>
#include <string.h>

#include "bus/gate.h"
#include "bus/load.h"
#include "bus/render.h"
#include "bus/transaction.h"
#include "util/strv.h"

/* --- the commit itself --- */

static void on_committed(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Call *call = userdata;

        if (!call->dead) {
                if (r == 0) {
                        call->change = record->id;
                        transaction_committed(call->transaction, record->id);
                        call_reply(call, "t", record->id);
                } else {
                        failure_move(&call->failure, f);
                        call_fail(call, r);
                }
        }
        call_unref(call);
}

static int fill_record(const Call *call, ChangeRecord *ret)
{
        ChangeRecord record = { .uid = call->uid };

        record.authority = strdup(call->authority ? call->authority : "");
        record.message = strdup(call->about_message ? call->about_message : "");
        if (!record.authority || !record.message) {
                change_record_done(&record);
                return -ENOMEM;
        }
        *ret = record;
        return 0;
}

static void start_commit(Call *call)
{
        Rendered *rendered = call->state;
        FileChange *changes;
        ChangeRecord record;
        size_t n;
        int r;

        r = fill_record(call, &record);
        if (r < 0) {
                call_fail(call, r);
                return;
        }
        changes = TAKE_PTR(rendered->changes);
        n = rendered->n_changes;
        rendered->n_changes = 0;
        call->past_return = true;
        r = commit_start(call->manager->committer, &record, changes, n, on_committed,
                         call_ref(call));
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}

/* --- the right to write --- */

/* Another owner, mode or target of a link gives power even over an ordinary file. */
static const char *change_action(const Manager *m, const FileChange *change)
{
        bool ordinary = (change->kind == FILE_CHANGE_WRITE || change->kind == FILE_CHANGE_DELETE) &&
                        !change->set_mode && !change->set_owner &&
                        ordinary_files_contains(m->ordinary, file_change_name(change));

        return ordinary ? "org.exmachina1.write-config" : "org.exmachina1.write-sensitive-config";
}

/* One dialog for what polkit wants one for. */
static void ask_once(Call *call)
{
        _cleanup_free_ char *files = NULL;
        Rendered *rendered = call->state;
        size_t n = strv_length(rendered->challenged);
        AuthQuestion question = { 0 };

        if (n == 1) {
                question.action = rendered->challenged_action;
                question.file = rendered->challenged[0];
        } else {
                files = strv_join(rendered->challenged, "\n");
                if (!files) {
                        call_fail(call, -ENOMEM);
                        return;
                }
                question.action = "org.exmachina1.commit-several";
                question.files = files;
        }
        call_authorise(call, &question, start_commit);
}

static void ask_next(Call *call);

static void on_verdict(int r, Failure *f, AuthVerdict verdict, void *userdata)
{
        Call *call = userdata;
        Rendered *rendered = call->state;
        const FileChange *change = &rendered->changes[rendered->next];

        call->check = auth_check_free(call->check);
        if (r == 0 && verdict == AUTH_CHALLENGE) {
                rendered->challenged_action = change_action(call->manager, change);
                r = strv_extend(&rendered->challenged, file_change_name(change));
        } else if (r == 0 && verdict == AUTH_NO) {
                if (f)
                        failure_move(&call->failure, f);
                r = failure_set(&call->failure, EXM_E_ACCESS_DENIED, "%s: not authorised (%s)",
                                file_change_name(change), change_action(call->manager, change));
        }
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        rendered->next++;
        ask_next(call);
}

static void ask_next(Call *call)
{
        _cleanup_free_ char *method = call_method_name(call), *authority = NULL;
        Rendered *rendered = call->state;
        const FileChange *change = &rendered->changes[rendered->next];
        AuthQuestion question = { .sender = sd_bus_message_get_sender(call->message),
                                  .uid = call->uid,
                                  .method = method };
        int r;

        if (rendered->next < rendered->n_changes) {
                question.action = change_action(call->manager, change);
                question.file = file_change_name(change);
                r = !method ? -ENOMEM
                            : authoriser_ask(call->manager->authoriser, &question, on_verdict, call,
                                             &call->check);
                if (r < 0)
                        call_fail(call, r);
                return;
        }
        if (rendered->challenged) {
                ask_once(call);
                return;
        }
        r = asprintf(&authority, "polkit:%s",
                     change_action(call->manager, &rendered->changes[rendered->n_changes - 1])) < 0
                    ? -ENOMEM
                    : call_set_authority(call, authority);
        if (r == 0)
                start_commit(call);
        else
                call_fail(call, r);
}

/* --- what was expected --- */

/* The files as loaded must have the versions that the caller saw. That they still are on disk as
 * they were loaded is the commit's to check. */
static int check_expected(Call *call)
{
        const Option *expect = args_option(&call->args, "expect");
        const View *view = call_view(call);

        for (size_t i = 0; expect && i < expect->n_pairs; i++) {
                ssize_t k = view_find(view, expect->pairs[i].first);
                const char *version = k >= 0 ? view_file(view, (size_t)k)->image->version : "";

                if (strcmp(version, expect->pairs[i].second) != 0)
                        return failure_set(&call->failure, EXM_E_CONFLICT,
                                           "%s: is not as it was when you read it: read it again "
                                           "and redo the edits",
                                           expect->pairs[i].first);
        }
        return 0;
}

static void on_rendered(Call *call)
{
        Rendered *rendered = call->state;
        int r = 0;

        if (rendered->n_changes == 0) {
                transaction_committed(call->transaction, 0);
                call_reply(call, "t", (uint64_t)0);
                return;
        }
        free(call->about_file);
        call->about_file = NULL;
        for (size_t i = 0; r == 0 && i < rendered->n_changes; i++)
                r = call_add_file(call, file_change_name(&rendered->changes[i]));
        if (r == 0)
                ask_next(call);
        else
                call_fail(call, r);
}

static void start_rendering(Call *call)
{
        const Option *message = args_option(&call->args, "message");
        int r;

        if (message)
                call->about_message = message->s;
        r = check_expected(call);
        if (r == 0 && !render_new(call, on_rendered))
                r = -ENOMEM;
        if (r == 0)
                render_start(call);
        else
                call_fail(call, r);
}

void write_commit(Call *call)
{
        int r;

        /* Files that only `expect` names are not in the view yet. */
        r = load_view(call, start_rendering);
        if (r != 0)
                call_fail(call, r);
}
