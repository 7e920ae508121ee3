/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * task.c - a queue, some threads, and an eventfd that brings finished tasks back to the loop.
 *
 * Invariant: every task is on exactly one of `queued`, a thread's stack, `finished`; both lists and
 * the counters are guarded by `lock`. `n_open` counts tasks whose `done` has not yet returned and
 * is touched by the loop's thread only.
 */
#include "util/task.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

typedef struct Task {
        TAILQ_ENTRY(Task) entry;
        TaskFn work, done;
        void *userdata;
} Task;

typedef TAILQ_HEAD(TaskList, Task) TaskList;

struct TaskPool {
        pthread_mutex_t lock;
        pthread_cond_t wake, drained;
        TaskList queued, finished;
        pthread_t *threads;
        unsigned n_threads, max_threads, n_idle, n_busy, n_queued;
        bool stopping;
        int event_fd;
        sd_event_source *source;
        size_t n_open;
};

static void *thread_main(void *userdata)
{
        TaskPool *pool = userdata;
        uint64_t one = 1;
        Task *task;

        pthread_mutex_lock(&pool->lock);
        for (;;) {
                while (TAILQ_EMPTY(&pool->queued) && !pool->stopping) {
                        pool->n_idle++;
                        pthread_cond_wait(&pool->wake, &pool->lock);
                        pool->n_idle--;
                }
                if (pool->stopping)
                        break;
                task = TAILQ_FIRST(&pool->queued);
                TAILQ_REMOVE(&pool->queued, task, entry);
                pool->n_queued--;
                pool->n_busy++;
                pthread_mutex_unlock(&pool->lock);

                task->work(task->userdata);

                pthread_mutex_lock(&pool->lock);
                TAILQ_INSERT_TAIL(&pool->finished, task, entry);
                pool->n_busy--;
                pthread_cond_broadcast(&pool->drained);
                /* Cannot block: the counter would have to reach 2^64 - 1. */
                while (write(pool->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
                        ;
        }
        pthread_mutex_unlock(&pool->lock);
        return NULL;
}

static void pool_finish(TaskPool *pool, TaskList *tasks)
{
        Task *task;

        while ((task = TAILQ_FIRST(tasks))) {
                TAILQ_REMOVE(tasks, task, entry);
                task->done(task->userdata);
                free(task);
                pool->n_open--;
        }
}

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        TaskPool *pool = userdata;
        TaskList finished = TAILQ_HEAD_INITIALIZER(finished);
        uint64_t count;

        if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
                return -errno;

        pthread_mutex_lock(&pool->lock);
        TAILQ_CONCAT(&finished, &pool->finished, entry);
        pthread_mutex_unlock(&pool->lock);
        pool_finish(pool, &finished);
        return 0;
}

int task_pool_new(TaskPool **ret, sd_event *event, unsigned max_threads)
{
        TaskPool *pool;
        int r;

        pool = calloc(1, sizeof(*pool));
        if (!pool)
                return -ENOMEM;
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->wake, NULL);
        pthread_cond_init(&pool->drained, NULL);
        TAILQ_INIT(&pool->queued);
        TAILQ_INIT(&pool->finished);
        pool->max_threads = max_threads;
        pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pool->threads = calloc(max_threads, sizeof(*pool->threads));
        if (pool->event_fd < 0 || !pool->threads) {
                r = pool->event_fd < 0 ? -errno : -ENOMEM;
                task_pool_free(pool);
                return r;
        }
        r = sd_event_add_io(event, &pool->source, pool->event_fd, EPOLLIN, on_event, pool);
        if (r < 0) {
                task_pool_free(pool);
                return r;
        }
        *ret = pool;
        return 0;
}

TaskPool *task_pool_free(TaskPool *pool)
{
        if (!pool)
                return NULL;

        pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        for (unsigned i = 0; i < pool->n_threads; i++)
                pthread_join(pool->threads[i], NULL);

        pool_finish(pool, &pool->finished);
        pool_finish(pool, &pool->queued);
        sd_event_source_disable_unref(pool->source);
        if (pool->event_fd >= 0)
                close(pool->event_fd);
        pthread_cond_destroy(&pool->drained);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
        free(pool->threads);
        free(pool);
        return NULL;
}

void task_pool_drain(TaskPool *pool)
{
        pthread_mutex_lock(&pool->lock);
        while (!TAILQ_EMPTY(&pool->queued) || pool->n_busy > 0)
                pthread_cond_wait(&pool->drained, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
}

void task_pool_settle(TaskPool *pool)
{
        while (!task_pool_is_idle(pool)) {
                TaskList finished = TAILQ_HEAD_INITIALIZER(finished);

                task_pool_drain(pool);
                pthread_mutex_lock(&pool->lock);
                TAILQ_CONCAT(&finished, &pool->finished, entry);
                pthread_mutex_unlock(&pool->lock);
                pool_finish(pool, &finished);
        }
}

/* Signals are the loop's: a thread takes none. Called with the lock held. */
static int pool_add_thread(TaskPool *pool)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&pool->threads[pool->n_threads], NULL, thread_main, pool);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        pool->n_threads++;
        return 0;
}

int task_run(TaskPool *pool, TaskFn work, TaskFn done, void *userdata)
{
        Task *task;
        int r = 0;

        task = malloc(sizeof(*task));
        if (!task)
                return -ENOMEM;
        *task = (Task){ .work = work, .done = done, .userdata = userdata };

        pthread_mutex_lock(&pool->lock);
        /* A thread that was woken for an earlier task still counts as idle until it runs. */
        if (pool->n_queued >= pool->n_idle && pool->n_threads < pool->max_threads)
                r = pool_add_thread(pool);
        /* Without a new thread the others serve the queue; with none at all nobody would. */
        if (r < 0 && pool->n_threads == 0) {
                pthread_mutex_unlock(&pool->lock);
                free(task);
                return r;
        }
        TAILQ_INSERT_TAIL(&pool->queued, task, entry);
        pool->n_queued++;
        pool->n_open++;
        pthread_cond_signal(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        return 0;
}

bool task_pool_is_idle(const TaskPool *pool)
{
        return pool->n_open == 0;
}
