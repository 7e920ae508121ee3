/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.c - which commits run, and which wait for them.
 *
 * All of it on the event loop; only the work_...() functions run in a thread. A commit locks the
 * names of its files (as given and canonical) and waits for every earlier commit, running or
 * waiting, that has one of them: so the same file is served in order, and nobody is overtaken for
 * ever. To take a change back, whose names only the journal knows, is alone until it has read them.
 *
 * The phases of a job with units, each a task in a thread or, while it is acting, the actor's:
 *
 *   commit: apply ──▶ act ──▶ finish ──▶ done
 *                      └──────┴─failed─▶ restore ──▶ act back ──▶ end ──▶ done
 *   revert:                              restore ──▶ act back ──▶ end ──▶ done
 *
 * The committer is counted: its owner has one reference, each job one.
 */
#include "commit/commit.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "commit/batch.h"
#include "commit/password-lock.h"
#include "commit/recover.h"
#include "util/log.h"
#include "util/strv.h"

/* Owned by the list, and the thread's while it runs. */
struct CommitJob {
        TAILQ_ENTRY(CommitJob) entry;
        Committer *committer;
        ChangeRecord record;
        FileChange *changes; /* NULL: the record's steps are ready, or it is taken back */
        size_t n_changes;
        uint64_t revert; /* the change to be taken back; 0 none */
        char *reason;    /* of that */
        char **names;    /* locked */
        bool alone;      /* its names are not known yet */
        bool running;
        bool acting; /* commit_acted() is due */
        bool back;   /* its files are to be put back, or are: */
        bool restored;
        bool ended; /* the record is what the journal has */
        int r;
        Failure failure;
        char *stuck; /* words: which files are not back */
        CommitDone done;
        void *userdata;
};

struct Committer {
        unsigned n_ref;
        TaskPool *pool;
        const Roots *roots;
        Journal *journal;
        TAILQ_HEAD(JobList, CommitJob) jobs; /* in order of arrival, running ones too */
        CommitAct act;
        void *act_userdata;
};

static void free_changes(FileChange *changes, size_t n_changes)
{
        for (size_t i = 0; i < n_changes; i++)
                file_change_done(&changes[i]);
        free(changes);
}

static void job_free(CommitJob *job)
{
        failure_done(&job->failure);
        change_record_done(&job->record);
        free_changes(job->changes, job->n_changes);
        free(job->reason);
        free(job->stuck);
        strv_free(job->names);
        free(job);
}

static void committer_unref(Committer *c)
{
        if (--c->n_ref == 0)
                free(c);
}

static void start_waiting(Committer *c);

/* `done` runs when the job is no longer on the list: it may start another for the same file. */
static void finish_job(CommitJob *job)
{
        Committer *c = job->committer;
        bool has_record = job->r == 0 || (job->revert && job->ended);

        TAILQ_REMOVE(&c->jobs, job, entry);
        start_waiting(c);
        job->done(job->r, &job->failure, has_record ? &job->record : NULL, job->userdata);
        job_free(job);
        committer_unref(c);
}

/* --- in threads --- */

static void work_apply(void *userdata)
{
        CommitJob *job = userdata;
        const Committer *c = job->committer;

        job->r = batch_apply(c->roots, c->journal, &job->record, job->changes, job->n_changes,
                             &job->failure);
}

static void work_finish(void *userdata)
{
        CommitJob *job = userdata;

        job->r = batch_finish(job->committer->journal, &job->record, &job->failure);
}

/* Of a commit job->r and its words stay what made it fail. */
static void work_restore(void *userdata)
{
        CommitJob *job = userdata;
        const Committer *c = job->committer;
        uint64_t id = job->revert ? job->revert : job->record.id;
        _cleanup_failure_ Failure fault = { 0 };
        ChangeRecord record = { 0 };
        Recovery recovery;
        int r;

        r = recover_revert(c->journal, c->roots, id, job->reason, &record, &recovery, &fault);
        job->restored = r == 0 || r == EXM_E_CONFLICT;
        if (job->restored) {
                change_record_done(&job->record);
                job->record = record;
                job->ended = recovery.n_due == 0;
        }
        if (r != 0)
                job->stuck = strdup(fault.message ?: strerror(r < 0 ? -r : EIO));
        if (job->revert) {
                job->r = r;
                failure_move(&job->failure, &fault);
        }
        recovery_done(&recovery);
}

static void work_end(void *userdata)
{
        CommitJob *job = userdata;
        _cleanup_failure_ Failure fault = { 0 };
        int r;

        r = recover_end(job->committer->journal, &job->record, &fault);
        job->ended = r == 0;
        if (r != 0)
                log_error("change %llu has been taken back, which could not be recorded: %s",
                          (unsigned long long)job->record.id,
                          fault.message ?: strerror(r < 0 ? -r : EIO));
        if (r == 0 || !job->revert)
                return;
        job->r = r;
        failure_done(&job->failure);
        failure_move(&job->failure, &fault);
}

/* --- one phase after the other --- */

static void start_act(CommitJob *job)
{
        const Committer *c = job->committer;

        if (!c->act) {
                job->acting = true;
                commit_acted(job, 0, NULL);
                return;
        }
        job->acting = true;
        c->act(job, &job->record, job->back, c->act_userdata);
}

/* A phase that cannot be handed to the pool leaves the change to the next recovery. */
static void run_phase(CommitJob *job, TaskFn work, TaskFn done)
{
        int r;

        r = task_run(job->committer->pool, work, done, job);
        if (r == 0)
                return;
        if (job->r == 0)
                job->r = r;
        finish_job(job);
}

static void finish_phase(void *userdata)
{
        finish_job(userdata);
}

/* Why the commit failed, how its files are, how its units are. */
static void compose(CommitJob *job, const char *units)
{
        _cleanup_free_ char *why = TAKE_PTR(job->failure.message);
        int r = job->r;

        failure_done(&job->failure);
        if (r < 0)
                log_error("change %llu: %s", (unsigned long long)job->record.id, strerror(-r));
        job->r = failure_set(
                &job->failure, r < 0 ? EXM_E_UNIT_FAILED : (Condition)r, "%s. %s%s%s",
                why ?: "the service could not go on with it; see: journalctl -u exmachina",
                job->stuck ?: "All files are as before", units && *units ? "; " : "", units ?: "");
}

static int lock_names(CommitJob *job);

/* From here on the change's own names are locked, and nothing else. */
static void on_restored(void *userdata)
{
        CommitJob *job = userdata;

        if (job->ended || !job->restored) {
                if (!job->revert)
                        compose(job, NULL);
                finish_job(job);
                return;
        }
        if (job->alone && lock_names(job) == 0) {
                job->alone = false;
                start_waiting(job->committer);
        }
        start_act(job);
}

/* The commit has failed after its files were in place: job->r and job->failure say why. */
static void start_restore(CommitJob *job)
{
        job->back = true;
        job->reason = strdup(job->failure.message ?: strerror(job->r < 0 ? -job->r : EIO));
        if (job->reason)
                run_phase(job, work_restore, on_restored);
        else
                finish_job(job);
}

static void on_finished(void *userdata)
{
        CommitJob *job = userdata;

        if (job->r == 0)
                finish_job(job);
        else
                start_restore(job);
}

static void on_applied(void *userdata)
{
        CommitJob *job = userdata;

        if (job->r == 0 && job->record.n_units > 0)
                start_act(job);
        else
                finish_job(job);
}

static bool excludes(const CommitJob *a, const CommitJob *b)
{
        char **name;

        if (a->alone || b->alone)
                return true;
        STRV_FOREACH(name, a->names)
                if (strv_contains(b->names, *name))
                        return true;
        return false;
}

static bool must_wait(const Committer *c, const CommitJob *job)
{
        const CommitJob *earlier;

        for (earlier = TAILQ_FIRST(&c->jobs); earlier != job; earlier = TAILQ_NEXT(earlier, entry))
                if (excludes(earlier, job))
                        return true;
        return false;
}

/* A pool that is freed calls `done` of what it has not begun: that must not look like success. */
static int run_job(CommitJob *job)
{
        job->running = true;
        job->r = -ECANCELED;
        return task_run(job->committer->pool, job->revert ? work_restore : work_apply,
                        job->revert ? on_restored : on_applied, job);
}

/* A job that cannot be handed to the pool fails alone; it is taken up from the start again, since
 * its end may have changed the list. */
static void start_waiting(Committer *c)
{
        CommitJob *job;
        int r;

        TAILQ_FOREACH(job, &c->jobs, entry) {
                if (job->running || must_wait(c, job))
                        continue;
                r = run_job(job);
                if (r < 0) {
                        job->r = r;
                        finish_job(job);
                        return;
                }
        }
}

static int lock_name(CommitJob *job, const char *path, const char *name)
{
        int r;

        r = strv_extend_unique(&job->names, path);
        if (r == 0)
                r = strv_extend_unique(&job->names, name);
        /* They all wait for one lock: let not each of them hold a thread. */
        if (r == 0 && (password_lock_covers(path) || password_lock_covers(name)))
                r = strv_extend_unique(&job->names, PASSWORD_LOCK_FILE);
        return r;
}

static int lock_names(CommitJob *job)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < job->n_changes; i++)
                r = lock_name(job, job->changes[i].base->path, job->changes[i].base->canonical);
        for (size_t i = 0; r == 0 && i < job->record.n_steps; i++)
                r = lock_name(job, job->record.steps[i].path, job->record.steps[i].name);
        return r;
}

/* Takes over the job. */
static int start_job(Committer *c, CommitJob *job, CommitDone done, void *userdata)
{
        int r;

        job->committer = c;
        job->done = done;
        job->userdata = userdata;
        r = lock_names(job);
        if (r < 0) {
                job_free(job);
                return r;
        }
        TAILQ_INSERT_TAIL(&c->jobs, job, entry);
        if (!must_wait(c, job))
                r = run_job(job);
        if (r < 0) {
                TAILQ_REMOVE(&c->jobs, job, entry);
                job_free(job);
                return r;
        }
        c->n_ref++;
        return 0;
}

int commit_start(Committer *c, ChangeRecord *record, FileChange *changes, size_t n_changes,
                 CommitDone done, void *userdata)
{
        CommitJob *job;

        job = n_changes > 0 ? calloc(1, sizeof(*job)) : NULL;
        if (!job) {
                free_changes(changes, n_changes);
                change_record_done(record);
                return n_changes > 0 ? -ENOMEM : -EINVAL;
        }
        *job = (CommitJob){ .record = *record, .changes = changes, .n_changes = n_changes };
        *record = (ChangeRecord){ 0 };
        return start_job(c, job, done, userdata);
}

int commit_start_steps(Committer *c, ChangeRecord *record, CommitDone done, void *userdata)
{
        CommitJob *job;

        job = record->n_steps > 0 ? calloc(1, sizeof(*job)) : NULL;
        if (!job) {
                int r = record->n_steps > 0 ? -ENOMEM : -EINVAL;

                change_record_done(record);
                return r;
        }
        job->record = *record;
        *record = (ChangeRecord){ 0 };
        return start_job(c, job, done, userdata);
}

int commit_revert(Committer *c, uint64_t id, const char *reason, CommitDone done, void *userdata)
{
        CommitJob *job;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->revert = id;
        job->alone = job->back = true;
        job->reason = strdup(reason);
        if (!job->reason) {
                job_free(job);
                return -ENOMEM;
        }
        return start_job(c, job, done, userdata);
}

/* --- the actor's --- */

void committer_set_actor(Committer *c, CommitAct act, void *userdata)
{
        c->act = act;
        c->act_userdata = userdata;
}

static void add_to_reason(ChangeRecord *record, const char *words)
{
        char *longer;

        if (asprintf(&longer, "%s; %s", record->reason ?: "", words) < 0)
                return;
        free(record->reason);
        record->reason = longer;
}

/* Of what was to be taken back: the files are, and the units are not. */
static void note_units(CommitJob *job, int r, Failure *f)
{
        job->record.state = CHANGE_FAILED;
        add_to_reason(&job->record, f && f->message ? f->message : strerror(r < 0 ? -r : EIO));
        if (job->revert && job->r == 0) {
                job->r = r;
                if (f)
                        failure_move(&job->failure, f);
        }
}

void commit_acted(CommitJob *job, int r, Failure *f)
{
        job->acting = false;
        if (!job->back) {
                job->r = r;
                if (f)
                        failure_move(&job->failure, f);
                if (r == 0)
                        run_phase(job, work_finish, on_finished);
                else
                        start_restore(job);
                return;
        }
        if (!job->revert)
                compose(job, f ? f->message : NULL);
        if (r != 0)
                note_units(job, r, f);
        else if (change_record_was_pending(&job->record) && f && f->message)
                add_to_reason(&job->record, f->message);
        if (f)
                failure_done(f);
        run_phase(job, work_end, finish_phase);
}

bool committer_is_busy(const Committer *c)
{
        return !TAILQ_EMPTY(&c->jobs);
}

int committer_new(Committer **ret, TaskPool *pool, const Roots *roots, Journal *journal)
{
        Committer *c;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Committer){ .n_ref = 1, .pool = pool, .roots = roots, .journal = journal };
        TAILQ_INIT(&c->jobs);
        *ret = c;
        return 0;
}

static CommitJob *last_waiting(Committer *c)
{
        CommitJob *job;

        TAILQ_FOREACH_REVERSE(job, &c->jobs, JobList, entry)
        if (!job->running)
                return job;
        return NULL;
}

static CommitJob *any_acting(Committer *c)
{
        CommitJob *job;

        TAILQ_FOREACH(job, &c->jobs, entry)
                if (job->acting)
                        return job;
        return NULL;
}

/* From the end, so that none of them is started by another's end. */
Committer *committer_free(Committer *c)
{
        CommitJob *job;

        if (!c)
                return NULL;
        while ((job = last_waiting(c))) {
                job->r = -ECANCELED;
                finish_job(job);
        }
        /* What was being acted on stays as it is in the journal: recovery goes on with it. */
        while ((job = any_acting(c))) {
                job->r = -ECANCELED;
                job->ended = false;
                finish_job(job);
        }
        committer_unref(c);
        return NULL;
}
