/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pk-job.c - CreateTransaction, SetHints, the method; then signals.
 *
 * The bus delivers in order: the match stands before the method is called, so no signal is missed.
 * The owner's callbacks may free the job; so nothing of it is touched after one has run.
 */
#include "packages/pk-job.h"

#include <errno.h>
#include <string.h>

#include "packages/packages.h"
#include "packages/pk-error.h"
#include "util/log.h"
#include "util/strv.h"

#define PK_NAME      "org.freedesktop.PackageKit"
#define PK_PATH      "/org/freedesktop/PackageKit"
#define PK_INTERFACE "org.freedesktop.PackageKit.Transaction"
#define BUS_NAME     "org.freedesktop.DBus"

/* One answer; it may have to be started first. */
#define CALL_USEC (60 * UINT64_C(1000000))
/* The longest maintainer script. */
#define SILENCE_USEC (1800 * UINT64_C(1000000))

#define MAX_PACKAGES      100000U
#define MAX_ID_BYTES      1024U
#define EXIT_SUCCESS_ENUM 1U /* PK_EXIT_ENUM_SUCCESS */
/* PkStatusEnum */
#define STATUS_WAIT             1U /* in the queue */
#define STATUS_LOADING_CACHE    27U
#define STATUS_WAITING_FOR_LOCK 30U
#define STATUS_WAITING_FOR_AUTH 31U /* and after that in the queue */

struct PkJob {
        sd_bus *bus;
        PkMethod method;
        uint64_t bits;
        char **strings;
        PkOwner owner;
        char *path, *sender; /* of the transaction; unique name of PackageKit */
        sd_bus_slot *call, *signals, *vanished;
        sd_event_source *silence, *queue;
        PkPackage *packages;
        size_t n_packages;
        Failure failure; /* from ErrorCode */
        uint32_t status; /* PkStatusEnum */
        bool under_way;  /* the method was called */
        bool impatient;  /* it has been in the queue for a while */
};

static const char *const members[] = {
        [PK_RESOLVE] = "Resolve",
        [PK_REFRESH_CACHE] = "RefreshCache",
        [PK_INSTALL_PACKAGES] = "InstallPackages",
        [PK_REMOVE_PACKAGES] = "RemovePackages",
};

static void job_stop(PkJob *job)
{
        job->call = sd_bus_slot_unref(job->call);
        job->signals = sd_bus_slot_unref(job->signals);
        job->vanished = sd_bus_slot_unref(job->vanished);
        job->silence = sd_event_source_disable_unref(job->silence);
        job->queue = sd_event_source_disable_unref(job->queue);
}

/* The job may be gone after this. */
static void job_finish(PkJob *job, int r, Failure *f)
{
        _cleanup_failure_ Failure mine = { 0 };

        if (f)
                failure_move(&mine, f);
        job_stop(job);
        job->under_way = false;
        job->owner.done(r, &mine, job->owner.userdata);
}

static void job_finish_error(PkJob *job, const sd_bus_error *error)
{
        _cleanup_failure_ Failure f = { 0 };
        int r = pk_bus_error_set(&f, error);

        job_finish(job, r, &f);
}

static int on_silence(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_failure_ Failure f = { 0 };
        int r = failure_set(&f, EXM_E_TIMEOUT,
                            "PackageKit has not told anything for half an hour; it may still be at "
                            "work: see journalctl -u packagekit");

        job_finish(userdata, r, &f);
        return 0;
}

static void cancel(const PkJob *job)
{
        int r;

        r = sd_bus_call_method_async(job->bus, NULL, job->sender, job->path, PK_INTERFACE, "Cancel",
                                     NULL, NULL, NULL);
        if (r < 0)
                log_warning("PackageKit cannot be told to cancel: %s", strerror(-r));
}

/* Cancel is safe in the queue, of any job: should it begin just now, it has first to load a cache,
 * and PackageKit looks whether it was cancelled before it runs dpkg. */
static int on_queue(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_failure_ Failure f = { 0 };
        PkJob *job = userdata;
        int r = 0;

        if (!job->impatient) {
                job->impatient = true;
                r = sd_event_source_set_time_relative(source,
                                                      PACKAGES_WAIT_USEC - PACKAGES_PATIENCE_USEC);
                if (r >= 0)
                        r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
                if (r >= 0 && job->owner.waits)
                        job->owner.waits(job->owner.userdata);
                return r;
        }
        cancel(job);
        r = failure_set(&f, EXM_E_BUSY,
                        "PackageKit is at work for another program: try again when it is done");
        job_finish(job, r, &f);
        return 0;
}

static int job_call(PkJob *job, sd_bus_message *m, sd_bus_message_handler_t handler)
{
        int r;

        job->call = sd_bus_slot_unref(job->call);
        r = sd_bus_message_set_allow_interactive_authorization(m, /* b= */ false);
        if (r >= 0)
                r = sd_bus_call_async(job->bus, &job->call, m, handler, job, CALL_USEC);
        return r < 0 ? r : 0;
}

/* --- signals --- */

static int add_package(PkJob *job, uint32_t info, const char *id)
{
        size_t n = job->n_packages;
        PkPackage *grown;
        char *copy;

        if (n >= MAX_PACKAGES || strlen(id) > MAX_ID_BYTES)
                return -E2BIG;
        if ((n & (n - 1)) == 0) {
                grown = reallocarray(job->packages, n == 0 ? 1 : 2 * n, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                job->packages = grown;
        }
        copy = strdup(id);
        if (!copy)
                return -ENOMEM;
        job->packages[job->n_packages++] = (PkPackage){ .info = info, .id = copy };
        return 0;
}

static void leave_queue(PkJob *job)
{
        if (!job->queue)
                return;
        job->queue = sd_event_source_disable_unref(job->queue);
        if (job->owner.begins)
                job->owner.begins(job->owner.userdata);
}

static int on_package(PkJob *job, sd_bus_message *m)
{
        const char *id, *summary;
        uint32_t info;
        int r;

        leave_queue(job);
        r = sd_bus_message_read(m, "uss", &info, &id, &summary);
        if (r >= 0)
                r = add_package(job, info, id);
        if (r >= 0 && job->owner.package)
                job->owner.package(&job->packages[job->n_packages - 1], job->owner.userdata);
        return r;
}

static int on_error_code(PkJob *job, sd_bus_message *m)
{
        const char *details;
        uint32_t code;
        int r;

        r = sd_bus_message_read(m, "us", &code, &details);
        if (r >= 0)
                (void)pk_error_set(&job->failure, code, details);
        return r;
}

static int on_finished(PkJob *job, sd_bus_message *m)
{
        uint32_t exit, runtime;
        int r;

        r = sd_bus_message_read(m, "uu", &exit, &runtime);
        if (r < 0)
                return r;
        if (exit == EXIT_SUCCESS_ENUM)
                job_finish(job, 0, NULL);
        else
                job_finish(job,
                           failure_set(&job->failure, EXM_E_PACKAGE_FAILED,
                                       "PackageKit has ended without success and without a reason; "
                                       "see: journalctl -u packagekit"),
                           &job->failure);
        return 0;
}

/* Of a{sv} those that are wanted. */
static int read_properties(PkJob *job, sd_bus_message *m, uint32_t *percent)
{
        const char *name;
        uint32_t *wanted;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &name);
                if (r < 0)
                        break;
                wanted = strcmp(name, "Percentage") == 0 ? percent
                         : strcmp(name, "Status") == 0   ? &job->status
                                                         : NULL;
                r = wanted ? sd_bus_message_read(m, "v", "u", wanted) : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

/* 101 stands for unknown. Loading its cache, which each transaction does first, goes from 0 to 100
 * by itself: that says nothing of the whole. */
static int on_properties(PkJob *job, sd_bus_message *m)
{
        uint32_t percent = 101;
        int r;

        r = sd_bus_message_skip(m, "s");
        if (r >= 0)
                r = read_properties(job, m, &percent);
        if (job->status > STATUS_WAIT && job->status != STATUS_WAITING_FOR_AUTH)
                leave_queue(job);
        if (job->status == STATUS_WAITING_FOR_LOCK && job->owner.waits)
                job->owner.waits(job->owner.userdata);
        if (r >= 0 && percent <= 100 && job->status != STATUS_LOADING_CACHE &&
            job->owner.percentage)
                job->owner.percentage(percent, job->owner.userdata);
        return r;
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        static const struct {
                const char *interface, *member;
                int (*handle)(PkJob *job, sd_bus_message *m);
        } rows[] = {
                { PK_INTERFACE, "Package", on_package },
                { PK_INTERFACE, "ErrorCode", on_error_code },
                { PK_INTERFACE, "Finished", on_finished },
                { BUS_NAME ".Properties", "PropertiesChanged", on_properties },
        };
        PkJob *job = userdata;
        int r = 0;

        if (strcmp(sd_bus_message_get_sender(m) ?: "", job->sender) != 0)
                return 0;
        (void)sd_event_source_set_time_relative(job->silence, SILENCE_USEC);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (sd_bus_message_is_signal(m, rows[i].interface, rows[i].member) > 0) {
                        r = rows[i].handle(job, m);
                        break;
                }
        if (r < 0)
                log_warning("A signal of PackageKit cannot be taken: %s", strerror(-r));
        return 0;
}

static int on_vanished(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_failure_ Failure f = { 0 };
        int r;

        if (strcmp(sd_bus_message_get_sender(m) ?: "", BUS_NAME) != 0)
                return 0;
        r = failure_set(&f, EXM_E_PACKAGE_FAILED,
                        "PackageKit has ended in the middle; see: journalctl -u packagekit, dpkg "
                        "--audit");
        job_finish(userdata, r, &f);
        return 0;
}

/* --- calls --- */

static int on_method_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_method_error(reply, NULL))
                job_finish_error(userdata, sd_bus_message_get_error(reply));
        return 0;
}

static int append_arguments(const PkJob *job, sd_bus_message *m)
{
        int r;

        if (job->method == PK_REFRESH_CACHE)
                return sd_bus_message_append(m, "b", false);
        r = sd_bus_message_append(m, "t", job->bits);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, job->strings);
        /* allow_deps: the plan was judged; autoremove: nothing goes but what was asked for. */
        if (r >= 0 && job->method == PK_REMOVE_PACKAGES)
                r = sd_bus_message_append(m, "bb", true, false);
        return r;
}

static int on_hints_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = NULL;
        PkJob *job = userdata;
        int r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                job_finish_error(job, sd_bus_message_get_error(reply));
                return 0;
        }
        r = sd_bus_message_new_method_call(job->bus, &m, job->sender, job->path, PK_INTERFACE,
                                           members[job->method]);
        if (r >= 0)
                r = append_arguments(job, m);
        if (r >= 0)
                r = job_call(job, m, on_method_answer);
        if (r >= 0)
                r = sd_event_add_time_relative(sd_bus_get_event(job->bus), &job->queue,
                                               CLOCK_MONOTONIC, PACKAGES_PATIENCE_USEC, 0, on_queue,
                                               job);
        sd_bus_message_unref(m);
        if (r < 0)
                job_finish(job, r, NULL);
        else
                job->under_way = true;
        return 0;
}

static int set_hints(PkJob *job)
{
        sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(job->bus, &m, job->sender, job->path, PK_INTERFACE,
                                           "SetHints");
        if (r >= 0)
                r = sd_bus_message_append(m, "as", 3, "locale=C.UTF-8", "background=false",
                                          "interactive=false");
        if (r >= 0)
                r = job_call(job, m, on_hints_answer);
        sd_bus_message_unref(m);
        return r;
}

static int watch(PkJob *job)
{
        _cleanup_free_ char *signals = NULL, *vanished = NULL;
        int r;

        if (asprintf(&signals, "type='signal',sender='%s',path='%s'", job->sender, job->path) < 0)
                signals = NULL;
        if (asprintf(&vanished,
                     "type='signal',sender='" BUS_NAME "',interface='" BUS_NAME "',"
                     "member='NameOwnerChanged',arg0='%s',arg2=''",
                     job->sender) < 0)
                vanished = NULL;
        if (!signals || !vanished)
                return -ENOMEM;
        r = sd_bus_add_match_async(job->bus, &job->signals, signals, on_signal, NULL, job);
        if (r >= 0)
                r = sd_bus_add_match_async(job->bus, &job->vanished, vanished, on_vanished, NULL,
                                           job);
        if (r >= 0)
                r = sd_event_add_time_relative(sd_bus_get_event(job->bus), &job->silence,
                                               CLOCK_BOOTTIME, SILENCE_USEC, 0, on_silence, job);
        return r;
}

static int on_created(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const char *path = NULL, *sender = sd_bus_message_get_sender(reply);
        PkJob *job = userdata;
        int r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                job_finish_error(job, sd_bus_message_get_error(reply));
                return 0;
        }
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0) {
                job->path = strdup(path);
                job->sender = strdup(sender ?: "");
                r = job->path && job->sender ? watch(job) : -ENOMEM;
        }
        if (r >= 0)
                r = set_hints(job);
        if (r < 0)
                job_finish(job, r, NULL);
        return 0;
}

int pk_job_start(PkJob **ret, sd_bus *bus, PkMethod method, uint64_t bits, char *const *strings,
                 const PkOwner *owner)
{
        sd_bus_message *m = NULL;
        PkJob *job;
        int r;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        *job = (PkJob){ .bus = sd_bus_ref(bus), .method = method, .bits = bits, .owner = *owner };
        job->strings = strv_copy(strings);
        r = job->strings || strv_length(strings) == 0
                    ? sd_bus_message_new_method_call(bus, &m, PK_NAME, PK_PATH, PK_NAME,
                                                     "CreateTransaction")
                    : -ENOMEM;
        if (r >= 0)
                r = job_call(job, m, on_created);
        sd_bus_message_unref(m);
        if (r < 0) {
                pk_job_free(job, /* cancel= */ false);
                return r;
        }
        *ret = job;
        return 0;
}

const PkPackage *pk_job_packages(const PkJob *job, size_t *ret_n)
{
        *ret_n = job->n_packages;
        return job->packages;
}

PkJob *pk_job_free(PkJob *job, bool cancel_it)
{
        if (!job)
                return NULL;
        if (cancel_it && job->under_way)
                cancel(job);
        job_stop(job);
        for (size_t i = 0; i < job->n_packages; i++)
                free(job->packages[i].id);
        free(job->packages);
        strv_free(job->strings);
        failure_done(&job->failure);
        free(job->path);
        free(job->sender);
        sd_bus_unref(job->bus);
        free(job);
        return NULL;
}
