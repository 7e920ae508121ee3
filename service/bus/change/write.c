/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write.c - render, compare with what was expected, ask, validate, commit.
 */
#include "bus/change/write.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "bus/call/transaction.h"
#include "bus/change/commit-options.h"
#include "bus/change/commit-turn.h"
#include "bus/change/listing.h"
#include "bus/change/render.h"
#include "bus/change/signals.h"
#include "bus/change/unit-jobs.h"
#include "bus/change/unit-plan.h"
#include "bus/change/validation.h"
#include "bus/reach/load.h"
#include "bus/reach/query.h"
#include "bus/right/permission.h"
#include "bus/right/write-right.h"
#include "util/strv.h"

/* --- the commit itself --- */

static void on_committed(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Call *call = userdata;

        if (r == 0) {
                unit_jobs_tell_manager(call->manager, record);
                signals_committed(call->manager, record, call->public_files);
        }
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

static void start_commit(Call *call)
{
        Rendered *rendered = call->state;
        ChangeRecord record = { 0 };
        FileChange *changes;
        size_t n;
        int r;

        r = unit_plan_settle(call);
        if (r == 0)
                r = commit_options_record(call, &record);
        if (r != 0) {
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

static bool is_plain(const FileChange *change)
{
        return (change->kind == FILE_CHANGE_WRITE || change->kind == FILE_CHANGE_DELETE) &&
               !change->set_mode && !change->set_owner;
}

/* Everybody may read it before and after. */
static bool is_public(const FileChange *change)
{
        mode_t mode = change->set_mode             ? change->mode
                      : change->base->stamp.exists ? change->base->mode
                                                   : change->create_mode;

        return change->base->class == FILE_CLASS_PUBLIC &&
               (change->kind == FILE_CHANGE_DELETE || change->kind == FILE_CHANGE_LINK ||
                (mode & S_IROTH));
}

/* --- nothing to change --- */

static void reply_unchanged(Call *call)
{
        transaction_committed(call->transaction, 0);
        call_reply(call, "t", (uint64_t)0);
}

/* A journal that cannot be read is no reason to refuse what changes nothing. */
static void on_token_searched(Call *call, Listing *found)
{
        if (found->r != 0 || found->n_records == 0) {
                reply_unchanged(call);
                return;
        }
        call_fail(call, failure_set(&call->failure, EXM_E_CONFLICT,
                                    "change %" PRIu64 " (%s) has this token already: nothing was "
                                    "done again",
                                    found->records[0].id,
                                    change_state_to_string(found->records[0].state)));
}

/* Who lost the reply and asks again finds his change done, so that nothing is left to change: that
 * must not look as if nothing had been done. */
static void finish_unchanged(Call *call)
{
        const Option *token = args_option(&call->args, "token");
        JournalFilter filter = { .limit = 1, .state = _CHANGE_STATE_MAX };
        int r;

        if (!token) {
                reply_unchanged(call);
                return;
        }
        filter.token = token->s;
        listing_own_only(call, &filter);
        r = listing_start(call, &filter, on_token_searched);
        if (r < 0)
                call_fail(call, r);
}

/* --- what is asked for, checked and done --- */

static void validate(Call *call)
{
        validation_run(call, start_commit);
}

static void take_turn(Call *call)
{
        commit_turn_take(call, validate);
}

static void on_units_planned(Call *call)
{
        int r = unit_plan_add_rights(call);

        if (r == 0)
                validation_ask_right(call, take_turn);
        else
                call_fail(call, r);
}

static void on_prepared(Call *call)
{
        if (call->only_validates)
                validation_ask_right(call, validation_reply);
        else
                unit_plan_make(call, on_units_planned);
}

static void on_rendered(Call *call)
{
        Rendered *rendered = call->state;
        int r = 0;

        if (rendered->n_changes == 0) {
                if (call->only_validates)
                        validation_prepare(call, validation_reply);
                else
                        finish_unchanged(call);
                return;
        }
        free(call->about_file);
        call->about_file = NULL;
        for (size_t i = 0; r == 0 && i < rendered->n_changes; i++) {
                const FileChange *change = &rendered->changes[i];

                r = call_add_file(call, file_change_name(change));
                if (r == 0)
                        r = write_right_add(call, file_change_name(change), is_plain(change));
                if (r == 0)
                        r = unit_plan_add_file(call, file_change_name(change),
                                               change->kind == FILE_CHANGE_WRITE);
                if (r == 0 && is_public(change))
                        r = strv_extend(&call->public_files, change->base->path);
        }
        if (r == 0)
                validation_prepare(call, on_prepared);
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

static void start_rendering(Call *call)
{
        int r;

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
        r = commit_options_check(call);
        if (r == 0)
                r = load_view(call, start_rendering);
        if (r != 0)
                call_fail(call, r);
}

void write_validate(Call *call)
{
        call->only_validates = true;
        write_commit(call);
}

/* --- which units --- */

static void reply_affected(Call *call)
{
        sd_bus_message *reply = NULL;
        const char *id;
        size_t i = 0;
        int r;

        r = call_new_reply(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        while (r >= 0 && (id = unit_plan_next(call, &i)))
                r = sd_bus_message_append_basic(reply, 's', id);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        query_finish(call, r < 0 ? r : 0, reply);
}

static void find_affected(Call *call)
{
        unit_plan_affected(call, reply_affected);
}

static void on_rendered_for_units(Call *call)
{
        const Rendered *rendered = call->state;
        int r = 0;

        for (size_t i = 0; r == 0 && i < rendered->n_changes; i++)
                r = unit_plan_add_file(call, file_change_name(&rendered->changes[i]), false);
        if (r == 0)
                call_authorise(call, &(AuthQuestion){ .action = "org.exmachina1.read-units" },
                               find_affected);
        else
                call_fail(call, r);
}

static void render_for_units(Call *call)
{
        if (render_new(call, on_rendered_for_units))
                render_start(call);
        else
                call_fail(call, -ENOMEM);
}

void write_affected(Call *call)
{
        int r = load_view(call, render_for_units);

        if (r != 0)
                call_fail(call, r);
}
