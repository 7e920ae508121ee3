/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-jobs.c - a run: one change, one direction, its units one after the other.
 *
 * A run owns its requests to systemd; while it marks a unit in the journal a thread has it, and
 * whatever ends it meanwhile waits for that.
 *
 * On the way back a run looks, after its last turn, at the units that were active before and that
 * it had no reason to act on: other unit files, read and read again, may have made systemd lose one
 * whose processes run on.
 */
#include "bus/change/unit-jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/queue.h>

#include "bus/change/unit-timer.h"
#include "units/once.h"
#include "util/log.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* Long enough to see that a unit starts with what it ran with before. */
#define BACK_GRACE_SEC 2U

/* A unit whose job ends the service is acted on again by each recovery: not for ever. */
#define MAX_ACTS 6U

typedef struct UnitRun UnitRun;

/* One unit of a run. */
typedef struct UnitTurn {
        UnitRun *run;
        const ChangeUnit *unit;
        UnitsRequest *request;
        UnitVerb verb;
        bool passed;     /* the next one has begun */
        Failure failure; /* of going back, until it is known how the unit is now */
} UnitTurn;

struct UnitRun {
        LIST_ENTRY(UnitRun) entry;
        UnitJobs *owner;
        CommitJob *job;
        const ChangeRecord *record;
        bool back;
        UnitsRequest *request; /* of systemd as a whole */
        UnitTurn *turns;
        size_t next;      /* the turn that is begun, or the number of all */
        size_t n_staying; /* turns that have begun and not ended */
        size_t looked;    /* back, after all turns: how many units were looked at */
        bool marking;     /* a thread has it */
        bool ended;       /* and then it is over */
        int mark_r;
        Failure mark_failure;
        int r;
        Failure failure; /* forward: the first; back: of any, in words below */
        char *words;     /* back: how each unit is */
        char *notes;     /* those of them that are told also where nothing failed */
};

struct UnitJobs {
        Manager *manager;
        LIST_HEAD(, UnitRun) runs;
        bool stopped;
};

/* --- the life of a run --- */

static void cancel_requests(UnitRun *run)
{
        run->request = units_request_free(run->request);
        for (size_t i = 0; i < run->record->n_units; i++)
                run->turns[i].request = units_request_free(run->turns[i].request);
}

static void run_free(UnitRun *run)
{
        cancel_requests(run);
        for (size_t i = 0; i < run->record->n_units; i++)
                failure_done(&run->turns[i].failure);
        LIST_REMOVE(run, entry);
        failure_done(&run->mark_failure);
        failure_done(&run->failure);
        free(run->words);
        free(run->notes);
        free(run->turns);
        free(run);
}

/* Not while a thread has it: then its return does this. */
static void end(UnitRun *run)
{
        _cleanup_failure_ Failure f = { 0 };
        CommitJob *job = run->job;
        const char *words;
        int r = run->r;

        run->ended = true;
        cancel_requests(run);
        if (run->marking)
                return;
        unit_timer_stop(run->owner->manager->units, run->record->id, run->back);
        words = r == 0 && change_record_was_pending(run->record) ? run->notes : run->words;
        if (run->back && words)
                failure_set(&f, EXM_E_UNIT_FAILED, "%s", words);
        else
                failure_move(&f, &run->failure);
        run_free(run);
        commit_acted(job, r, &f);
}

static void append(char **text, const char *words)
{
        char *longer;

        if (asprintf(&longer, "%s%s%s", *text ?: "", *text ? "; " : "", words) < 0)
                return;
        free(*text);
        *text = longer;
}

static void add_words(UnitRun *run, const char *words)
{
        append(&run->words, words);
}

static void begin_next(UnitRun *run);

static void look_next(UnitRun *run);

static void end_if_over(UnitRun *run)
{
        if (run->next < run->record->n_units || run->n_staying > 0 || run->marking)
                return;
        if (run->back)
                look_next(run);
        else
                end(run);
}

static void pass_on(UnitTurn *turn)
{
        bool passed = turn->passed;

        turn->passed = true;
        if (passed)
                end_if_over(turn->run);
        else
                begin_next(turn->run);
}

/* --- the end of a turn --- */

/* How the unit is now, whatever became of its job. */
static void on_state(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        _cleanup_free_ char *words = NULL;
        UnitTurn *turn = userdata;
        UnitRun *run = turn->run;

        turn->request = units_request_free(turn->request);
        if (asprintf(&words, "%s (with the old files again, and %s now)",
                     turn->failure.message ?: "the service could not ask for its job",
                     r == 0 ? result->status->active_state : "in a state that is not known") < 0)
                words = NULL;
        add_words(run, words ?: turn->unit->id);
        run->n_staying--;
        pass_on(turn);
}

/* A failure on the way back is told, and the others still have their turn. */
static void turn_failed_back(UnitTurn *turn, int r, Failure *f)
{
        UnitRun *run = turn->run;

        run->r = EXM_E_UNIT_FAILED;
        failure_done(&turn->failure);
        if (f)
                failure_move(&turn->failure, f);
        if (r < 0)
                log_error("%s: %s", turn->unit->id, strerror(-r));
        if (units_status(run->owner->manager->units, turn->unit->id, on_state, turn,
                         &turn->request) < 0)
                on_state(-ENOMEM, NULL, NULL, turn);
}

static void turn_failed(UnitTurn *turn, int r, Failure *f)
{
        UnitRun *run = turn->run;

        turn->request = units_request_free(turn->request);
        if (run->back) {
                turn_failed_back(turn, r, f);
                return;
        }
        run->r = r;
        if (f)
                failure_move(&run->failure, f);
        end(run);
}

static void turn_done(UnitTurn *turn)
{
        _cleanup_free_ char *words = NULL;
        UnitRun *run = turn->run;

        turn->request = units_request_free(turn->request);
        run->n_staying--;
        if (run->back &&
            asprintf(&words, "%s %s", turn->unit->id,
                     turn->verb == UNIT_STOP ? "is stopped, as before" : "runs with them") >= 0)
                add_words(run, words);
        pass_on(turn);
}

static void on_stayed(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        UnitTurn *turn = userdata;

        if (r == 0)
                turn_done(turn);
        else
                turn_failed(turn, r, f);
}

/* --- a turn --- */

static void on_job(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        UnitTurn *turn = userdata;
        UnitRun *run = turn->run;
        uint32_t grace = run->record->grace;

        if (run->back && grace > BACK_GRACE_SEC)
                grace = BACK_GRACE_SEC;
        turn->request = units_request_free(turn->request);
        if (r == 0 && turn->verb == UNIT_STOP) {
                turn_done(turn);
                return;
        }
        if (r == 0)
                r = units_stay(run->owner->manager->units, turn->unit->id, grace * USEC_PER_SEC,
                               on_stayed, turn, &turn->request);
        if (r == 0)
                pass_on(turn);
        else
                turn_failed(turn, r, f);
}

static void start_job(UnitTurn *turn)
{
        Units *units = turn->run->owner->manager->units;
        int r;

        r = units_job(units, turn->unit->id, turn->verb, on_job, turn, &turn->request);
        if (r < 0)
                turn_failed(turn, r, NULL);
}

/* Of a change that was good until now: somebody has stopped this unit for a reason of his own. Not
 * if an earlier run has acted on it on the way back: then it may be down by that. */
static bool is_stopped_by_others(const UnitTurn *turn, const char *state)
{
        return change_record_was_pending(turn->run->record) && turn->unit->was_active &&
               turn->unit->acted == 1 && strcmp(state, "inactive") == 0;
}

static void leave_alone(UnitTurn *turn)
{
        _cleanup_free_ char *words = NULL;
        UnitRun *run = turn->run;

        if (asprintf(&words, "%s was stopped meanwhile, and stays so", turn->unit->id) < 0)
                words = NULL;
        add_words(run, words ?: turn->unit->id);
        append(&run->notes, words ?: turn->unit->id);
        run->n_staying--;
        pass_on(turn);
}

/* Back: what the unit needs follows from what it was, and from what it is after the failure. A unit
 * that has failed too often is not started otherwise. */
static void on_status(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        UnitTurn *turn = userdata;
        const char *state;

        turn->request = units_request_free(turn->request);
        if (r != 0) {
                turn_failed(turn, r, f);
                return;
        }
        state = result->status->active_state;
        if (is_stopped_by_others(turn, state)) {
                leave_alone(turn);
                return;
        }
        if (!turn->unit->was_active)
                turn->verb = UNIT_STOP;
        else if (strcmp(turn->unit->verb, "reload") == 0 &&
                 (strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0))
                turn->verb = UNIT_RELOAD;
        else
                turn->verb = UNIT_RESTART;
        if (turn->verb != UNIT_RELOAD)
                units_reset_failed(turn->run->owner->manager->units, turn->unit->id);
        start_job(turn);
}

static void start_turn(UnitTurn *turn)
{
        UnitRun *run = turn->run;
        int r;

        run->n_staying++;
        run->next++;
        if (!run->back) {
                turn->verb = strcmp(turn->unit->verb, "reload") == 0 ? UNIT_RELOAD : UNIT_RESTART;
                start_job(turn);
                return;
        }
        r = units_status(run->owner->manager->units, turn->unit->id, on_status, turn,
                         &turn->request);
        if (r < 0)
                turn_failed(turn, r, NULL);
}

static void mark_work(void *userdata)
{
        UnitRun *run = userdata;
        const ChangeUnit *unit = run->turns[run->next].unit;

        run->mark_r = journal_set_acted(run->owner->manager->journal, run->record->id, run->next,
                                        unit->acted + 1, &run->mark_failure);
}

/* On the way back a journal that cannot be written is no reason to leave a unit as it is. */
static void on_marked(void *userdata)
{
        UnitRun *run = userdata;
        UnitTurn *turn = &run->turns[run->next];

        run->marking = false;
        if (run->owner->stopped)
                return;
        if (run->ended) {
                end(run);
        } else if (run->mark_r == 0 || run->back) {
                failure_done(&run->mark_failure);
                start_turn(turn);
        } else {
                run->r = run->mark_r;
                failure_move(&run->failure, &run->mark_failure);
                end(run);
        }
}

static bool has_turn(UnitRun *run)
{
        const ChangeUnit *unit = run->turns[run->next].unit;
        _cleanup_free_ char *words = NULL;

        if (!run->back || (unit->acted > 0 && unit->acted < MAX_ACTS))
                return true;
        if (unit->acted == 0)
                return false;
        run->r = EXM_E_UNIT_FAILED;
        if (asprintf(&words,
                     "%s: the service has ended %u times while it was acted on: it is left as "
                     "it is; see: systemctl status %s",
                     unit->id, unit->acted, unit->id) >= 0)
                add_words(run, words);
        return false;
}

static void begin_next(UnitRun *run)
{
        int r;

        while (run->next < run->record->n_units && !has_turn(run))
                run->next++;
        if (run->next == run->record->n_units) {
                end_if_over(run);
                return;
        }
        run->marking = true;
        r = task_run(run->owner->manager->pool, mark_work, on_marked, run);
        if (r < 0) {
                run->marking = false;
                run->r = r;
                end(run);
        }
}

/* --- after the units, on the way back --- */

static bool is_up(const char *state)
{
        return strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0 ||
               strcmp(state, "activating") == 0;
}

static void on_looked(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        _cleanup_free_ char *words = NULL;
        UnitRun *run = userdata;
        const char *id = run->record->units[run->looked].id;

        run->request = units_request_free(run->request);
        run->looked++;
        if (r == 0 && !is_up(result->status->active_state)) {
                run->r = EXM_E_UNIT_FAILED;
                if (asprintf(&words,
                             "%s was active before and is %s now, though nothing was done with it: "
                             "its processes may still run, unknown to systemd; see: systemctl "
                             "status %s, systemd-cgls",
                             id, result->status->active_state, id) < 0)
                        words = NULL;
                add_words(run, words ?: id);
        }
        look_next(run);
}

/* Those that were acted on have told their state themselves. */
static void look_next(UnitRun *run)
{
        const ChangeRecord *record = run->record;

        while (run->looked < record->n_units &&
               (record->units[run->looked].acted > 0 || !record->units[run->looked].was_active))
                run->looked++;
        if (run->looked == record->n_units)
                end(run);
        else if (units_status(run->owner->manager->units, record->units[run->looked].id, on_looked,
                              run, &run->request) < 0)
                on_looked(-ENOMEM, NULL, NULL, run);
}

/* --- before the units --- */

/* Other unit files may have made an id the alias of another unit, for which nobody was asked. */
static void on_resolved(int r, Failure *f, const UnitsResult *result, void *userdata);

static void resolve_next(UnitRun *run)
{
        int r;

        if (run->back || run->next == run->record->n_units) {
                run->next = 0;
                begin_next(run);
                return;
        }
        r = units_resolve(run->owner->manager->units, run->record->units[run->next].id, on_resolved,
                          run, &run->request);
        if (r < 0) {
                run->r = r;
                end(run);
        }
}

static void on_resolved(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        UnitRun *run = userdata;
        const char *id = run->record->units[run->next].id;

        run->request = units_request_free(run->request);
        if (r == 0 && strcmp(result->id, id) != 0)
                r = failure_set(&run->failure, EXM_E_UNIT_FAILED,
                                "%s: with the changed unit files this is another unit, %s: name "
                                "that one",
                                id, result->id);
        else if (r != 0)
                failure_move(&run->failure, f);
        run->next++;
        run->r = r;
        if (r == 0)
                resolve_next(run);
        else
                end(run);
}

static void on_reloaded(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        UnitRun *run = userdata;

        run->request = units_request_free(run->request);
        if (r != 0 && !run->back) {
                run->r = r;
                failure_move(&run->failure, f);
                end(run);
                return;
        }
        if (r != 0) {
                run->r = EXM_E_UNIT_FAILED;
                add_words(run, f->message ?: "systemctl daemon-reload has failed");
        }
        resolve_next(run);
}

/* --- the actor --- */

static UnitRun *run_new(UnitJobs *jobs, CommitJob *job, const ChangeRecord *record, bool back)
{
        UnitRun *run;

        run = calloc(1, sizeof(*run));
        if (!run)
                return NULL;
        run->turns = calloc(record->n_units + 1, sizeof(*run->turns));
        if (!run->turns) {
                free(run);
                return NULL;
        }
        run->owner = jobs;
        run->job = job;
        run->record = record;
        run->back = back;
        for (size_t i = 0; i < record->n_units; i++)
                run->turns[i] = (UnitTurn){ .run = run, .unit = &record->units[i] };
        LIST_INSERT_HEAD(&jobs->runs, run, entry);
        return run;
}

static void act(CommitJob *job, const ChangeRecord *record, bool back, void *userdata)
{
        UnitJobs *jobs = userdata;
        UnitRun *run;
        int r = 0;

        run = run_new(jobs, job, record, back);
        if (!run) {
                commit_acted(job, -ENOMEM, NULL);
                return;
        }
        unit_timer_start(jobs->manager->units, record->id, back);
        if (jobs->stopped)
                return;
        if (change_record_concerns_manager(record))
                r = units_reload(jobs->manager->units, on_reloaded, run, &run->request);
        else
                begin_next(run);
        if (r < 0) {
                run->r = r;
                end(run);
        }
}

void unit_jobs_tell_manager(const Manager *m, const ChangeRecord *record)
{
        if (record->n_units == 0 && change_record_concerns_manager(record))
                units_reload_manager(m->units);
}

int unit_jobs_new(UnitJobs **ret, Manager *m)
{
        UnitJobs *jobs;

        jobs = calloc(1, sizeof(*jobs));
        if (!jobs)
                return -ENOMEM;
        jobs->manager = m;
        LIST_INIT(&jobs->runs);
        committer_set_actor(m->committer, act, jobs);
        *ret = jobs;
        return 0;
}

void unit_jobs_stop(UnitJobs *jobs)
{
        UnitRun *run;

        if (!jobs)
                return;
        jobs->stopped = true;
        LIST_FOREACH(run, &jobs->runs, entry)
                cancel_requests(run);
}

UnitJobs *unit_jobs_free(UnitJobs *jobs)
{
        UnitRun *run;

        if (!jobs)
                return NULL;
        while ((run = LIST_FIRST(&jobs->runs)))
                run_free(run);
        free(jobs);
        return NULL;
}
