/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run.c - StartTransientUnit, two pipes, a timer.
 *
 * The verdict comes when everything in the jail is dead, so all of the checker's words are in the
 * pipe by then. No verdict at the end of the pipe: the unit was killed, or was never set up. The
 * timer is only for a systemd that does not answer: time in the jail is kept by exmachina-validate
 * and by its unit.
 */
#include "validate/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>

#include "util/log.h"
#include "validate/turns.h"

#define WORDS_KEPT    (64U << 10)
#define WORDS_MAX     (1U << 20)
#define CONTROL_BYTES 512U
#define READ_BYTES    (16U << 10)
#define START_SEC     60U
#define START_USEC    (START_SEC * UINT64_C(1000000))

#define SYSTEMD      "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER      SYSTEMD ".Manager"

struct Jails {
        sd_bus *bus;
        JailConfig config;
        Turns turns;
};

struct CheckRun {
        Turn turn; /* first: one is the other */
        Jails *jails;
        JailRun jail;
        RunDone done;
        void *userdata;
        bool ended;
        char unit[64];
        sd_bus_slot *call;
        sd_event_source *output, *control, *timer, *end;
        char *words;
        size_t n_words, n_printed;
        char said[CONTROL_BYTES];
        size_t n_said;
        RunResult result;
};

int jails_new(Jails **ret, sd_bus *bus, const JailConfig *config)
{
        Jails *jails;

        jails = calloc(1, sizeof(*jails));
        if (!jails)
                return -ENOMEM;
        *jails = (Jails){ .bus = bus, .config = *config };
        turns_init(&jails->turns);
        *ret = jails;
        return 0;
}

Jails *jails_free(Jails *jails)
{
        free(jails);
        return NULL;
}

/* --- the end --- */

static void run_next(Jails *jails);

static int on_stopped(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return 0;
}

/* The whole unit at once; systemd forgets it by itself then. */
static void stop_unit(CheckRun *run)
{
        int r;

        r = sd_bus_call_method_async(run->jails->bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                     "StopUnit", on_stopped, NULL, "ss", run->unit, "replace");
        if (r < 0)
                log_error("%s: cannot be stopped: %s", run->unit, strerror(-r));
}

static void release(CheckRun *run)
{
        run->call = sd_bus_slot_unref(run->call);
        run->output = sd_event_source_disable_unref(run->output);
        run->control = sd_event_source_disable_unref(run->control);
        run->timer = sd_event_source_disable_unref(run->timer);
        run->end = sd_event_source_disable_unref(run->end);
        turns_end(&run->jails->turns, &run->turn);
        run_next(run->jails);
}

CheckRun *check_run_free(CheckRun *run)
{
        if (!run)
                return NULL;
        if (run->turn.running && !run->ended)
                stop_unit(run);
        release(run);
        free(run->words);
        free(run);
        return NULL;
}

static int on_end(sd_event_source *source, void *userdata)
{
        CheckRun *run = userdata;
        RunResult result = run->result;

        result.words = run->words;
        result.n_words = run->n_words;
        release(run);
        run->done(&result, run->userdata);
        return 0;
}

/* `done` runs from the loop, where it may free the run. */
static void finish(CheckRun *run, RunEnd end, int status)
{
        if (run->ended)
                return;
        run->ended = true;
        run->result = (RunResult){ .end = end, .status = status };
        if (sd_event_add_defer(sd_bus_get_event(run->jails->bus), &run->end, on_end, run) < 0)
                log_error("%s: out of memory", run->unit);
}

static void finish_in_trouble(CheckRun *run, const char *trouble)
{
        if (!run->ended)
                log_warning("validator %s: %s", run->jail.validator->name, trouble);
        finish(run, RUN_TROUBLE, 0);
}

/* --- pipes --- */

/* Returns: 1 if there was something, 0 at the end, -EAGAIN. */
static int read_words(CheckRun *run, int fd)
{
        char buffer[READ_BYTES];
        ssize_t n = read(fd, buffer, sizeof(buffer));
        size_t kept;

        if (n < 0)
                return -EAGAIN;
        if (!run->words) {
                run->words = malloc(WORDS_KEPT);
                if (!run->words)
                        return 0;
        }
        kept = (size_t)n < WORDS_KEPT - run->n_words ? (size_t)n : WORDS_KEPT - run->n_words;
        memcpy(run->words + run->n_words, buffer, kept);
        run->n_words += kept;
        run->n_printed += (size_t)n;
        return n > 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        CheckRun *run = userdata;
        int r;

        r = read_words(run, fd);
        if (r == 0)
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (run->n_printed > WORDS_MAX && !run->ended) {
                stop_unit(run);
                finish(run, RUN_OUTPUT, 0);
        }
        return 0;
}

/* What was printed before the end is in the pipe, which holds no more than 64 KiB. */
static void drain_output(CheckRun *run)
{
        int fd = sd_event_source_get_io_fd(run->output);

        for (unsigned i = 0; i < 2 * WORDS_KEPT / READ_BYTES && read_words(run, fd) > 0;)
                i++;
}

/* Returns: true if `line` is one. */
static bool read_verdict(const char *line, RunEnd *ret_end, int *ret_status)
{
        *ret_status = 0;
        if (strcmp(line, "timeout") == 0)
                *ret_end = RUN_TIMEOUT;
        else if (sscanf(line, "exit %d", ret_status) == 1)
                *ret_end = RUN_EXITED;
        else if (sscanf(line, "signal %d", ret_status) == 1)
                *ret_end = RUN_SIGNALLED;
        else
                return false;
        return true;
}

/* One line alone is the verdict; another before it is why it could not become the checker. */
static void judge(CheckRun *run, bool at_end)
{
        bool complete = run->n_said > 0 && run->said[run->n_said - 1] == '\n';
        _cleanup_free_ char *said = strndup(run->said, run->n_said - complete);
        const char *last;
        int status = 0;
        RunEnd end = RUN_TROUBLE;

        if (!said) {
                finish_in_trouble(run, "out of memory");
                return;
        }
        last = strrchr(said, '\n');
        if (complete && read_verdict(last ? last + 1 : said, &end, &status) && !last)
                finish(run, end, status);
        else if (at_end || end != RUN_TROUBLE)
                finish_in_trouble(run, *said ? said : "its unit was ended, or could not be set up");
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        CheckRun *run = userdata;
        ssize_t n;

        n = read(fd, run->said + run->n_said, CONTROL_BYTES - run->n_said);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        else
                run->n_said += (size_t)n;
        drain_output(run);
        judge(run, n <= 0);
        return 0;
}

/* --- the start --- */

static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        CheckRun *run = userdata;

        if (e) {
                log_error("%s: %s", run->unit, e->message ?: e->name);
                finish_in_trouble(run, "systemd did not start its unit");
        }
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        CheckRun *run = userdata;

        stop_unit(run);
        finish_in_trouble(run, "systemd has not started and ended its unit in time");
        return 0;
}

/* `ret` [0] is ours, [1] the unit's. */
static int make_pipe(CheckRun *run, sd_event_io_handler_t handler, sd_event_source **source,
                     int *ret)
{
        sd_event *event = sd_bus_get_event(run->jails->bus);
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *ret = fds[1];
        r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0
                    ? -errno
                    : sd_event_add_io(event, source, fds[0], EPOLLIN, handler, run);
        if (r < 0) {
                close(fds[0]);
                return r;
        }
        return sd_event_source_set_io_fd_own(*source, true);
}

static int start_unit(CheckRun *run)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_close_ int output = -1, control = -1;
        sd_bus *bus = run->jails->bus;
        uint64_t usec = START_USEC + run->jail.validator->timeout_sec * UINT64_C(1000000);
        int r;

        r = make_pipe(run, on_output, &run->output, &output);
        if (r >= 0)
                r = make_pipe(run, on_control, &run->control, &control);
        run->jail.output = output;
        run->jail.control = control;
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                                   "StartTransientUnit");
        if (r >= 0)
                r = jail_append(m, run->unit, &run->jails->config, &run->jail);
        if (r >= 0)
                r = sd_bus_call_async(bus, &run->call, m, on_started, run, START_USEC);
        if (r >= 0)
                r = sd_event_add_time_relative(sd_bus_get_event(bus), &run->timer, CLOCK_MONOTONIC,
                                               usec, 0, on_timer, run);
        return r;
}

static void run_next(Jails *jails)
{
        Turn *turn;

        while ((turn = turns_next(&jails->turns))) {
                CheckRun *run = (CheckRun *)turn;
                int r = start_unit(run);

                if (r < 0) {
                        log_error("%s: %s", run->unit, strerror(-r));
                        finish_in_trouble(run, "its unit could not be asked for");
                }
        }
}

bool jails_full(const Jails *jails, uid_t uid)
{
        return turns_full(&jails->turns, uid);
}

int check_run_start(CheckRun **ret, Jails *jails, uid_t uid, const JailRun *jail, RunDone done,
                    void *userdata)
{
        sd_id128_t id;
        CheckRun *run;
        int r;

        r = sd_id128_randomize(&id);
        if (r < 0)
                return r;
        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;
        *run = (CheckRun){ .jails = jails, .jail = *jail, .done = done, .userdata = userdata };
        snprintf(run->unit, sizeof(run->unit), "exmachina-validate-%016" PRIx64 ".service",
                 id.qwords[0]);
        turns_wait(&jails->turns, &run->turn, uid);
        *ret = run;
        run_next(jails);
        return 0;
}
