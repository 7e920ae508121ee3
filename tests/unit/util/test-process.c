/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-process.c - tasks in threads and child processes on a real event loop.
 */
#include "util/child.h"
#include "util/task.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

typedef struct Job {
        sd_event *event;
        pthread_t thread;
        unsigned *n_done, n_wanted;
} Job;

static void job_work(void *userdata)
{
        Job *job = userdata;
        struct timespec ms = { .tv_nsec = 1000 * 1000 };

        job->thread = pthread_self();
        nanosleep(&ms, NULL);
}

static void job_done(void *userdata)
{
        Job *job = userdata;

        if (++*job->n_done == job->n_wanted)
                sd_event_exit(job->event, 0);
}

static void tasks_finish_once_on_the_loop(void **state)
{
        enum { N = 200 };
        unsigned n_done = 0;
        TaskPool *pool;
        sd_event *event;
        Job jobs[N];

        assert_return_code(sd_event_new(&event), 0);
        assert_int_equal(task_pool_new(&pool, event, 4), 0);
        assert_true(task_pool_is_idle(pool));
        for (int i = 0; i < N; i++) {
                jobs[i] = (Job){ .event = event, .n_done = &n_done, .n_wanted = N };
                assert_int_equal(task_run(pool, job_work, job_done, &jobs[i]), 0);
        }
        assert_false(task_pool_is_idle(pool));
        assert_return_code(sd_event_loop(event), 0);
        assert_int_equal(n_done, N);
        assert_true(task_pool_is_idle(pool));
        for (int i = 0; i < N; i++)
                assert_false(pthread_equal(jobs[i].thread, pthread_self()));

        n_done = 0;
        for (int i = 0; i < N; i++) {
                jobs[i].n_wanted = N + 1;
                assert_int_equal(task_run(pool, job_work, job_done, &jobs[i]), 0);
        }
        task_pool_settle(pool);
        assert_int_equal(n_done, N);
        assert_true(task_pool_is_idle(pool));

        /* What is queued when the pool goes is still told. */
        n_done = 0;
        for (int i = 0; i < N; i++) {
                jobs[i].n_wanted = N + 1;
                assert_int_equal(task_run(pool, job_work, job_done, &jobs[i]), 0);
        }
        task_pool_free(pool);
        assert_int_equal(n_done, N);
        sd_event_unref(event);
}

typedef struct Exit {
        sd_event *event;
        int code, status;
} Exit;

static void on_exited(int code, int status, void *userdata)
{
        Exit *e = userdata;

        e->code = code;
        e->status = status;
        sd_event_exit(e->event, 0);
}

static void child_gets_only_what_is_named(void **state)
{
        /* Nothing is opened or forked to look: the shell's own descriptors would be seen. */
        char *argv[] = { (char *)"sh", (char *)"-c",
                         (char *)"for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 20 63 100 255; do "
                                 "[ -e /proc/$$/fd/$i ] && n=$n$i,; done; "
                                 "echo $n${SECRET-none}; exit 7",
                         NULL };
        char out[256] = { 0 };
        Exit e = { 0 };
        int pipes[2], fds[2];
        Child *child;

        setenv("SECRET", "canary", 1);
        assert_return_code(sd_event_new(&e.event), 0);
        assert_return_code(pipe2(pipes, 0), 0); /* not close-on-exec: closefrom must do it */
        fds[0] = pipes[1];
        fds[1] = -1;
        assert_int_equal(child_spawn(&child, e.event, "/bin/sh", argv, fds, 2, on_exited, &e), 0);
        assert_return_code(sd_event_loop(e.event), 0);
        assert_int_equal(e.code, CLD_EXITED);
        assert_int_equal(e.status, 7);
        close(pipes[1]);
        assert_true(read(pipes[0], out, sizeof(out) - 1) > 0);
        assert_string_equal(out, "0,1,2,none\n");
        close(pipes[0]);
        child_free(child);
        sd_event_unref(e.event);
}

static void freed_child_is_killed_and_reaped(void **state)
{
        char *argv[] = { (char *)"sleep", (char *)"1000", NULL };
        Exit e = { 0 };
        Child *child;
        pid_t pid;

        assert_return_code(sd_event_new(&e.event), 0);
        assert_int_equal(child_spawn(&child, e.event, "/bin/sleep", argv, NULL, 0, on_exited, &e),
                         0);
        pid = child_pid(child);
        child_free(child);
        for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
                assert_return_code(sd_event_run(e.event, 10000), 0);
        assert_int_equal(kill(pid, 0), -1);
        assert_int_equal(errno, ESRCH);
        assert_int_equal(e.code, 0);
        sd_event_unref(e.event);
}

static void missing_program_is_an_error(void **state)
{
        char *argv[] = { (char *)"nothing", NULL };
        sd_event *event;
        Child *child;

        assert_return_code(sd_event_new(&event), 0);
        assert_int_equal(child_spawn(&child, event, "/nonexistent", argv, NULL, 0, on_exited, NULL),
                         -ENOENT);
        sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tasks_finish_once_on_the_loop),
                cmocka_unit_test(child_gets_only_what_is_named),
                cmocka_unit_test(freed_child_is_killed_and_reaped),
                cmocka_unit_test(missing_program_is_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
