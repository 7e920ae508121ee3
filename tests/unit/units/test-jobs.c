/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-jobs.c - jobs against a systemd of our own on a private bus: the orders of messages that the
 * real one rarely shows, signals forged by another connection, and requests that end early.
 *
 * Three connections on one event loop: the one under test, the false systemd, and a stranger. What
 * the false systemd does with a job is in the unit's name. Skipped without dbus-daemon.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "bench.h"

#define SKIPPED 77
#define NAME    "org.freedesktop.systemd1"
#define PATH    "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define JOB     PATH "/job/7"

static const char bus_config[] =
        "<busconfig><type>custom</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>"
        "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"
        "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>";

typedef struct World {
        pid_t daemon;
        char address[256];
        sd_event *event;
        Bench bench;
        sd_bus *systemd, *stranger;
        sd_bus_message *pending; /* a start that is not answered yet */
        unsigned n_interactive;  /* calls that would have let systemd prompt */
        unsigned n_started;
} World;

static int connect_to(World *w, sd_bus **ret)
{
        assert_int_equal(sd_bus_new(ret), 0);
        assert_true(sd_bus_set_address(*ret, w->address) >= 0);
        assert_true(sd_bus_set_bus_client(*ret, 1) >= 0);
        assert_true(sd_bus_start(*ret) >= 0);
        return sd_bus_attach_event(*ret, w->event, SD_EVENT_PRIORITY_NORMAL);
}

/* From `bus` to everybody, or to `destination` alone. */
static void send_removed(sd_bus *bus, const char *destination, const char *job, const char *result)
{
        sd_bus_message *m = NULL;

        assert_true(sd_bus_message_new_signal(bus, &m, PATH, MANAGER, "JobRemoved") >= 0);
        assert_true(sd_bus_message_append(m, "uoss", 7U, job, "x.service", result) >= 0);
        assert_true(sd_bus_send_to(bus, m, destination, NULL) >= 0);
        sd_bus_message_unref(m);
}

static int reply_properties(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "a{sv}", 4, "Id", "s", "x.service", "LoadState", "s",
                                          "loaded", "ActiveState", "s", "failed", "Result", "s",
                                          "signal");
}

static int start_unit(World *w, sd_bus_message *m)
{
        const char *unit, *mode;

        assert_true(sd_bus_message_read(m, "ss", &unit, &mode) >= 0);
        assert_string_equal(mode, "replace");
        w->n_started++;
        if (strcmp(unit, "late-reply.service") == 0) {
                w->pending = sd_bus_message_ref(m);
                return 1;
        }
        if (strcmp(unit, "early.service") == 0) {
                send_removed(w->systemd, NULL, PATH "/job/6", "failed");
                send_removed(w->systemd, NULL, JOB, "done");
        }
        assert_true(sd_bus_reply_method_return(m, "o", JOB) >= 0);
        if (strcmp(unit, "fails.service") == 0)
                send_removed(w->systemd, NULL, JOB, "failed");
        return 1;
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        World *w = userdata;

        w->n_interactive += sd_bus_message_get_allow_interactive_authorization(m) > 0 &&
                            !sd_bus_message_is_method_call(m, MANAGER, "Subscribe");
        if (sd_bus_message_is_method_call(m, MANAGER, "StartUnit"))
                return start_unit(w, m);
        if (sd_bus_message_is_method_call(m, MANAGER, "Subscribe"))
                return sd_bus_reply_method_return(m, "");
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll"))
                return reply_properties(m);
        return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "no such object");
}

static void start_systemd(World *w)
{
        assert_true(connect_to(w, &w->systemd) >= 0);
        assert_true(sd_bus_add_fallback(w->systemd, NULL, PATH, on_call, w) >= 0);
        assert_true(sd_bus_request_name(w->systemd, NAME, 0) >= 0);
}

static void stop_systemd(World *w)
{
        w->pending = sd_bus_message_unref(w->pending);
        w->systemd = sd_bus_flush_close_unref(w->systemd);
}

/* Returns: the private bus daemon's pid with its address in w->address; -1 where there is none. */
static pid_t start_daemon(World *w)
{
        char config[] = "/tmp/exm-test-bus-XXXXXX", argument[64];
        int out[2], fd = mkstemp(config);
        ssize_t n;
        pid_t pid;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, bus_config, strlen(bus_config)), (ssize_t)strlen(bus_config));
        close(fd);
        snprintf(argument, sizeof(argument), "--config-file=%s", config);
        assert_int_equal(pipe(out), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                dup2(out[1], STDOUT_FILENO);
                close(out[0]);
                close(out[1]);
                execlp("dbus-daemon", "dbus-daemon", argument, "--nofork", "--print-address=1",
                       (char *)NULL);
                _exit(SKIPPED);
        }
        close(out[1]);
        n = read(out[0], w->address, sizeof(w->address) - 1);
        close(out[0]);
        unlink(config);
        if (n <= 0)
                return -1;
        w->address[strcspn(w->address, "\n")] = 0;
        return pid;
}

static int setup(void **state)
{
        World *w = *state;

        w->n_started = 0;
        assert_int_equal(sd_event_new(&w->event), 0);
        start_systemd(w);
        assert_true(connect_to(w, &w->stranger) >= 0);
        bench_init(&w->bench, w->event, w->address);
        return 0;
}

static int teardown(void **state)
{
        World *w = *state;

        assert_int_equal(w->n_interactive, 0);
        if (w->bench.event)
                bench_done(&w->bench);
        stop_systemd(w);
        w->stranger = sd_bus_flush_close_unref(w->stranger);
        w->event = sd_event_unref(w->event);
        return 0;
}

static void starts(World *w, const char *unit, Answer *a, UnitsRequest **ret)
{
        answer_clear(a);
        assert_int_equal(units_job(w->bench.units, unit, UNIT_START, answer_take, a, ret), 0);
        assert_int_equal(a->n_done, 0);
}

static void a_job_that_ends_before_its_reply_is_seen(void **state)
{
        World *w = *state;
        Answer a = { 0 };

        starts(w, "early.service", &a, NULL);
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, 0);
        assert_string_equal(a.result, "done");
        assert_string_equal(a.active_state, "failed");
        answer_clear(&a);
}

static void the_first_request_needs_no_warming_up(void **state)
{
        World *w = *state;
        Answer a = { 0 };

        /* Sent in the same instant as GetNameOwner and Subscribe. */
        starts(w, "fails.service", &a, NULL);
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, EXM_E_UNIT_FAILED);
        assert_non_null(strstr(a.message, "(result 'signal')"));
        answer_clear(&a);
}

static void forged_signals_are_ignored(void **state)
{
        World *w = *state;
        const char *us;
        Answer a = { 0 };

        starts(w, "waits.service", &a, NULL);
        bench_run(&w->bench, 100);
        assert_true(sd_bus_get_unique_name(w->bench.bus, &us) >= 0);
        send_removed(w->stranger, us, JOB, "done");
        send_removed(w->stranger, NULL, JOB, "done");
        bench_run(&w->bench, 200);
        assert_int_equal(a.n_done, 0);

        send_removed(w->systemd, NULL, PATH "/job/77", "done");
        send_removed(w->systemd, NULL, JOB, "dependency");
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, EXM_E_UNIT_FAILED);
        answer_clear(&a);
}

static void forged_signals_before_the_reply_are_ignored(void **state)
{
        World *w = *state;
        const char *us;
        Answer a = { 0 };

        starts(w, "late-reply.service", &a, NULL);
        bench_run(&w->bench, 100);
        assert_non_null(w->pending);
        assert_true(sd_bus_get_unique_name(w->bench.bus, &us) >= 0);
        send_removed(w->stranger, us, JOB, "done");
        bench_run(&w->bench, 100);
        assert_true(sd_bus_reply_method_return(w->pending, "o", JOB) >= 0);
        bench_run(&w->bench, 100);
        assert_int_equal(a.n_done, 0);
        send_removed(w->systemd, NULL, JOB, "done");
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, 0);
        answer_clear(&a);
}

static void a_name_owner_change_cannot_be_forged(void **state)
{
        World *w = *state;
        sd_bus_message *m = NULL;
        const char *us, *stranger;
        Answer a = { 0 };

        starts(w, "waits.service", &a, NULL);
        bench_run(&w->bench, 100);
        assert_true(sd_bus_get_unique_name(w->bench.bus, &us) >= 0);
        assert_true(sd_bus_get_unique_name(w->stranger, &stranger) >= 0);
        assert_true(sd_bus_message_new_signal(w->stranger, &m, "/org/freedesktop/DBus",
                                              "org.freedesktop.DBus", "NameOwnerChanged") >= 0);
        assert_true(sd_bus_message_append(m, "sss", NAME, "", stranger) >= 0);
        assert_true(sd_bus_send_to(w->stranger, m, us, NULL) >= 0);
        send_removed(w->stranger, us, JOB, "done");
        bench_run(&w->bench, 200);
        assert_int_equal(a.n_done, 0);
        sd_bus_message_unref(m);
        send_removed(w->systemd, NULL, JOB, "done");
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, 0);
        answer_clear(&a);
}

static void a_job_lost_in_a_restart_of_systemd_is_unknown(void **state)
{
        World *w = *state;
        Answer a = { 0 };

        starts(w, "waits.service", &a, NULL);
        bench_run(&w->bench, 100);
        stop_systemd(w);
        bench_run(&w->bench, 100);
        assert_int_equal(a.n_done, 0);
        start_systemd(w);
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, EXM_E_UNIT_FAILED);
        assert_non_null(strstr(a.message, "systemd was restarted"));

        /* The new one is believed, and only it. */
        starts(w, "fails.service", &a, NULL);
        bench_wait(&w->bench, &a);
        assert_non_null(strstr(a.message, "(result 'signal')"));
        answer_clear(&a);
}

static void without_systemd_there_is_an_error(void **state)
{
        World *w = *state;
        Answer a = { 0 };

        stop_systemd(w);
        starts(w, "fails.service", &a, NULL);
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, EXM_E_UNIT_FAILED);
        assert_non_null(strstr(a.message, "not on the system bus"));
        answer_clear(&a);
}

static void the_limit_of_a_job_ends_the_waiting(void **state)
{
        World *w = *state;
        UnitsRequest *request = NULL;
        Answer a = { 0 };

        w->bench.limits.job_sec = 1;
        starts(w, "waits.service", &a, &request);
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, EXM_E_TIMEOUT);
        /* Its late end changes nothing. */
        send_removed(w->systemd, NULL, JOB, "done");
        bench_run(&w->bench, 100);
        assert_int_equal(a.n_done, 1);
        assert_null(units_request_free(request));
        answer_clear(&a);
}

static void a_cancelled_request_is_silent(void **state)
{
        World *w = *state;
        UnitsRequest *before_reply = NULL, *before_end = NULL;
        Answer a = { 0 }, b = { 0 };

        starts(w, "late-reply.service", &a, &before_reply);
        starts(w, "waits.service", &b, &before_end);
        bench_run(&w->bench, 100);
        units_request_free(before_reply);
        units_request_free(before_end);
        assert_true(sd_bus_reply_method_return(w->pending, "o", JOB) >= 0);
        send_removed(w->systemd, NULL, JOB, "done");
        bench_run(&w->bench, 100);
        assert_int_equal(w->n_started, 2);
        assert_int_equal(a.n_done, 0);
        assert_int_equal(b.n_done, 0);
        assert_null(units_request_free(NULL));
}

static void requests_are_freed_within_done(void **state)
{
        World *w = *state;
        UnitsRequest *own = NULL, *other = NULL;
        Answer a = { 0 }, b = { 0 }, c = { 0 };

        /* Its own request; and the next in the list, told of the same signal. */
        starts(w, "early.service", &a, &own);
        a.free_this = own;
        bench_wait(&w->bench, &a);
        assert_int_equal(a.r, 0);

        starts(w, "waits.service", &b, NULL);
        starts(w, "waits.service", &c, &other);
        b.free_this = other;
        bench_run(&w->bench, 100);
        send_removed(w->systemd, NULL, JOB, "done");
        bench_run(&w->bench, 200);
        assert_int_equal(b.n_done, 1);
        assert_int_equal(c.n_done, 0);
        answer_clear(&a);
        answer_clear(&b);
}

static void units_go_away_under_requests(void **state)
{
        World *w = *state;
        UnitsRequest *request = NULL;
        Answer a = { 0 }, b = { 0 };

        starts(w, "waits.service", &a, &request);
        starts(w, "late-reply.service", &b, NULL);
        bench_run(&w->bench, 100);
        bench_done(&w->bench);
        w->bench = (Bench){ 0 };
        assert_int_equal(a.n_done + b.n_done, 0);
        units_request_free(request);
}

#define with_world(f) cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, &world)

int main(void)
{
        World world = { 0 };
        const struct CMUnitTest tests[] = {
                with_world(a_job_that_ends_before_its_reply_is_seen),
                with_world(the_first_request_needs_no_warming_up),
                with_world(forged_signals_are_ignored),
                with_world(forged_signals_before_the_reply_are_ignored),
                with_world(a_name_owner_change_cannot_be_forged),
                with_world(a_job_lost_in_a_restart_of_systemd_is_unknown),
                with_world(without_systemd_there_is_an_error),
                with_world(the_limit_of_a_job_ends_the_waiting),
                with_world(a_cancelled_request_is_silent),
                with_world(requests_are_freed_within_done),
                with_world(units_go_away_under_requests),
        };
        int r;

        world.daemon = start_daemon(&world);
        if (world.daemon < 0)
                return SKIPPED;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        kill(world.daemon, SIGTERM);
        waitpid(world.daemon, NULL, 0);
        return r;
}
