/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c - one request from names to its end: look at dpkg, resolve, simulate, judge, fetch,
 * look and simulate again, change, look at what has come of it.
 *
 * Each step is a PkJob, a DpkgLook or a TermLogTask, whose end begins the next. PackageKit has no
 * word that cancels a download but never an installation: told to cancel, its apt backend kills
 * dpkg. So archives are fetched by a job of their own (only-download), which may be cancelled at
 * any time, and the job that changes packages finds them there and, once begun, never is.
 *
 * The slot of the one change is held from the start to the end, but not while its owner judges:
 * that may take as long as a person.
 *
 * `done` may free the request: its memory then stays until `done` has returned.
 */
#include <errno.h>
#include <string.h>

#include "packages/dpkg.h"
#include "packages/known.h"
#include "packages/outcome.h"
#include "packages/pk-job.h"
#include "packages/plan.h"
#include "packages/progress.h"
#include "packages/term-log.h"
#include "util/strv.h"

typedef enum Step {
        STEP_START,
        STEP_REFRESH,
        STEP_RESOLVE,
        STEP_SIMULATE,
        STEP_FETCH,
        STEP_CHECK,
        STEP_COMMIT,
        STEP_SETTLE,
} Step;

struct Packages {
        sd_bus *bus;
        TaskPool *pool;
        PackagesRequest *change; /* the one that is under way */
};

struct PackagesRequest {
        Packages *packages;
        PackagesVerb verb;
        char **names;
        size_t n_names;
        bool allow_more_removals;
        PackagesOwner owner;
        Step step;
        PkJob *job;
        DpkgLook *look;
        TermLogTask *task;
        Known *known;
        char **ids;      /* of the packages to be changed */
        bool finishes;   /* one of them is unfinished: something to do, of which no plan tells */
        Plan plan;       /* of the last simulation */
        char **removals; /* that were agreed to */
        bool is_stale;   /* time has passed since the simulation */
        DpkgRows before, after;
        TermLog mark;
        Outcome outcome;
        int r;           /* of the change, while it is looked at what has come of it */
        Failure failure; /* likewise */
        Progress progress;
        bool has_begun; /* the change: it goes to its end */
        Step told;      /* in which a package was told of last */
        bool finishing, freed;
};

/* --- its end --- */

static void request_destroy(PackagesRequest *request)
{
        outcome_done(&request->outcome);
        dpkg_rows_done(&request->before);
        dpkg_rows_done(&request->after);
        known_free(request->known, request->n_names);
        plan_done(&request->plan);
        strv_free(request->names);
        strv_free(request->ids);
        strv_free(request->removals);
        failure_done(&request->failure);
        free(request);
}

static void slot_release(PackagesRequest *request)
{
        if (request->packages->change == request)
                request->packages->change = NULL;
}

/* Whatever runs for it ends. `cancel`: what can be cancelled is. */
static void request_stop(PackagesRequest *request, bool cancel)
{
        request->job = pk_job_free(request->job, cancel && !request->has_begun);
        request->look = dpkg_look_free(request->look);
        request->task = term_log_forget(request->task);
        progress_done(&request->progress);
        slot_release(request);
}

PackagesRequest *packages_request_free(PackagesRequest *request)
{
        if (!request)
                return NULL;
        if (request->finishing) {
                request->freed = true;
                return NULL;
        }
        request_stop(request, /* cancel= */ true);
        request_destroy(request);
        return NULL;
}

static void finish(PackagesRequest *request, int r, Failure *f, const PackagesResult *result)
{
        request_stop(request, /* cancel= */ false);
        request->finishing = true;
        request->owner.done(r, f, result, request->owner.userdata);
        request->finishing = false;
        if (request->freed)
                request_destroy(request);
}

static void finish_changed(PackagesRequest *request)
{
        const PackagesResult result = { .changes = request->outcome.changes,
                                        .n_changes = request->outcome.n_changes };

        progress_set_now(&request->progress, 100, "done");
        finish(request, 0, NULL, &result);
}

/* What stands in the way is often an earlier change that has stopped halfway. */
static void tell_unfinished(PackagesRequest *request)
{
        _cleanup_(outcome_done) Outcome outcome = { 0 };

        if (outcome_read(&outcome, &request->plan, &request->before, &request->before, false) == 0)
                outcome_tell(&outcome, &request->failure);
}

static void finish_failed(PackagesRequest *request, int r)
{
        _cleanup_failure_ Failure f = { 0 };

        if (r == EXM_E_PACKAGE_FAILED && request->step < STEP_COMMIT)
                tell_unfinished(request);
        failure_move(&f, &request->failure);
        finish(request, r, &f, NULL);
}

/* --- progress --- */

/* `percent` is that of a step, each of which has its share of the whole. */
static void tell(PackagesRequest *request, unsigned percent, const char *detail)
{
        static const struct {
                unsigned from, to;
        } shares[] = {
                [STEP_START] = { 0, 0 },    [STEP_REFRESH] = { 0, 100 }, [STEP_RESOLVE] = { 0, 2 },
                [STEP_SIMULATE] = { 2, 4 }, [STEP_FETCH] = { 4, 48 },    [STEP_CHECK] = { 48, 50 },
                [STEP_COMMIT] = { 50, 99 }, [STEP_SETTLE] = { 99, 100 },
        };
        unsigned from = shares[request->step].from, to = shares[request->step].to;

        progress_set(&request->progress, from + (to - from) * percent / 100, detail);
}

static void on_package(const PkPackage *package, void *userdata)
{
        const char *word = progress_word(package->info);
        PackagesRequest *request = userdata;
        _cleanup_free_ char *detail = NULL;

        if (!word || (request->step != STEP_FETCH && request->step != STEP_COMMIT))
                return;
        if (asprintf(&detail, "%s %.*s", word, (int)strcspn(package->id, ";"), package->id) < 0)
                detail = NULL;
        request->told = request->step;
        tell(request, 1, detail ?: word);
}

/* Once a package has been told of, its name says more than these. */
static void on_percentage(unsigned percent, void *userdata)
{
        static const char *const words[] = {
                [STEP_REFRESH] = "refresh", [STEP_RESOLVE] = "resolve", [STEP_SIMULATE] = "plan",
                [STEP_FETCH] = "download",  [STEP_CHECK] = "plan",      [STEP_COMMIT] = "change",
        };
        PackagesRequest *request = userdata;
        bool keep = request->told == request->step && request->progress.detail;

        tell(request, percent > 0 ? percent : 1,
             keep ? request->progress.detail : words[request->step]);
}

static void on_begins(void *userdata)
{
        PackagesRequest *request = userdata;

        if (request->step != STEP_COMMIT)
                return;
        request->has_begun = true;
        if (request->owner.committing)
                request->owner.committing(request->owner.userdata);
}

static void on_waits(void *userdata)
{
        PackagesRequest *request = userdata;

        request->told = STEP_START;
        tell(request, 0, PACKAGES_WAITS);
}

/* --- steps --- */

static int start_job(PackagesRequest *request, Step step, PkMethod method, uint64_t bits,
                     char *const *strings, void (*done)(int r, Failure *f, void *userdata))
{
        const PkOwner owner = { .done = done,
                                .package = on_package,
                                .percentage = on_percentage,
                                .begins = on_begins,
                                .waits = on_waits,
                                .userdata = request };

        request->step = step;
        request->job = pk_job_free(request->job, /* cancel= */ false);
        return pk_job_start(&request->job, request->packages->bus, method, bits, strings, &owner);
}

static int start_change(PackagesRequest *request, Step step, uint64_t flags,
                        void (*done)(int r, Failure *f, void *userdata))
{
        return start_job(request, step,
                         request->verb == PACKAGES_REMOVE ? PK_REMOVE_PACKAGES
                                                          : PK_INSTALL_PACKAGES,
                         flags | PK_FLAG_ONLY_TRUSTED, request->ids, done);
}

static int start_look(PackagesRequest *request, bool wait, DpkgDone done)
{
        request->look = dpkg_look_free(request->look);
        return dpkg_look(&request->look, sd_bus_get_event(request->packages->bus),
                         request->packages->pool, wait, done, on_waits, request);
}

/* Fills request->plan anew. Returns: 0; a condition in request->failure; -errno. */
static int take_plan(PackagesRequest *request)
{
        const PkPackage *packages;
        size_t n;
        int r;

        packages = pk_job_packages(request->job, &n);
        plan_done(&request->plan);
        r = plan_read(&request->plan, request->verb, request->names, packages, n);
        if (r != 0)
                return r;
        return plan_check(&request->plan, &request->before, request->allow_more_removals,
                          &request->failure);
}

static bool is_nothing_to_do(const PackagesRequest *request)
{
        return request->plan.n_changes == 0 && !request->finishes;
}

/* --- the change and what has come of it --- */

static void on_tail(const TermLog *mark, char **tail, void *userdata)
{
        PackagesRequest *request = userdata;

        request->task = NULL;
        outcome_tell_output(&request->failure, *tail);
        finish_failed(request, request->r);
}

static void on_settled(int r, Failure *f, DpkgRows *rows, void *userdata)
{
        PackagesRequest *request = userdata;

        /* Without dpkg's word PackageKit's has to do. */
        dpkg_rows_take(&request->after, rows);
        r = outcome_read(&request->outcome, &request->plan, &request->before, &request->after,
                         request->r == 0);
        if (r == 0 && request->r == 0)
                r = outcome_check(&request->outcome, &request->plan, request->names,
                                  &request->after, &request->failure);
        else if (r == 0 && request->r == EXM_E_PACKAGE_FAILED)
                outcome_tell(&request->outcome, &request->failure);
        if (request->r == 0)
                request->r = r;
        if (request->r == 0)
                finish_changed(request);
        else if (request->r != EXM_E_PACKAGE_FAILED ||
                 term_log_start(&request->task, request->packages->pool, &request->mark, on_tail,
                                request) < 0)
                finish_failed(request, request->r);
}

static void on_committed(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        request->r = r;
        request->step = STEP_SETTLE;
        r = start_look(request, /* wait= */ false, on_settled);
        if (r < 0)
                finish_failed(request, r);
}

static void on_marked(const TermLog *mark, char **tail, void *userdata)
{
        PackagesRequest *request = userdata;
        int r;

        request->task = NULL;
        request->mark = *mark;
        r = start_change(request, STEP_COMMIT, 0, on_committed);
        if (r < 0)
                finish_failed(request, r);
}

static int begin_commit(PackagesRequest *request)
{
        return term_log_start(&request->task, request->packages->pool, NULL, on_marked, request);
}

/* Another program may have changed packages during the download or the dialog. */
static void on_checked(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        if (r == 0)
                r = take_plan(request);
        if (r == 0)
                r = plan_check_agreed(&request->plan, request->removals, &request->failure);
        if (r == 0 && is_nothing_to_do(request)) {
                finish_changed(request);
                return;
        }
        if (r == 0)
                r = begin_commit(request);
        if (r != 0)
                finish_failed(request, r);
}

static void on_looked_again(int r, Failure *f, DpkgRows *rows, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        dpkg_rows_take(&request->before, rows);
        if (r == 0)
                r = request->is_stale
                            ? start_change(request, STEP_CHECK, PK_FLAG_SIMULATE, on_checked)
                            : begin_commit(request);
        if (r != 0)
                finish_failed(request, r);
}

static void on_fetched(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        request->is_stale = true;
        if (r == 0)
                r = start_look(request, /* wait= */ true, on_looked_again);
        if (r != 0)
                finish_failed(request, r);
}

/* --- the plan --- */

static int slot_take(PackagesRequest *request, Failure *f)
{
        if (request->packages->change && request->packages->change != request)
                return failure_set(f, EXM_E_BUSY,
                                   "packages are being changed for somebody else: try again when "
                                   "that is done");
        request->packages->change = request;
        return 0;
}

int packages_go_on(PackagesRequest *request, Failure *f)
{
        int r = slot_take(request, f);

        if (r != 0)
                return r;
        if (request->verb == PACKAGES_REMOVE)
                return start_look(request, /* wait= */ true, on_looked_again);
        return start_change(request, STEP_FETCH, PK_FLAG_ONLY_DOWNLOAD, on_fetched);
}

static int judge(PackagesRequest *request)
{
        request->removals = strv_copy(request->plan.removals);
        if (!request->removals)
                return -ENOMEM;
        request->is_stale = true;
        request->job = pk_job_free(request->job, /* cancel= */ false);
        dpkg_rows_done(&request->before);
        slot_release(request);
        request->owner.judge(request->removals, request->owner.userdata);
        return 0;
}

static void on_simulated(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        if (r == 0)
                r = take_plan(request);
        if (r == 0 && is_nothing_to_do(request)) {
                finish_changed(request);
                return;
        }
        if (r == 0)
                r = request->plan.removals ? judge(request)
                                           : packages_go_on(request, &request->failure);
        if (r != 0)
                finish_failed(request, r);
}

/* --- names --- */

static void finish_status(PackagesRequest *request)
{
        _cleanup_free_ PackageRow *rows = calloc(request->n_names, sizeof(*rows));
        PackagesResult result = { .rows = rows, .n_rows = request->n_names };

        for (size_t i = 0; rows && i < request->n_names; i++)
                rows[i] = known_to_row(&request->known[i]);
        finish(request, rows ? 0 : -ENOMEM, NULL, &result);
}

static void on_resolved(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;
        const PkPackage *packages;
        size_t n;

        failure_move(&request->failure, f);
        if (r == 0) {
                packages = pk_job_packages(request->job, &n);
                request->known = calloc(request->n_names, sizeof(Known));
                r = request->known ? known_fill(request->known, request->names, request->n_names,
                                                packages, n, &request->before)
                                   : -ENOMEM;
        }
        if (r == 0 && request->verb == PACKAGES_STATUS) {
                finish_status(request);
                return;
        }
        if (r == 0)
                r = known_refuse_unknown(request->known, request->n_names, &request->failure);
        if (r == 0)
                r = known_choose_ids(request->known, request->n_names, request->verb, &request->ids,
                                     &request->finishes);
        if (r == 0 && !request->ids) {
                finish_changed(request);
                return;
        }
        if (r == 0)
                r = start_change(request, STEP_SIMULATE, PK_FLAG_SIMULATE, on_simulated);
        if (r != 0)
                finish_failed(request, r);
}

static int start_resolve(PackagesRequest *request)
{
        return start_job(request, STEP_RESOLVE, PK_RESOLVE, PK_FILTER_NEWEST | PK_FILTER_ARCH,
                         request->names, on_resolved);
}

static void on_looked(int r, Failure *f, DpkgRows *rows, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        dpkg_rows_take(&request->before, rows);
        if (r == 0)
                r = start_resolve(request);
        if (r != 0)
                finish_failed(request, r);
}

static void on_refreshed(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        if (r == 0)
                finish_changed(request);
        else
                finish_failed(request, r);
}

/* --- its beginning --- */

static int copy_names(PackagesRequest *request, const char *const *names, size_t n)
{
        request->names = calloc(n + 1, sizeof(char *));
        if (!request->names)
                return -ENOMEM;
        for (; request->n_names < n; request->n_names++) {
                request->names[request->n_names] = strdup(names[request->n_names]);
                if (!request->names[request->n_names])
                        return -ENOMEM;
        }
        return 0;
}

static int start(PackagesRequest *request)
{
        if (request->verb == PACKAGES_REFRESH)
                return start_job(request, STEP_REFRESH, PK_REFRESH_CACHE, 0, NULL, on_refreshed);
        return start_look(request, /* wait= */ request->verb != PACKAGES_STATUS, on_looked);
}

int packages_start(Packages *packages, PackagesVerb verb, const char *const *names, size_t n,
                   bool allow_more_removals, const PackagesOwner *owner, PackagesRequest **ret,
                   Failure *f)
{
        PackagesRequest *request;
        int r = verb == PACKAGES_REFRESH ? 0 : packages_check_names(names, n, f);

        if (r != 0)
                return r;
        /* PackageKit does one thing at a time: the one would hold up the other. */
        if (verb == PACKAGES_STATUS && packages->change)
                return failure_set(f, EXM_E_BUSY,
                                   "packages are being changed: ask again when that is done");
        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        *request = (PackagesRequest){ .packages = packages,
                                      .verb = verb,
                                      .allow_more_removals = allow_more_removals,
                                      .owner = *owner };
        progress_init(&request->progress, sd_bus_get_event(packages->bus), owner->progress,
                      owner->userdata);
        r = verb == PACKAGES_STATUS ? 0 : slot_take(request, f);
        if (r == 0)
                r = copy_names(request, names, n);
        if (r == 0)
                r = start(request);
        if (r != 0) {
                packages_request_free(request);
                return r;
        }
        *ret = request;
        return 0;
}

int packages_new(Packages **ret, sd_bus *bus, TaskPool *pool)
{
        Packages *packages = calloc(1, sizeof(*packages));

        if (!packages)
                return -ENOMEM;
        packages->bus = sd_bus_ref(bus);
        packages->pool = pool;
        *ret = packages;
        return 0;
}

Packages *packages_free(Packages *packages)
{
        if (!packages)
                return NULL;
        sd_bus_unref(packages->bus);
        free(packages);
        return NULL;
}
