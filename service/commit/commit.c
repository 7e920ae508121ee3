/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.c - which commits run, and which wait for them.
 *
 * All of it on the event loop; only batch_apply() and recover_revert() run in a thread. A commit
 * locks the names of its files (as given and canonical) and waits for every earlier commit, running
 * or waiting, that has one of them: so the same file is served in order, and nobody is overtaken
 * for ever. To take a change back, whose names only the journal knows, is alone.
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
#include "util/strv.h"

/* Owned by the list, and the thread's while it runs. */
typedef struct Job {
        TAILQ_ENTRY(Job) entry;
        Committer *committer;
        ChangeRecord record;
        FileChange *changes; /* NULL: the record's steps are ready, or it is taken back */
        size_t n_changes;
        uint64_t revert; /* the change to be taken back; 0 none */
        char *reason;    /* of that */
        char **names;    /* locked */
        bool running;
        int r;
        Failure failure;
        CommitDone done;
        void *userdata;
} Job;

struct Committer {
        unsigned n_ref;
        TaskPool *pool;
        const Roots *roots;
        Journal *journal;
        TAILQ_HEAD(JobList, Job) jobs; /* in order of arrival, running ones too */
};

static void free_changes(FileChange *changes, size_t n_changes)
{
        for (size_t i = 0; i < n_changes; i++)
                file_change_done(&changes[i]);
        free(changes);
}

static void job_free(Job *job)
{
        failure_done(&job->failure);
        change_record_done(&job->record);
        free_changes(job->changes, job->n_changes);
        free(job->reason);
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
static void finish_job(Job *job)
{
        Committer *c = job->committer;
        bool has_record = job->r == 0 || (job->revert && job->r == EXM_E_CONFLICT);

        TAILQ_REMOVE(&c->jobs, job, entry);
        start_waiting(c);
        job->done(job->r, &job->failure, has_record ? &job->record : NULL, job->userdata);
        job_free(job);
        committer_unref(c);
}

/* The record is read again, so that it says how it has ended. */
static void revert_work(Job *job)
{
        const Committer *c = job->committer;
        Recovery recovery;
        int r;

        job->r = recover_revert(c->journal, c->roots, job->revert, job->reason, &recovery,
                                &job->failure);
        recovery_done(&recovery);
        if (job->r != 0 && job->r != EXM_E_CONFLICT)
                return;
        r = journal_load(c->journal, job->revert, /* content= */ false, &job->record,
                         &job->failure);
        if (r != 0)
                job->r = r;
}

static void job_work(void *userdata)
{
        Job *job = userdata;
        const Committer *c = job->committer;

        if (job->revert)
                revert_work(job);
        else
                job->r = batch_apply(c->roots, c->journal, &job->record, job->changes,
                                     job->n_changes, &job->failure);
}

static void job_done(void *userdata)
{
        finish_job(userdata);
}

/* A pool that is freed calls `done` of what it has not begun: that must not look like success. */
static int run_job(Job *job)
{
        job->running = true;
        job->r = -ECANCELED;
        return task_run(job->committer->pool, job_work, job_done, job);
}

static bool excludes(const Job *a, const Job *b)
{
        char **name;

        if (a->revert || b->revert)
                return true;
        STRV_FOREACH(name, a->names)
                if (strv_contains(b->names, *name))
                        return true;
        return false;
}

static bool must_wait(const Committer *c, const Job *job)
{
        const Job *earlier;

        for (earlier = TAILQ_FIRST(&c->jobs); earlier != job; earlier = TAILQ_NEXT(earlier, entry))
                if (excludes(earlier, job))
                        return true;
        return false;
}

/* A job that cannot be handed to the pool fails alone; it is taken up from the start again, since
 * its end may have changed the list. */
static void start_waiting(Committer *c)
{
        Job *job;
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

static int lock_name(Job *job, const char *path, const char *name)
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

static int lock_names(Job *job)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < job->n_changes; i++)
                r = lock_name(job, job->changes[i].base->path, job->changes[i].base->canonical);
        for (size_t i = 0; r == 0 && i < job->record.n_steps; i++)
                r = lock_name(job, job->record.steps[i].path, job->record.steps[i].name);
        return r;
}

/* Takes over the job. */
static int start_job(Committer *c, Job *job, CommitDone done, void *userdata)
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
        Job *job;

        job = n_changes > 0 ? calloc(1, sizeof(*job)) : NULL;
        if (!job) {
                free_changes(changes, n_changes);
                change_record_done(record);
                return n_changes > 0 ? -ENOMEM : -EINVAL;
        }
        *job = (Job){ .record = *record, .changes = changes, .n_changes = n_changes };
        *record = (ChangeRecord){ 0 };
        return start_job(c, job, done, userdata);
}

int commit_start_steps(Committer *c, ChangeRecord *record, CommitDone done, void *userdata)
{
        Job *job;

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

int commit_revert_pending(Committer *c, uint64_t id, const char *reason, CommitDone done,
                          void *userdata)
{
        Job *job;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->revert = id;
        job->reason = strdup(reason);
        if (!job->reason) {
                job_free(job);
                return -ENOMEM;
        }
        return start_job(c, job, done, userdata);
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

static Job *last_waiting(Committer *c)
{
        Job *job;

        TAILQ_FOREACH_REVERSE(job, &c->jobs, JobList, entry)
        if (!job->running)
                return job;
        return NULL;
}

/* From the end, so that none of them is started by another's end. */
Committer *committer_free(Committer *c)
{
        Job *job;

        if (!c)
                return NULL;
        while ((job = last_waiting(c))) {
                job->r = -ECANCELED;
                finish_job(job);
        }
        committer_unref(c);
        return NULL;
}
