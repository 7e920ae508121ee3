/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * monitor.c - the verb monitor: what the service tells everybody, one line an event, until Ctrl-C.
 *
 * It does not start the service, and notices when that comes and goes by nothing: signals follow
 * its name. One JSON value a line with --json.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "exit-status.h"
#include "text.h"
#include "verb.h"

static const char *const members[] = { "Committed", "Pending", "Confirmed", "Reverted" };

/* The time as in the history: µs since 1970. */
static int print_json(Session *session, uint64_t time, const char *event, const json_t *arguments)
{
        _cleanup_json_ json_t *line = json_pack("{s:I,s:s,s:O}", "time", (json_int_t)time, "event",
                                                event, "change", json_array_get(arguments, 0));
        const char *key = strcmp(event, "committed") == 0 ? "files"
                          : strcmp(event, "pending") == 0 ? "remaining"
                                                          : "reason";

        if (!line || (json_array_size(arguments) > 1 &&
                      json_object_set(line, key, json_array_get(arguments, 1)) < 0))
                return -ENOMEM;
        return output_json(session->output, line);
}

static int print_text(Session *session, const char *time, const char *event,
                      const json_t *arguments)
{
        const json_t *second = json_array_get(arguments, 1), *file;
        size_t i;
        int r = 0;

        printf("%s%s%s change %" JSON_INTEGER_FORMAT " %s%s%s",
               colour_on(session->output, COLOUR_DIM), time,
               colour_off(session->output, COLOUR_DIM),
               json_integer_value(json_array_get(arguments, 0)),
               colour_on(session->output, COLOUR_BOLD), event,
               colour_off(session->output, COLOUR_BOLD));
        if (json_is_integer(second))
                printf(", taken back in %" JSON_INTEGER_FORMAT " s unless it is confirmed",
                       json_integer_value(second));
        if (json_is_string(second)) {
                fputs(": ", stdout);
                r = output_text(session->output, COLOUR_NONE, json_string_value(second), false);
        }
        json_array_foreach(second, i, file)
        {
                putchar(' ');
                r = output_text(session->output, COLOUR_NONE, json_string_value(file), false);
        }
        putchar('\n');
        return r;
}

static int on_event(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
        _cleanup_json_ json_t *arguments = NULL;
        _cleanup_free_ char *shown = NULL, *event = NULL;
        Session *session = userdata;
        struct timespec now;
        uint64_t usec;
        int r;

        clock_gettime(CLOCK_REALTIME, &now);
        usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        r = message_to_json(m, &arguments);
        if (r < 0)
                return r;
        shown = time_show(usec);
        event = strdup(sd_bus_message_get_member(m));
        if (!shown || !event)
                return -ENOMEM;
        event[0] |= 0x20; /* Committed: committed */
        r = output_is_json(session->output) ? print_json(session, usec, event, arguments)
                                            : print_text(session, shown, event, arguments);
        return r < 0 ? r : 0;
}

int verb_monitor(Session *session, int argc, char **argv)
{
        int r;

        r = session_open(session);
        if (r != 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                r = sd_bus_match_signal(session->bus, NULL, SERVICE_NAME, SERVICE_PATH,
                                        SERVICE_NAME ".History", members[i], on_event, session);
                if (r < 0)
                        return r;
        }
        output_note(session->output, "waiting for changes; Ctrl-C ends this");
        for (;;) {
                r = sd_bus_process(session->bus, NULL);
                if (r < 0)
                        break;
                if (r > 0)
                        continue;
                if (fflush(stdout) != 0)
                        return 0; /* who read this has left */
                r = sd_bus_wait(session->bus, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        break;
        }
        output_error("the connection to the bus was lost: %s", strerror(-r));
        return EXIT_UNREACHABLE;
}
