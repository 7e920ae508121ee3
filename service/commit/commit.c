/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.c - which commits run, and which wait for them.
 *
 * All of it on the event loop; only batch_apply() runs in a thread. A commit locks the names of its
 * files (as given and canonical) and waits for every earlier commit, running or waiting, that has
 * one of them: so the same file is served in order, and nobody is overtaken for ever.
 *
 * The committer is counted: its owner has one reference, each job one.
 */
#include "commit/commit.h"

#include <errno.h>
#include <sys/queue.h>

#include "commit/batch.h"
#include "commit/password-lock.h"
#include "util/strv.h"

typedef struct Job {
        TAILQ_ENTRY(Job) entry;
        Committer *committer;
        FileChange *changes; /* owned; the thread's while it runs */
        size_t n_changes;
        char **names; /* locked */
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
        TAILQ_HEAD(JobList, Job) jobs; /* in order of arrival, running ones too */
        uint64_t n_done;
};

static void free_changes(FileChange *changes, size_t n_changes)
{
        for (size_t i = 0; i < n_changes; i++)
                file_change_done(&changes[i]);
        free(changes);
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
        uint64_t change = 0;

        TAILQ_REMOVE(&c->jobs, job, entry);
        if (job->r == 0)
                change = ++c->n_done;
        start_waiting(c);
        job->done(job->r, &job->failure, change, job->userdata);

        failure_done(&job->failure);
        free_changes(job->changes, job->n_changes);
        strv_free(job->names);
        free(job);
        committer_unref(c);
}

static void job_work(void *userdata)
{
        Job *job = userdata;

        job->r = batch_apply(job->committer->roots, job->changes, job->n_changes, &job->failure);
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

static bool shares_a_name(const Job *a, const Job *b)
{
        char **name;

        STRV_FOREACH(name, a->names)
                if (strv_contains(b->names, *name))
                        return true;
        return false;
}

static bool must_wait(const Committer *c, const Job *job)
{
        const Job *earlier;

        for (earlier = TAILQ_FIRST(&c->jobs); earlier != job; earlier = TAILQ_NEXT(earlier, entry))
                if (shares_a_name(earlier, job))
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

static int lock_names(Job *job)
{
        const FileImage *base;
        int r = 0;

        for (size_t i = 0; r == 0 && i < job->n_changes; i++) {
                base = job->changes[i].base;
                r = strv_extend_unique(&job->names, base->path);
                if (r == 0)
                        r = strv_extend_unique(&job->names, base->canonical);
                /* They all wait for one lock: let not each of them hold a thread. */
                if (r == 0 && password_lock_covers(file_change_name(&job->changes[i])))
                        r = strv_extend_unique(&job->names, PASSWORD_LOCK_FILE);
        }
        return r;
}

static int job_new(Job **ret, Committer *c, FileChange *changes, size_t n_changes, CommitDone done,
                   void *userdata)
{
        Job *job;
        int r;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        *job = (Job){ .committer = c,
                      .changes = changes,
                      .n_changes = n_changes,
                      .done = done,
                      .userdata = userdata };
        r = lock_names(job);
        if (r < 0) {
                strv_free(job->names);
                free(job);
                return r;
        }
        *ret = job;
        return 0;
}

int commit_start(Committer *c, FileChange *changes, size_t n_changes, CommitDone done,
                 void *userdata)
{
        Job *job;
        int r;

        r = n_changes > 0 ? job_new(&job, c, changes, n_changes, done, userdata) : -EINVAL;
        if (r < 0) {
                free_changes(changes, n_changes);
                return r;
        }
        TAILQ_INSERT_TAIL(&c->jobs, job, entry);
        if (!must_wait(c, job))
                r = run_job(job);
        if (r < 0) {
                TAILQ_REMOVE(&c->jobs, job, entry);
                free_changes(changes, n_changes);
                strv_free(job->names);
                free(job);
                return r;
        }
        c->n_ref++;
        return 0;
}

bool committer_is_busy(const Committer *c)
{
        return !TAILQ_EMPTY(&c->jobs);
}

int committer_new(Committer **ret, TaskPool *pool, const Roots *roots)
{
        Committer *c;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Committer){ .n_ref = 1, .pool = pool, .roots = roots };
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
