/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.c - start, call, time-out and death of one worker process.
 *
 * sd-bus, the timer and the child's exit only note what happened; the caller's callback runs from
 * an event source of its own, so that it may free the worker without pulling the bus connection
 * from under its own dispatch. A lost connection is followed by the child's exit, which tells why:
 * only then is the call answered.
 */
#include "tree/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "util/child.h"
#include "util/log.h"
#include "worker/protocol.h"

#define USEC_PER_SEC    1000000ULL
#define MESSAGE_MAX     1024U
#define EXIT_NO_SANDBOX 125

struct Worker {
        WorkerHost *host;
        Child *child;
        sd_bus *bus;
        bool alive;
        bool exhausted;

        /* the call under way */
        bool busy;
        WorkerDone done;
        void *userdata;
        sd_bus_slot *slot;
        sd_event_source *timer;

        /* its outcome, until it is delivered */
        sd_event_source *deliver;
        int r;
        Failure failure;
        sd_bus_message *reply;
};

/* What the protocol lets a worker answer. */
static const Condition answers[] = { EXM_E_NO_MATCH,     EXM_E_MANY_MATCHES,  EXM_E_INVALID_PATH,
                                     EXM_E_INVALID_EDIT, EXM_E_NO_LENS,       EXM_E_PARSE_FAILED,
                                     EXM_E_PUT_FAILED,   EXM_E_LIMIT_EXCEEDED };

static void worker_release(Worker *w)
{
        if (!w->alive)
                return;
        w->alive = false;
        w->host->n_running--;
        w->child = child_free(w->child);
}

/* The call's outcome is known; on_deliver() hands it over. */
static void worker_settle(Worker *w, int r)
{
        w->r = r;
        sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        sd_event_source_set_enabled(w->deliver, SD_EVENT_ONESHOT);
}

/* Ends the process; the call under way, if any, is answered with the failure. */
static void worker_die(Worker *w, Condition condition, const char *why)
{
        if (!w->alive)
                return;
        worker_release(w);
        sd_event_source_set_enabled(w->deliver, SD_EVENT_ONESHOT);
        if (!w->busy || w->reply)
                return;
        failure_done(&w->failure);
        failure_set(&w->failure, condition, "%s", why);
        worker_settle(w, condition);
}

static int on_deliver(sd_event_source *source, void *userdata)
{
        Worker *w = userdata;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = TAKE_PTR(w->reply);
        _cleanup_failure_ Failure failure = w->failure;
        bool busy = w->busy;

        w->failure = (Failure){};
        w->busy = false;
        w->slot = sd_bus_slot_unref(w->slot);
        if (!w->alive) {
                sd_bus_close_unref(w->bus);
                w->bus = NULL;
        }
        if (busy)
                w->done(w->r, &failure, w->r == 0 ? reply : NULL, w->userdata);
        return 0;
}

/* The connection is gone. A process that is dying already keeps its own cause of death. */
static void worker_lost(Worker *w)
{
        if (w->alive && child_pid(w->child) > 0)
                kill(child_pid(w->child), SIGKILL);
}

static void on_exit_child(int code, int status, void *userdata)
{
        Worker *w = userdata;
        _cleanup_free_ char *why = NULL;
        Condition condition = EXM_E_WORKER_FAILED;

        w->exhausted = code != CLD_EXITED && status == SIGXCPU;
        if (code == CLD_EXITED && status == EXIT_NO_SANDBOX)
                log_error("%s could not enter its sandbox", w->host->program);
        else if (!w->exhausted)
                log_notice("%s ended with %s %d", w->host->program,
                           code == CLD_EXITED ? "exit status" : "signal", status);

        if (w->exhausted) {
                condition = EXM_E_LIMIT_EXCEEDED;
                if (asprintf(&why,
                             "the files took more than %u s of processor time; narrow the "
                             "expression",
                             w->host->limits->worker_cpu_sec) < 0)
                        why = NULL;
        } else if (asprintf(&why,
                            "the process that parses the files ended (%s %d); narrow the "
                            "expression, or name one file at a time to find the one to blame",
                            code == CLD_EXITED ? "exit status" : "signal", status) < 0) {
                why = NULL;
        }
        worker_die(w, condition, why ?: "the process that parses the files ended");
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        Worker *w = userdata;

        log_notice("A worker did not answer in time and is killed");
        worker_die(w, EXM_E_LIMIT_EXCEEDED,
                   "the files took longer than a call may take; narrow the expression, "
                   "or take a smaller text");
        return 0;
}

/* Whatever comes in beside the one answer: only a compromised worker sends that. */
static int on_stray(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Worker *w = userdata;

        if (sd_bus_is_open(w->bus) <= 0 || !w->alive) {
                worker_lost(w);
                return 1;
        }
        log_warning("A worker sent a message that nobody asked for and is killed");
        worker_die(w, EXM_E_WORKER_FAILED,
                   "the process that parses the files misbehaved and was stopped; the service's "
                   "log tells more");
        return 1;
}

/* Words from the worker: one line, of bounded length. sd-bus has checked that they are UTF-8. */
static void take_message(Failure *f, Condition condition, const char *message)
{
        char text[MESSAGE_MAX + 1];
        size_t n = 0;

        for (; message && message[n] && n < MESSAGE_MAX; n++)
                text[n] = (unsigned char)message[n] < 0x20 || message[n] == 0x7f ? ' ' : message[n];
        if (message && message[n])
                while (n > 0 && ((unsigned char)message[n] & 0xc0) == 0x80)
                        n--;
        text[n] = '\0';
        failure_set(f, condition, "%s", text);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Worker *w = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Condition condition;

        if (sd_bus_is_open(w->bus) <= 0) {
                worker_lost(w);
                return 1;
        }
        if (!w->alive)
                return 1;
        if (!error) {
                w->reply = sd_bus_message_ref(m);
                worker_settle(w, 0);
                return 1;
        }

        condition = condition_from_dbus_name(error->name);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                if (answers[i] == condition) {
                        take_message(&w->failure, condition, error->message);
                        worker_settle(w, condition);
                        return 1;
                }
        worker_die(
                w, EXM_E_WORKER_FAILED,
                "the process that parses the files ran out of memory or failed inside; narrow the "
                "expression");
        log_warning("A worker answered with an error that is not in its protocol and is killed");
        return 1;
}

static int worker_spawn(Worker *w, int fd)
{
        const WorkerHost *host = w->host;
        char uid[16], gid[16], cpu[16], memory[24], no_chroot[] = "--no-chroot";
        char name[] = "exmachina-worker";
        char *argv[8] = { name };
        const int fds[] = { -1, -1, fd };
        size_t n = 1;
        int r;

        _Static_assert(WORKER_FD == ELEMENTSOF(fds), "the socket is the last descriptor");
        snprintf(uid, sizeof(uid), "%u", host->uid);
        snprintf(gid, sizeof(gid), "%u", host->gid);
        snprintf(cpu, sizeof(cpu), "%u", host->limits->worker_cpu_sec);
        snprintf(memory, sizeof(memory), "%llu", (unsigned long long)host->limits->worker_memory);
        if (geteuid() != 0)
                argv[n++] = no_chroot;
        argv[n++] = host->lens_dir;
        argv[n++] = uid;
        argv[n++] = gid;
        argv[n++] = cpu;
        argv[n++] = memory;

        r = child_spawn(&w->child, host->event, host->program, argv, fds, ELEMENTSOF(fds),
                        on_exit_child, w);
        if (r < 0)
                return r;
        w->alive = true;
        w->host->n_running++;
        return 0;
}

static int worker_connect(Worker *w, int *fd)
{
        int r;

        r = sd_bus_new(&w->bus);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(w->bus, *fd, *fd);
        if (r < 0)
                return r;
        *fd = -1; /* the bus closes it */
        r = sd_bus_add_filter(w->bus, NULL, on_stray, w);
        if (r < 0)
                return r;
        r = sd_bus_start(w->bus);
        if (r < 0)
                return r;
        return sd_bus_attach_event(w->bus, w->host->event, SD_EVENT_PRIORITY_NORMAL);
}

static int worker_add_sources(Worker *w)
{
        int r;

        r = sd_event_add_defer(w->host->event, &w->deliver, on_deliver, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->deliver, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_time(w->host->event, &w->timer, CLOCK_MONOTONIC, 0, 1, on_timeout, w);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
}

DEFINE_CLEANUP(Worker *, worker_free);

int worker_new(Worker **ret, WorkerHost *host, Failure *f)
{
        _cleanup_(worker_free_cleanup) Worker *w = NULL;
        _cleanup_close_ int ours = -1, theirs = -1;
        int pair[2], r;

        if (host->n_running >= host->limits->workers_total)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "all %u parser processes are in use; try again later",
                                   host->limits->workers_total);

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->host = host;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        theirs = pair[1];

        r = worker_add_sources(w);
        if (r == 0)
                r = worker_spawn(w, theirs);
        if (r == 0)
                r = worker_connect(w, &ours);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}

Worker *worker_free(Worker *w)
{
        if (!w)
                return NULL;

        worker_release(w);
        sd_event_source_disable_unref(w->deliver);
        sd_event_source_disable_unref(w->timer);
        sd_bus_slot_unref(w->slot);
        sd_bus_message_unref(w->reply);
        failure_done(&w->failure);
        sd_bus_close_unref(w->bus);
        free(w);
        return NULL;
}

int worker_method(Worker *w, const char *name, sd_bus_message **ret)
{
        int r;

        if (!w->bus)
                return -ENOTCONN;
        r = sd_bus_message_new_method_call(w->bus, ret, NULL, WORKER_OBJECT, WORKER_INTERFACE,
                                           name);
        return r < 0 ? r : 0;
}

int worker_call(Worker *w, sd_bus_message *m, unsigned timeout_sec, WorkerDone done, void *userdata)
{
        int r;

        if (w->busy || !w->bus)
                return -EBUSY;

        r = sd_event_source_set_time_relative(w->timer, timeout_sec * USEC_PER_SEC);
        if (r < 0)
                return r;
        w->busy = true;
        w->done = done;
        w->userdata = userdata;
        w->r = 0;
        sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);

        /* sd-bus' own time-out would answer like the worker could: the timer above is the one. */
        r = sd_bus_call_async(w->bus, &w->slot, m, on_reply, w, UINT64_MAX);
        if (r == -ENOMEM || r == -EINVAL) {
                w->busy = false;
                sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
                return r;
        }
        if (!w->alive || r < 0) {
                /* Died unnoticed since the last call. */
                failure_set(&w->failure, EXM_E_WORKER_FAILED,
                            "the process that parses the files has ended; try again");
                worker_release(w);
                worker_settle(w, EXM_E_WORKER_FAILED);
        }
        return 0;
}

bool worker_is_alive(const Worker *w)
{
        return w->alive;
}

bool worker_is_exhausted(const Worker *w)
{
        return w->exhausted;
}

int worker_condemn(Worker *w, const char *what, Failure *f)
{
        log_warning("A worker gave an answer that cannot be right (%s) and is killed", what);
        worker_die(w, EXM_E_WORKER_FAILED, what);
        return failure_set(f, EXM_E_WORKER_FAILED,
                           "the process that parses the files gave an answer that cannot be right "
                           "(%s) and was stopped; the service's log tells more",
                           what);
}
