/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c - one request from names to its end: resolve, simulate, judge, fetch, change.
 *
 * Each step is a PkJob, whose end begins the next. PackageKit has no word that cancels a download
 * but never an installation: told to cancel, its apt backend kills dpkg. So archives are fetched by
 * a job of their own (only-download), which may be cancelled at any time, and the job that changes
 * packages finds them there and never is.
 *
 * `done` may free the request: its memory then stays until `done` has returned.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "packages/pk-job.h"
#include "packages/plan.h"
#include "packages/term-log.h"
#include "util/strv.h"

#define PROGRESS_USEC UINT64_C(100000)

typedef enum Step {
        STEP_REFRESH,
        STEP_RESOLVE,
        STEP_SIMULATE,
        STEP_FETCH,
        STEP_COMMIT,
} Step;

/* Work on apt's log in a thread; it may outlive the request. */
typedef struct LogTask {
        PackagesRequest *request; /* NULL: it is gone */
        TermLog mark;
        char *tail;
        void (*next)(PackagesRequest *request, struct LogTask *task);
} LogTask;

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
        LogTask *task;
        Known *known;
        char **ids; /* of the packages to be changed */
        Plan plan;
        TermLog mark;
        Failure failure; /* of the change, while the log is read */
        unsigned percent;
        uint64_t told; /* µs, CLOCK_MONOTONIC, of the last progress */
        char *detail;  /* and what it said */
        bool finishing, freed;
};

/* --- its end --- */

static void request_destroy(PackagesRequest *request)
{
        known_free(request->known, request->n_names);
        plan_done(&request->plan);
        strv_free(request->names);
        strv_free(request->ids);
        failure_done(&request->failure);
        free(request->detail);
        free(request);
}

/* Whatever runs for it ends. `cancel`: what can be cancelled is. */
static void request_stop(PackagesRequest *request, bool cancel)
{
        request->job = pk_job_free(request->job, cancel && request->step != STEP_COMMIT);
        if (request->task)
                request->task->request = NULL;
        request->task = NULL;
        if (request->packages->change == request)
                request->packages->change = NULL;
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
        const PackagesResult result = { .changes = request->plan.changes,
                                        .n_changes = request->plan.n_changes };

        finish(request, 0, NULL, &result);
}

static void finish_failed(PackagesRequest *request, int r)
{
        _cleanup_failure_ Failure f = { 0 };

        failure_move(&f, &request->failure);
        finish(request, r, &f, NULL);
}

/* --- progress --- */

static uint64_t now_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* It never goes back: `percent` is that of a step, each of which has its share of the whole. */
static void tell(PackagesRequest *request, unsigned percent, const char *detail)
{
        static const struct {
                unsigned from, to;
        } shares[] = {
                [STEP_REFRESH] = { 0, 100 }, [STEP_RESOLVE] = { 0, 2 },
                [STEP_SIMULATE] = { 2, 5 },  [STEP_FETCH] = { 5, 50 },
                [STEP_COMMIT] = { 50, 100 },
        };
        unsigned from = shares[request->step].from, to = shares[request->step].to, whole;
        uint64_t now = now_usec();
        bool is_new;

        whole = from + (to - from) * percent / 100;
        if (whole > request->percent)
                request->percent = whole;
        is_new = !request->detail || strcmp(request->detail, detail) != 0;
        if (!request->owner.progress || (!is_new && now - request->told < PROGRESS_USEC))
                return;
        if (is_new) {
                free(request->detail);
                request->detail = strdup(detail);
        }
        request->told = now;
        request->owner.progress(request->percent, detail, request->owner.userdata);
}

static const char *word_of(const PackagesRequest *request, uint32_t info)
{
        switch (info) {
        case PK_INFO_DOWNLOADING:
                return "download";
        case PK_INFO_UPDATING:
                return "upgrade";
        case PK_INFO_INSTALLING:
                return "install";
        case PK_INFO_REMOVING:
                return "remove";
        case PK_INFO_PREPARING:
                return "prepare";
        case PK_INFO_UNPACKING:
                return "unpack";
        default:
                return NULL;
        }
}

static void on_package(const PkPackage *package, void *userdata)
{
        PackagesRequest *request = userdata;
        const char *word = word_of(request, package->info);
        _cleanup_free_ char *detail = NULL;

        if (!word || request->step < STEP_FETCH)
                return;
        if (asprintf(&detail, "%s %.*s", word, (int)strcspn(package->id, ";"), package->id) < 0)
                detail = NULL;
        tell(request, 1, detail ?: word);
}

static void on_percentage(unsigned percent, void *userdata)
{
        static const char *const words[] = {
                [STEP_REFRESH] = "refresh", [STEP_RESOLVE] = "resolve", [STEP_SIMULATE] = "plan",
                [STEP_FETCH] = "download",  [STEP_COMMIT] = "change",
        };
        PackagesRequest *request = userdata;

        tell(request, percent > 0 ? percent : 1, words[request->step]);
}

/* --- steps --- */

static int start_job(PackagesRequest *request, Step step, PkMethod method, uint64_t bits,
                     char *const *strings, void (*done)(int r, Failure *f, void *userdata))
{
        const PkOwner owner = { .done = done,
                                .package = on_package,
                                .percentage = on_percentage,
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

static void log_task_work_mark(void *userdata)
{
        LogTask *task = userdata;

        term_log_mark(&task->mark);
}

static void log_task_work_tail(void *userdata)
{
        LogTask *task = userdata;

        task->tail = term_log_tail(&task->mark);
}

static void log_task_done(void *userdata)
{
        LogTask *task = userdata;

        if (task->request) {
                task->request->task = NULL;
                task->next(task->request, task);
        }
        free(task->tail);
        free(task);
}

static int start_log_task(PackagesRequest *request, TaskFn work,
                          void (*next)(PackagesRequest *request, LogTask *task))
{
        LogTask *task = calloc(1, sizeof(*task));
        int r;

        if (!task)
                return -ENOMEM;
        *task = (LogTask){ .request = request, .mark = request->mark, .next = next };
        r = task_run(request->packages->pool, work, log_task_done, task);
        if (r < 0)
                free(task);
        else
                request->task = task;
        return r;
}

static void add_output(PackagesRequest *request, LogTask *task)
{
        Failure *f = &request->failure;
        char *joined;

        if (task->tail && f->message &&
            asprintf(&joined, "%s. The end of the output:\n%s", f->message, task->tail) >= 0) {
                free(f->message);
                f->message = joined;
        }
        finish_failed(request, (int)f->condition);
}

static void on_committed(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        if (r == 0) {
                tell(request, 100, "done");
                finish_changed(request);
                return;
        }
        failure_move(&request->failure, f);
        if (r != EXM_E_PACKAGE_FAILED ||
            start_log_task(request, log_task_work_tail, add_output) < 0)
                finish_failed(request, r);
}

static void commit(PackagesRequest *request, LogTask *task)
{
        int r;

        request->mark = task->mark;
        r = start_change(request, STEP_COMMIT, 0, on_committed);
        if (r < 0)
                finish_failed(request, r);
}

static int begin_commit(PackagesRequest *request)
{
        int r;

        r = start_log_task(request, log_task_work_mark, commit);
        if (r == 0 && request->owner.committing)
                request->owner.committing(request->owner.userdata);
        return r;
}

static void on_fetched(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        if (r == 0)
                r = begin_commit(request);
        if (r != 0)
                finish_failed(request, r);
}

int packages_go_on(PackagesRequest *request)
{
        if (request->verb == PACKAGES_REMOVE)
                return begin_commit(request);
        return start_change(request, STEP_FETCH, PK_FLAG_ONLY_DOWNLOAD, on_fetched);
}

static void on_simulated(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;
        Plan *plan = &request->plan;
        const PkPackage *packages;
        size_t n;

        failure_move(&request->failure, f);
        if (r == 0) {
                packages = pk_job_packages(request->job, &n);
                r = plan_read(plan, request->verb, request->names, packages, n);
        }
        if (r == 0)
                r = plan_check(plan, request->allow_more_removals, &request->failure);
        if (r == 0 && plan->n_changes == 0) {
                finish_changed(request);
                return;
        }
        if (r == 0 && plan->removals) {
                request->owner.judge(plan->removals, request->owner.userdata);
                return;
        }
        if (r == 0)
                r = packages_go_on(request);
        if (r != 0)
                finish_failed(request, r);
}

/* --- names --- */

static int refuse_unknown(PackagesRequest *request)
{
        _cleanup_strv_ char **unknown = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < request->n_names; i++) {
                const Known *row = &request->known[i];

                if (!row->installed && !row->candidate && strv_length(unknown) < 20 &&
                    strv_extend(&unknown, row->name) < 0)
                        return -ENOMEM;
        }
        if (!unknown)
                return 0;
        list = strv_join(unknown, ", ");
        return list ? failure_set(&request->failure, EXM_E_NO_SUCH_PACKAGE,
                                  "%s: no repository of this system has such a package; are the "
                                  "lists fresh (Refresh)?",
                                  list)
                    : -ENOMEM;
}

/* What is as it shall be is left out. Returns: 0 or -ENOMEM. */
static int choose_ids(PackagesRequest *request)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < request->n_names; i++) {
                const Known *row = &request->known[i];
                bool is_newest = row->installed && row->candidate &&
                                 strcmp(row->installed, row->candidate) == 0;

                if (request->verb == PACKAGES_REMOVE && row->installed_id)
                        r = strv_extend(&request->ids, row->installed_id);
                else if (request->verb == PACKAGES_INSTALL && row->candidate_id && !is_newest)
                        r = strv_extend(&request->ids, row->candidate_id);
        }
        return r;
}

static void finish_status(PackagesRequest *request)
{
        _cleanup_free_ PackageRow *rows = calloc(request->n_names, sizeof(*rows));
        PackagesResult result = { .rows = rows, .n_rows = request->n_names };

        for (size_t i = 0; rows && i < request->n_names; i++) {
                const Known *row = &request->known[i];

                rows[i] = (PackageRow){ .name = row->name,
                                        .installed = row->installed ?: "",
                                        .candidate = row->candidate ?: row->installed ?: "",
                                        .automatic = row->automatic };
        }
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
                                                packages, n)
                                   : -ENOMEM;
        }
        if (r == 0 && request->verb == PACKAGES_STATUS) {
                finish_status(request);
                return;
        }
        if (r == 0)
                r = refuse_unknown(request);
        if (r == 0)
                r = choose_ids(request);
        if (r == 0 && !request->ids) {
                finish_changed(request);
                return;
        }
        if (r == 0)
                r = start_change(request, STEP_SIMULATE, PK_FLAG_SIMULATE, on_simulated);
        if (r != 0)
                finish_failed(request, r);
}

static void on_refreshed(int r, Failure *f, void *userdata)
{
        PackagesRequest *request = userdata;

        failure_move(&request->failure, f);
        if (r == 0) {
                tell(request, 100, "done");
                finish_changed(request);
        } else {
                finish_failed(request, r);
        }
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
        return start_job(request, STEP_RESOLVE, PK_RESOLVE, PK_FILTER_NEWEST | PK_FILTER_ARCH,
                         request->names, on_resolved);
}

int packages_start(Packages *packages, PackagesVerb verb, const char *const *names, size_t n,
                   bool allow_more_removals, const PackagesOwner *owner, PackagesRequest **ret,
                   Failure *f)
{
        PackagesRequest *request;
        int r = verb == PACKAGES_REFRESH ? 0 : packages_check_names(names, n, f);

        if (r != 0)
                return r;
        if (verb != PACKAGES_STATUS && packages->change)
                return failure_set(f, EXM_E_BUSY,
                                   "packages are being changed for somebody else: try again when "
                                   "that is done");
        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        *request = (PackagesRequest){ .packages = packages,
                                      .verb = verb,
                                      .allow_more_removals = allow_more_removals,
                                      .owner = *owner };
        r = copy_names(request, names, n);
        if (r == 0)
                r = start(request);
        if (r < 0) {
                packages_request_free(request);
                return r;
        }
        if (verb != PACKAGES_STATUS)
                packages->change = request;
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
