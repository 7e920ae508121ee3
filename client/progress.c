/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * progress.c - see progress.h.
 *
 * The bar is one line of standard error. The cursor waits at its beginning, so that whatever else
 * writes there (the password agent asks for further removals in the middle of the call) covers it.
 */
#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

#define BAR_COLUMNS  20U
#define LINE_COLUMNS 59U /* as long as the agent's first line at most */

typedef struct Progress {
        const char *operation;
        bool shown; /* there is a bar */
} Progress;

static void progress_done(Progress *p)
{
        if (p->shown)
                fputs("\r\x1b[K", stderr);
        fflush(stderr);
}

/* Of a text of one column a byte; one of more is cut sooner, never within a character. */
static int cut(const char *text, unsigned columns)
{
        size_t n = strlen(text) <= columns ? strlen(text) : columns;

        while (n > 0 && ((unsigned char)text[n] & 0xC0U) == 0x80)
                n--;
        return (int)n;
}

static void show(Progress *p, unsigned percent, const char *detail)
{
        static const char full[] = "####################", empty[] = "....................";
        _cleanup_free_ char *escaped = text_for_terminal(detail, false);
        unsigned filled, columns = LINE_COLUMNS;
        struct winsize size;

        if (!escaped)
                return;
        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
            size.ws_col <= columns)
                columns = size.ws_col - 1U;
        percent = percent < 100 ? percent : 100;
        filled = percent * BAR_COLUMNS / 100;
        if (columns < BAR_COLUMNS + 8)
                fprintf(stderr, "\r\x1b[K%3u%%\r", percent);
        else
                fprintf(stderr, "\r\x1b[K[%.*s%.*s] %3u%% %.*s\r", (int)filled, full,
                        (int)(BAR_COLUMNS - filled), empty, percent,
                        cut(escaped, columns - BAR_COLUMNS - 8), escaped);
        fflush(stderr);
        p->shown = true;
}

static int on_progress(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
        const char *operation, *detail;
        Progress *p = userdata;
        uint32_t percent;

        if (sd_bus_message_read(m, "sus", &operation, &percent, &detail) >= 0 &&
            strcmp(operation, p->operation) == 0)
                show(p, percent, detail);
        return 0;
}

static bool has_bar(const Session *session)
{
        const char *term = getenv("TERM");

        return isatty(STDERR_FILENO) && !session->output->quiet && term &&
               strcmp(term, "dumb") != 0;
}

int progress_call(Session *session, sd_bus_message *m, const char *operation, json_t **ret,
                  sd_bus_error *error)
{
        _cleanup_(progress_done) Progress p = { .operation = operation };
        _cleanup_(slot_cleanup) sd_bus_slot *signals = NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        if (has_bar(session)) {
                r = sd_bus_match_signal(session->bus, &signals, SERVICE_NAME, SERVICE_PATH,
                                        SERVICE_NAME ".Packages", "Progress", on_progress, &p);
                if (r < 0)
                        return r;
        }
        r = session_exchange(session, m, error, &reply);
        return r < 0 ? r : message_to_json(reply, ret);
}
