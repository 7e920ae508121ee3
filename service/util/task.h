/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * task.h - blocking work in threads, completion on the event loop.
 *
 * For what may block: open, stat and fsync of live files, user-name look-ups. A bounded pool of
 * threads, started on first use; tasks wait in a queue. `work` runs in a thread and must touch only
 * what its userdata owns or what is immutable; `done` runs on the loop exactly once for every task
 * that task_run() accepted. There is no cancellation: an owner that lost interest says so in its
 * userdata and frees it in `done`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-event.h>

#include "util/macro.h"

typedef struct TaskPool TaskPool;
typedef void (*TaskFn)(void *userdata);

/* Returns: 0 or -errno. */
int task_pool_new(TaskPool **ret, sd_event *event, unsigned max_threads);

/* Waits for running tasks, drops queued ones after calling their `done`, and frees. */
TaskPool *task_pool_free(TaskPool *pool);

/* Waits until no task is queued or running (their `done` has yet to run): for the end of the
 * program. */
void task_pool_drain(TaskPool *pool);

/* The same, and runs every `done`, also of tasks that these queue: nothing is open afterwards. */
void task_pool_settle(TaskPool *pool);

/* Queues `work`. Returns: 0, or -errno (then neither function is called). */
int task_run(TaskPool *pool, TaskFn work, TaskFn done, void *userdata);

/* Returns: true if nothing is queued or running (the service may exit). */
bool task_pool_is_idle(const TaskPool *pool);
