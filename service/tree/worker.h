/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h - the broker's end of one exmachina-worker process; for tree/ only.
 *
 * One call at a time, answered once, never before worker_call() returns and never after
 * worker_free(). Every byte from the process is hostile: an incoming message that is not the answer
 * to the call under way kills it, and so does the wall-clock limit of a call. What an answer says
 * is for the caller to check; worker_condemn() is for an answer that cannot be right. A dead worker
 * keeps no process, descriptor or slot of the process count; it only waits to be freed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "util/failure.h"
#include "util/limits.h"

/* What all workers of a tree share; outlives them. */
typedef struct WorkerHost {
        sd_event *event;
        char *program;
        char *lens_dir;
        uid_t uid;
        gid_t gid;
        const Limits *limits;
        unsigned n_running;
} WorkerHost;

typedef struct Worker Worker;

/* r: 0 and the reply (borrowed); the condition that the worker answered with, of those that its
 * protocol allows; EXM_E_LIMIT_EXCEEDED (wall clock or CPU time: the worker is dead);
 * EXM_E_WORKER_FAILED (it died or misbehaved); -errno. The callback may free the worker. */
typedef void (*WorkerDone)(int r, Failure *f, sd_bus_message *reply, void *userdata);

/* Starts the process. Returns: 0; EXM_E_LIMIT_EXCEEDED (workers_total); -errno. */
int worker_new(Worker **ret, WorkerHost *host, Failure *f);
/* Kills it. NULL is allowed. */
Worker *worker_free(Worker *worker);

/* A call to be filled in. Returns: 0 or -errno. */
int worker_method(Worker *worker, const char *name, sd_bus_message **ret);
/* Returns: 0, or -errno (then `done` is not called). */
int worker_call(Worker *worker, sd_bus_message *m, unsigned timeout_sec, WorkerDone done,
                void *userdata);

bool worker_is_alive(const Worker *worker);
/* Returns: true if it died of RLIMIT_CPU, which counts over its life and not for one call. */
bool worker_is_exhausted(const Worker *worker);
/* Kills a worker whose answer cannot be right. Returns: EXM_E_WORKER_FAILED, with the words. */
int worker_condemn(Worker *worker, const char *what, Failure *f);
