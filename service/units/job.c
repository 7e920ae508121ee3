/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * job.c - units_job(): queue a job in systemd, wait for its end, say how it ended.
 *
 * Three steps: StartUnit (or its like) answers with the job's object path; JobRemoved tells the
 * job's result; the unit's properties tell its state and why it failed. JobRemoved may be there
 * before the reply, so the jobs that end in between are remembered by the request until it knows
 * which is its own. When systemd itself is restarted in the middle (daemon-reexec) the job is
 * looked up again: its end may have been announced while nobody had the name.
 */
#include <errno.h>
#include <string.h>

#include "units/request.h"
#include "units/unit-error.h"
#include "units/unit-status.h"

typedef struct EarlyEnd {
        char *job, *result;
} EarlyEnd;

typedef struct JobRequest {
        UnitsRequest request;
        UnitVerb verb;
        char *job;    /* object path; NULL until systemd has answered */
        char *result; /* NULL until the job has ended */
        EarlyEnd *early;
        size_t n_early;
} JobRequest;

/* Only verbs that make a job have a method here. */
static const char *const job_methods[_UNIT_VERB_MAX] = {
        [UNIT_START] = "StartUnit",
        [UNIT_STOP] = "StopUnit",
        [UNIT_RESTART] = "RestartUnit",
        [UNIT_RELOAD] = "ReloadUnit",
        [UNIT_RELOAD_OR_RESTART] = "ReloadOrRestartUnit",
};

/* Of a job whose end systemd could not announce, because it was restarted meanwhile. */
#define RESULT_UNKNOWN "unknown"

static JobRequest *job_request(UnitsRequest *request)
{
        return (JobRequest *)request;
}

static void job_forget_early(JobRequest *j)
{
        for (size_t i = 0; i < j->n_early; i++) {
                free(j->early[i].job);
                free(j->early[i].result);
        }
        free(j->early);
        j->early = NULL;
        j->n_early = 0;
}

static void job_release(UnitsRequest *request)
{
        JobRequest *j = job_request(request);

        job_forget_early(j);
        free(j->job);
        free(j->result);
}

static void job_finish(JobRequest *j, const UnitProperties *p)
{
        _cleanup_failure_ Failure f = { 0 };
        int r;

        if (strcmp(j->result, RESULT_UNKNOWN) == 0)
                r = failure_set(&f, EXM_E_UNIT_FAILED,
                                "%s: systemd was restarted during the %s, whose result is not "
                                "known; the unit is %s; see: systemctl status %s",
                                j->request.id, unit_verb_to_string(j->verb), p->status.active_state,
                                j->request.id);
        else
                r = unit_job_result_check(&f, j->request.id, j->verb, j->result, p->result);
        request_finish(&j->request, r, &f,
                       r != 0 ? NULL
                              : &(UnitsResult){ .result = j->result,
                                                .active_state = p->status.active_state });
}

static int on_ended_status(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_properties_ UnitProperties p = { 0 };
        JobRequest *j = job_request(userdata);
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(&j->request, "tell its state after the job",
                                     sd_bus_message_get_error(m));
                return 0;
        }
        r = unit_properties_read(&p, m);
        if (r < 0)
                request_finish(&j->request, r, NULL, NULL);
        else
                job_finish(j, &p);
        return 0;
}

/* The job has ended: from here only the unit's state is waited for. */
static void job_ended(JobRequest *j, const char *result)
{
        _cleanup_free_ char *path = NULL;
        int r = -ENOMEM;

        j->request.timer = sd_event_source_disable_unref(j->request.timer);
        j->result = strdup(result);
        path = request_unit_path(j->request.id);
        if (j->result && path)
                r = unit_properties_call(&j->request, path, on_ended_status);
        if (r < 0)
                request_finish(&j->request, r, NULL, NULL);
}

/* Returns: 0 or -ENOMEM. */
static int job_remember_early(JobRequest *j, const char *job, const char *result)
{
        _cleanup_free_ char *job_copy = strdup(job), *result_copy = strdup(result);
        EarlyEnd *grown;

        if (!job_copy || !result_copy)
                return -ENOMEM;
        grown = reallocarray(j->early, j->n_early + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        j->early = grown;
        j->early[j->n_early++] =
                (EarlyEnd){ .job = TAKE_PTR(job_copy), .result = TAKE_PTR(result_copy) };
        return 0;
}

static void job_removed(UnitsRequest *request, const char *job, const char *result)
{
        JobRequest *j = job_request(request);
        int r;

        if (j->result)
                return;
        if (j->job) {
                if (strcmp(j->job, job) == 0)
                        job_ended(j, result);
                return;
        }
        r = job_remember_early(j, job, result);
        if (r < 0)
                request_finish(request, r, NULL, NULL);
}

static int on_looked_up(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        /* Any other error says nothing about the job: then the signal or the timer ends it. */
        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_UNKNOWN_OBJECT))
                job_ended(job_request(userdata), RESULT_UNKNOWN);
        return 0;
}

/* systemd keeps the numbers of its jobs through daemon-reexec; a job that is gone has ended. */
static void job_systemd_changed(UnitsRequest *request)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        JobRequest *j = job_request(request);
        int r;

        if (!j->job || j->result)
                return;
        r = request_message(request, &m, j->job, BUS_PROPERTIES, "Get");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", SYSTEMD_JOB, "State");
        if (r >= 0)
                r = request_call(request, m, SYSTEMD_CALL_USEC, on_looked_up);
        if (r < 0)
                request_finish(request, r, NULL, NULL);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_failure_ Failure f = { 0 };
        JobRequest *j = userdata;
        int r;

        r = failure_set(&f, EXM_E_TIMEOUT,
                        "%s: %s has not ended within %u seconds; see: systemctl "
                        "list-jobs, systemctl status %s",
                        j->request.id, unit_verb_to_string(j->verb),
                        j->request.units->limits->job_sec, j->request.id);
        request_finish(&j->request, r, &f, NULL);
        return 0;
}

static int job_start_timer(JobRequest *j)
{
        Units *units = j->request.units;

        return sd_event_add_time_relative(
                sd_bus_get_event(units->bus), &j->request.timer, CLOCK_MONOTONIC,
                units->limits->job_sec * UINT64_C(1000000), 0, on_timeout, j);
}

static int on_queued(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        JobRequest *j = job_request(userdata);
        const char *job;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(&j->request, unit_verb_to_string(j->verb),
                                     sd_bus_message_get_error(m));
                return 0;
        }
        r = sd_bus_message_read(m, "o", &job);
        if (r >= 0) {
                j->job = strdup(job);
                r = j->job ? job_start_timer(j) : -ENOMEM;
        }
        if (r < 0) {
                request_finish(&j->request, r, NULL, NULL);
                return 0;
        }
        for (size_t i = 0; i < j->n_early; i++)
                if (strcmp(j->early[i].job, j->job) == 0) {
                        job_ended(j, j->early[i].result);
                        return 0;
                }
        job_forget_early(j);
        return 0;
}

int units_job(Units *units, const char *id, UnitVerb verb, UnitsDone done, void *userdata,
              UnitsRequest **ret)
{
        static const RequestKind kind = {
                .release = job_release,
                .job_removed = job_removed,
                .systemd_changed = job_systemd_changed,
        };
        _cleanup_message_ sd_bus_message *m = NULL;
        UnitsRequest *request;
        int r;

        if ((unsigned)verb >= _UNIT_VERB_MAX || !job_methods[verb])
                return -EINVAL;
        r = request_new(&request, sizeof(JobRequest), &kind, units, id, done, userdata);
        if (r < 0)
                return r;
        job_request(request)->verb = verb;
        r = request_message(request, &m, SYSTEMD_PATH, SYSTEMD_MANAGER, job_methods[verb]);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", id, "replace");
        if (r >= 0)
                r = request_call(request, m, SYSTEMD_CALL_USEC, on_queued);
        return request_start(request, r, ret);
}
