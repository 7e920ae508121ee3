/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * countdown.c - see countdown.h.
 *
 * One poll on the terminal, the bus and a signalfd, once a second. The clock is ours; what has
 * become of the change is what the service says.
 */
#include "countdown.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "change.h"
#include "exit-status.h"
#include "interrupt.h"

#define LATE_SECONDS 10 /* after the deadline: then the history is asked */

typedef struct Countdown {
        Session *session;
        uint64_t change;
        unsigned seconds;  /* that were asked for: an extension is as long */
        time_t deadline;   /* CLOCK_MONOTONIC */
        const char *ended; /* by a signal of the service: "confirmed", "reverted"; NULL: not yet */
        struct termios before;
        sigset_t mask;
        int signals;
} Countdown;

static time_t monotonic(void)
{
        return (time_t)(interrupt_now() / 1000000);
}

static int on_signal(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
        Countdown *c = userdata;
        uint32_t remaining;
        uint64_t change;

        if (sd_bus_message_read(m, "t", &change) < 0 || change != c->change)
                return 0;
        if (sd_bus_message_is_signal(m, NULL, "Confirmed"))
                c->ended = "confirmed";
        else if (sd_bus_message_is_signal(m, NULL, "Reverted"))
                c->ended = "reverted";
        else if (sd_bus_message_is_signal(m, NULL, "Pending") &&
                 sd_bus_message_read(m, "u", &remaining) >= 0)
                c->deadline = monotonic() + (time_t)remaining;
        return 0;
}

static void begin(Countdown *c)
{
        static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        struct termios keys;
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(caught); i++)
                sigaddset(&set, caught[i]);
        sigprocmask(SIG_BLOCK, &set, &c->mask);
        c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        tcgetattr(STDIN_FILENO, &c->before);
        keys = c->before;
        keys.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        /* What was typed before the question is no answer to it. */
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
}

static void end(Countdown *c)
{
        fputs("\r\x1b[K", stderr);
        fflush(stderr);
        tcsetattr(STDIN_FILENO, TCSANOW, &c->before);
        if (c->signals >= 0)
                close(c->signals);
        sigprocmask(SIG_SETMASK, &c->mask, NULL);
}

static void show(const Countdown *c)
{
        time_t left = c->deadline - monotonic();

        if (left > 0)
                fprintf(stderr,
                        "\r\x1b[KKeep change %" PRIu64 "? It is taken back in %lld s. "
                        "[y]es, [n]o, [e]xtend: ",
                        c->change, (long long)left);
        else
                fprintf(stderr, "\r\x1b[KChange %" PRIu64 " is being taken back ...", c->change);
        fflush(stderr);
}

/* ---------------------------------------------------------------- answers */

static void pause_screen(const Countdown *c)
{
        fputs("\r\x1b[K", stderr);
        tcsetattr(STDIN_FILENO, TCSANOW, &c->before);
}

static void resume_screen(const Countdown *c)
{
        struct termios keys = c->before;

        keys.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

/* What did not work may do so the next time, while there is time. */
static bool goes_on(const Countdown *c, int status)
{
        return (status == EXIT_UNREACHABLE || status == EXIT_UNKNOWN || status == EXIT_DENIED) &&
               monotonic() < c->deadline;
}

/* Returns: 0: over, *ret_status is what it came to; 1: it goes on. */
static int keep(Countdown *c, int *ret_status)
{
        int r;

        pause_screen(c);
        session_disconnect(c->session);
        r = session_call(c->session, NULL, "History", "Confirm", "t", c->change);
        if (goes_on(c, r)) {
                if (r == EXIT_UNREACHABLE)
                        output_error("nobody can come in anew; the change will be taken back");
                resume_screen(c);
                return 1;
        }
        if (r == 0)
                output_note(c->session->output, "change %" PRIu64 " is kept", c->change);
        *ret_status = r;
        return 0;
}

static int take_back(Countdown *c, int *ret_status)
{
        int r;

        pause_screen(c);
        r = session_call(c->session, NULL, "History", "Revert", "ta{sv}", c->change, 0);
        if (goes_on(c, r)) {
                resume_screen(c);
                return 1;
        }
        if (r == 0)
                output_note(c->session->output, "change %" PRIu64 " is taken back", c->change);
        *ret_status = r == 0 ? EXIT_TAKEN_BACK : r;
        return 0;
}

static int extend(Countdown *c)
{
        _cleanup_json_ json_t *reply = NULL;

        pause_screen(c);
        if (session_call(c->session, &reply, "History", "Extend", "tu", c->change, c->seconds) == 0)
                c->deadline = monotonic() + json_integer_value(json_array_get(reply, 0));
        resume_screen(c);
        return 1;
}

static int leave(Countdown *c, int *ret_status)
{
        fputs("\r\x1b[K", stderr);
        output_note(c->session->output,
                    "not confirmed: change %" PRIu64
                    " is taken back in %lld s, unless somebody says "
                    "'exmachinactl confirm %" PRIu64 "'",
                    c->change, (long long)(c->deadline - monotonic()), c->change);
        *ret_status = EXIT_TAKEN_BACK;
        return 0;
}

static int answer(Countdown *c, int *ret_status)
{
        char key;
        ssize_t n = read(STDIN_FILENO, &key, 1);

        if (n <= 0)
                return n < 0 && errno == EINTR ? 1 : leave(c, ret_status);
        switch (key) {
        case 'y':
        case 'Y':
                return keep(c, ret_status);
        case 'n':
        case 'N':
                return take_back(c, ret_status);
        case 'e':
        case 'E':
                return extend(c);
        case 4: /* Ctrl-D */
                return leave(c, ret_status);
        default:
                return 1;
        }
}

/* ---------------------------------------------------------------- the loop */

/* Returns: 0 and *ret_status; 1: it goes on. */
static int check_state(Countdown *c, int *ret_status)
{
        _cleanup_json_ json_t *record = NULL;
        const char *state = c->ended;

        if (!state && monotonic() > c->deadline + LATE_SECONDS) {
                *ret_status = change_find(c->session, c->change, &record);
                if (*ret_status != 0)
                        return 0;
                state = field_string(record, "state");
        }
        if (!state)
                return 1;
        fputs("\r\x1b[K", stderr);
        if (strcmp(state, "confirmed") == 0 || strcmp(state, "applied") == 0) {
                output_note(c->session->output, "change %" PRIu64 " was kept by somebody else",
                            c->change);
                *ret_status = 0;
        } else {
                output_error("change %" PRIu64 " was not confirmed and is taken back (it is %s)",
                             c->change, state);
                *ret_status = EXIT_TAKEN_BACK;
        }
        return 0;
}

static void process_bus(Countdown *c)
{
        int r;

        while (c->session->bus && (r = sd_bus_process(c->session->bus, NULL)) != 0) {
                if (r < 0)
                        session_disconnect(c->session);
        }
}

/* One that stayed would end us as soon as it is let through, before the exit status is set. */
static void drop_signals(const Countdown *c)
{
        struct signalfd_siginfo info;

        while (read(c->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
                ;
}

static int step(Countdown *c, int *ret_status)
{
        struct pollfd fds[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = c->signals, .events = POLLIN },
                { .fd = c->session->bus ? sd_bus_get_fd(c->session->bus) : -1, .events = POLLIN },
        };

        process_bus(c);
        if (check_state(c, ret_status) == 0)
                return 0;
        show(c);
        if (poll(fds, ELEMENTSOF(fds), 1000) < 0 && errno != EINTR)
                return -errno;
        if (fds[1].revents)
                drop_signals(c);
        if (fds[1].revents || (fds[0].revents & (POLLHUP | POLLERR)))
                return leave(c, ret_status);
        return fds[0].revents ? answer(c, ret_status) : 1;
}

static void ask_for_signals(Countdown *c)
{
        static const char *const members[] = { "Confirmed", "Reverted", "Pending" };

        /* Without them the history is asked when the time is over. */
        for (size_t i = 0; i < ELEMENTSOF(members) && c->session->bus; i++)
                sd_bus_match_signal(c->session->bus, NULL, SERVICE_NAME, SERVICE_PATH,
                                    SERVICE_NAME ".History", members[i], on_signal, c);
}

int countdown_run(Session *session, uint64_t change, unsigned seconds)
{
        Countdown c = { .session = session,
                        .change = change,
                        .seconds = seconds,
                        .deadline = monotonic() + (time_t)seconds };
        int r, status = 0;

        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
                output_note(session->output,
                            "change %" PRIu64 " is taken back in %u s unless it is confirmed: "
                            "'exmachinactl confirm %" PRIu64 "'",
                            change, seconds, change);
                return 0;
        }
        fflush(stdout);
        ask_for_signals(&c);
        begin(&c);
        while ((r = step(&c, &status)) == 1)
                ;
        end(&c);
        return r < 0 ? r : status;
}
