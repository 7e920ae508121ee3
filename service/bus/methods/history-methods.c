/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * history-methods.c - org.exmachina1.History: the gate has loaded the change and authorised what
 * the method needs about it (history.h). ListChanges is in list-changes.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bus/change/commit-options.h"
#include "bus/change/commit-turn.h"
#include "bus/change/deadlines.h"
#include "bus/change/history.h"
#include "bus/change/record-reply.h"
#include "bus/change/restore.h"
#include "bus/change/show.h"
#include "bus/change/signals.h"
#include "bus/change/unit-jobs.h"
#include "bus/change/unit-plan.h"
#include "bus/change/validation.h"
#include "bus/change/zone-change.h"
#include "bus/reach/query.h"
#include "bus/right/write-right.h"
#include "commit/moment.h"
#include "files/parents.h"
#include "util/strv.h"

/* --- DiffChange, GetChange, RevertDiff --- */

/* Takes over `reply`, which may be begun, or NULL. */
static void show_steps(Call *call, sd_bus_message *reply)
{
        const ChangeRecord *record = history_record(call);
        Shown *items;
        size_t n = 0;
        int r = 0;

        items = calloc(record->n_steps + 1, sizeof(*items));
        if (!items)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < record->n_steps; i++) {
                const FileStep *step = &record->steps[i];

                items[n].path = strdup(step->path);
                r = items[n].path ? node_copy(&step->before, &items[n].before) : -ENOMEM;
                if (r == 0)
                        r = node_copy(&step->after, &items[n].after);
                n++;
        }
        if (r == 0) {
                show_items(call, reply, items, n, NULL, /* versions= */ false);
                return;
        }
        shown_free(items, n);
        sd_bus_message_unref(reply);
        call_fail(call, r);
}

static void show_change(Call *call)
{
        show_steps(call, NULL);
}

/* There is no file to be shown, and everybody may know the zone. */
static char *diff_of_zones(const char *before, const char *after)
{
        char *diff;

        return asprintf(&diff, "-%s\n+%s\n", before, after) < 0 ? NULL : diff;
}

static int show_zones(Call *call, const char *before, const char *after)
{
        _cleanup_free_ char *diff = diff_of_zones(before, after);

        if (!diff)
                return -ENOMEM;
        call_reply(call, "a(ss)", 1, "timezone", diff);
        return 0;
}

int method_history_diff_change(Call *call)
{
        const ChangeRecord *record = history_record(call);

        if (record->zone_after)
                return show_zones(call, record->zone_before, record->zone_after);
        history_read_files(call, show_change);
        return 0;
}

/* Returns: 0, and a reply that has the record; a condition; negative errno. */
static int begin_with_record(Call *call, sd_bus_message **ret)
{
        sd_bus_message *reply = NULL;
        int r;

        r = call_new_reply(call, &reply);
        if (r >= 0)
                r = record_append(call, reply, history_record(call));
        if (r == 0)
                *ret = reply;
        else
                sd_bus_message_unref(reply);
        return r;
}

static void show_record_and_change(Call *call)
{
        sd_bus_message *reply;
        int r;

        r = begin_with_record(call, &reply);
        if (r == 0)
                show_steps(call, reply);
        else
                call_fail(call, r);
}

static int show_record_and_zones(Call *call)
{
        const ChangeRecord *record = history_record(call);
        _cleanup_free_ char *diff = diff_of_zones(record->zone_before, record->zone_after);
        sd_bus_message *reply;
        int r;

        if (!diff)
                return -ENOMEM;
        r = begin_with_record(call, &reply);
        if (r != 0)
                return r;
        r = sd_bus_message_append(reply, "a(ss)", 1, "timezone", diff);
        query_finish(call, r < 0 ? r : 0, reply);
        return 0;
}

int method_history_get_change(Call *call)
{
        if (history_record(call)->zone_after)
                return show_record_and_zones(call);
        history_read_files(call, show_record_and_change);
        return 0;
}

static void show_restored(Call *call)
{
        Restored restored = *call->restored;

        call->restored->items = NULL;
        call->restored->n_items = 0;
        show_items(call, NULL, restored.items, restored.n_items, NULL, /* versions= */ false);
}

static bool wants_merge(const Call *call)
{
        const Option *merge = args_option(&call->args, "merge");

        return merge && merge->b;
}

static void plan_to_show(Call *call)
{
        restore_plan(call, wants_merge(call), show_restored);
}

static int check_revertible(Call *call)
{
        const ChangeRecord *record = history_record(call);

        if (record->state == CHANGE_APPLIED || record->state == CHANGE_PENDING)
                return 0;
        if (record->state == CHANGE_PREPARED)
                return failure_set(&call->failure, EXM_E_CONFLICT,
                                   "change %" PRIu64 " is still being made: wait until it has come "
                                   "to its end, and see ListChanges",
                                   record->id);
        return failure_set(&call->failure, EXM_E_CONFLICT,
                           "change %" PRIu64 " is %s: there is nothing to take back", record->id,
                           change_state_to_string(record->state));
}

int method_history_revert_diff(Call *call)
{
        const ChangeRecord *record = history_record(call);
        int r;

        r = check_revertible(call);
        if (r != 0)
                return r;
        if (record->zone_after)
                return show_zones(call, record->zone_after, record->zone_before);
        history_read_files(call, plan_to_show);
        return 0;
}

/* --- Confirm, Extend --- */

typedef struct Settle {
        Journal *journal;
        ChangeRecord record; /* only what journal_set_state() reads */
        int r;
        Failure failure;
        void (*done)(Call *call, const ChangeRecord *record);
} Settle;

static void settle_free(void *userdata)
{
        Settle *settle = userdata;

        failure_done(&settle->failure);
        free(settle);
}

static void settle_work(void *userdata)
{
        Settle *settle = ((Call *)userdata)->state;

        settle->r = journal_set_state(settle->journal, &settle->record, /* durable= */ true,
                                      &settle->failure);
}

static int not_pending(Call *call)
{
        failure_done(&call->failure);
        return failure_set(&call->failure, EXM_E_NOT_PENDING,
                           "change %" PRIu64 " does not await a confirmation; see ListChanges",
                           history_record(call)->id);
}

static void on_settled(void *userdata)
{
        Call *call = userdata;
        Settle *settle = call->state;

        uint64_t id = settle->record.id;

        /* What has been settled is told also if the caller has gone. */
        if (settle->r == 0)
                settle->done(call, &settle->record);
        deadlines_end_keep(call->manager->deadlines, id);
        if (!call->dead && settle->r != 0) {
                failure_move(&call->failure, &settle->failure);
                call_fail(call, settle->r == EXM_E_CONFLICT ? not_pending(call) : settle->r);
        }
        call_unref(call);
}

static int settle(Call *call, ChangeState state, uint64_t deadline,
                  void (*done)(Call *call, const ChangeRecord *record))
{
        const ChangeRecord *record = history_record(call);
        Settle *s;
        int r;

        if (record->state != CHANGE_PENDING || signals_remaining(record) == 0)
                return not_pending(call);
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        call_set_state(call, s, settle_free);
        s->journal = call->manager->journal;
        s->done = done;
        s->record = (ChangeRecord){ .id = record->id,
                                    .state = state,
                                    .confirm_within = record->confirm_within,
                                    .pending_since = record->pending_since,
                                    .deadline = deadline };
        memcpy(s->record.boot_id, record->boot_id, sizeof(record->boot_id));
        if (!deadlines_begin_keep(call->manager->deadlines, record->id))
                return not_pending(call);
        call->past_return = true;
        r = task_run(call->manager->pool, settle_work, on_settled, call_ref(call));
        if (r < 0) {
                deadlines_end_keep(call->manager->deadlines, record->id);
                call_unref(call);
        }
        return r;
}

static void on_confirmed(Call *call, const ChangeRecord *record)
{
        signals_confirmed(call->manager, record->id);
        call_reply(call, "");
}

int method_history_confirm(Call *call)
{
        return settle(call, CHANGE_APPLIED, 0, on_confirmed);
}

static void on_extended(Call *call, const ChangeRecord *record)
{
        signals_pending(call->manager, record);
        call_reply(call, "u", signals_remaining(record));
}

int method_history_extend(Call *call)
{
        const ChangeRecord *record = history_record(call);
        uint64_t deadline = moment_now(CLOCK_BOOTTIME) + (uint64_t)call->args.arg[1].u * 1000000;
        uint64_t last = record->pending_since + CONFIRM_MAX_SEC * UINT64_C(1000000);

        if (call->args.arg[1].u < 1)
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "seconds: must be at least 1");
        if (record->state == CHANGE_PENDING && deadline > last)
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "seconds: a change can await its confirmation for %u seconds in "
                                   "all: confirm or revert it",
                                   CONFIRM_MAX_SEC);
        return settle(call, CHANGE_PENDING, deadline, on_extended);
}

/* --- Revert --- */

static void remove_parents_work(void *userdata)
{
        Call *call = userdata;
        const ChangeRecord *record = history_record(call);

        for (size_t i = record->n_steps; i > 0; i--)
                if (record->steps[i - 1].before.kind == NODE_MISSING)
                        parents_remove(call->manager->roots, record->steps[i - 1].parents);
}

static void answer_revert(void *userdata)
{
        Call *call = userdata;

        if (!call->dead)
                call_reply(call, "t", call->change);
        call_unref(call);
}

/* The directories that the change had made for its files go with these if they are empty; not yet
 * if the files may still come back by themselves. */
static void on_reverted(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Call *call = userdata;

        if (r != 0) {
                if (!call->dead) {
                        failure_move(&call->failure, f);
                        call_fail(call, r);
                }
                call_unref(call);
                return;
        }
        call->change = record->id;
        unit_jobs_tell_manager(call->manager, record);
        signals_committed(call->manager, record, call->public_files);
        if (record->state != CHANGE_APPLIED ||
            task_run(call->manager->pool, remove_parents_work, answer_revert, call) < 0)
                answer_revert(call);
}

static int check_expected(Call *call)
{
        const Option *expect = args_option(&call->args, "expect");
        const Restored *restored = call->restored;

        for (size_t i = 0; expect && i < expect->n_pairs; i++) {
                const char *version = NULL;

                for (size_t k = 0; k < restored->n_items; k++)
                        if (strcmp(restored->items[k].path, expect->pairs[i].first) == 0)
                                version = restored->items[k].before.version;
                if (!version || strcmp(version, expect->pairs[i].second) != 0)
                        return failure_set(&call->failure, EXM_E_CONFLICT, "%s: %s",
                                           expect->pairs[i].first,
                                           version ? "is not as it was when you read it"
                                                   : "is not among the files of the change");
        }
        return 0;
}

/* The steps of the new change are the plan's; the nodes move. */
static int fill_steps(Call *call, ChangeRecord *record)
{
        Restored *restored = call->restored;

        record->steps = calloc(restored->n_items, sizeof(*record->steps));
        if (!record->steps)
                return -ENOMEM;
        for (size_t i = 0; i < restored->n_items; i++) {
                FileStep *step = &record->steps[i];

                record->n_steps++;
                *step = (FileStep){ .place = (unsigned)i,
                                    .name = strdup(restored->names[i]),
                                    .path = TAKE_PTR(restored->items[i].path),
                                    .before = restored->items[i].before,
                                    .after = restored->items[i].after };
                restored->items[i].before = restored->items[i].after = (Node){ 0 };
                if (!step->name)
                        return -ENOMEM;
        }
        return 0;
}

static int note_public_files(Call *call)
{
        const Restored *restored = call->restored;
        int r = 0;

        for (size_t i = 0; r == 0 && i < restored->n_items; i++)
                if (history_image(call, i)->class == FILE_CLASS_PUBLIC &&
                    history_is_public(&restored->items[i].after))
                        r = strv_extend(&call->public_files, restored->items[i].path);
        return r;
}

static void start_revert(Call *call)
{
        ChangeRecord record = { 0 };
        int r;

        r = unit_plan_settle(call);
        if (r == 0)
                r = note_public_files(call);
        if (r == 0)
                r = commit_options_record(call, &record);
        if (r == 0) {
                record.reverts = history_record(call)->id;
                r = fill_steps(call, &record);
        }
        if (r != 0) {
                change_record_done(&record);
                call_fail(call, r);
                return;
        }
        call->past_return = true;
        r = commit_start_steps(call->manager->committer, &record, on_reverted, call_ref(call));
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}

static void validate_revert(Call *call)
{
        validation_run(call, start_revert);
}

static void take_turn(Call *call)
{
        commit_turn_take(call, validate_revert);
}

static void prepare_revert(Call *call)
{
        validation_prepare(call, take_turn);
}

static void on_units_planned(Call *call)
{
        int r = unit_plan_add_rights(call);

        if (r == 0)
                write_right_ask(call, prepare_revert);
        else
                call_fail(call, r);
}

/* The units of the change follow its files once more; the files are authorised already. */
static void plan_units(Call *call)
{
        const Restored *restored = call->restored;
        int r;

        r = check_expected(call);
        for (size_t i = 0; r == 0 && i < restored->n_items; i++)
                r = unit_plan_add_file(call, restored->names[i],
                                       restored->items[i].after.kind == NODE_FILE);
        if (r == 0)
                r = unit_plan_inherit(call, history_record(call));
        if (r == 0)
                unit_plan_make(call, on_units_planned);
        else
                call_fail(call, r);
}

static void plan_to_revert(Call *call)
{
        restore_plan(call, wants_merge(call), plan_units);
}

static void on_taken_back(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Call *call = userdata;
        uint64_t id = history_record(call)->id;

        if (record)
                unit_jobs_tell_manager(call->manager, record);
        if (r == 0)
                signals_reverted(call->manager, id, "revert");
        else if (record)
                deadlines_forget(call->manager->deadlines, id);
        deadlines_end_revert(call->manager->deadlines, id);
        if (!call->dead) {
                if (r == 0) {
                        call_reply(call, "t", id);
                } else {
                        failure_move(&call->failure, f);
                        call_fail(call, r);
                }
        }
        call_unref(call);
}

static void reply_with_change(Call *call)
{
        call_reply(call, "t", call->change);
}

/* What is about files or waits for a confirmation is nothing for a zone. */
static int revert_zone(Call *call)
{
        const ChangeRecord *record = history_record(call);
        const char *meant = args_option(&call->args, "confirm_within") ? "confirm_within"
                            : args_option(&call->args, "expect")       ? "expect"
                            : wants_merge(call)                        ? "merge"
                                                                       : NULL;

        if (meant)
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "%s: change %" PRIu64 " is one of the time zone, not of files",
                                   meant, record->id);
        if (!*record->zone_before)
                return failure_set(&call->failure, EXM_E_REFUSED,
                                   "the time zone before change %" PRIu64 " had no name, so it "
                                   "cannot be set again",
                                   record->id);
        return zone_change_start(call, record->zone_before, record->zone_after, record->id,
                                 reply_with_change);
}

/* Its deadline may have come first while it waited for its turn. */
static int take_back_pending(Call *call)
{
        const ChangeRecord *record = history_record(call);
        int r;

        if (!deadlines_begin_revert(call->manager->deadlines, record->id))
                return failure_set(&call->failure, EXM_E_CONFLICT,
                                   "change %" PRIu64 " is being confirmed or taken back just now",
                                   record->id);
        call->past_return = true;
        r = commit_revert(call->manager->committer, record->id, "revert", on_taken_back,
                          call_ref(call));
        if (r < 0) {
                deadlines_end_revert(call->manager->deadlines, record->id);
                call_unref(call);
        }
        return r;
}

static void on_turn_to_take_back(Call *call)
{
        int r = take_back_pending(call);

        if (r != 0)
                call_fail(call, r);
}

static void on_pending_granted(Call *call)
{
        commit_turn_take_back(call, history_record(call), on_turn_to_take_back);
}

static int add_unit_rights(Call *call)
{
        const ChangeRecord *record = history_record(call);
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_units; i++)
                r = write_right_add_unit(call, record->units[i].id, record->units[i].verb);
        return r;
}

int method_history_revert(Call *call)
{
        int r;

        r = commit_options_check(call);
        if (r == 0)
                r = check_revertible(call);
        if (r != 0)
                return r;
        if (history_record(call)->zone_after)
                return revert_zone(call);
        if (history_record(call)->state == CHANGE_APPLIED) {
                history_load_content(call, plan_to_revert);
                return 0;
        }
        r = add_unit_rights(call);
        if (r == 0)
                write_right_ask(call, on_pending_granted);
        return r;
}
