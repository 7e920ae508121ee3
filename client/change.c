/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * change.c - see change.h.
 */
#include "change.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>

#include "countdown.h"
#include "exit-status.h"
#include "interrupt.h"
#include "text.h"

#define FIND_OUT_USEC       30000000U /* for a service that was killed to come back, or a network */
#define INTERRUPTED_USEC    2000000U  /* a person waits */
#define FIND_OUT_PAUSE_USEC 250000U   /* between two questions */
#define FIND_OUT_EMPTY      4         /* so often the history must not know the token */

/* A call without a reply. */
typedef struct Lost {
        const char *token;
        bool interrupted; /* by a person who does not wait for it any longer */
} Lost;

int change_make_token(char token[CHANGE_TOKEN_SIZE])
{
        unsigned char random[16];
        char *out = stpcpy(token, "exmachinactl-");

        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
                return -EIO;
        for (size_t i = 0; i < sizeof(random); i++)
                out += sprintf(out, "%02x", random[i]);
        return 0;
}

/* A name without suffix means a service, here too. */
static int append_units(sd_bus_message *m, const char *key, char *const *words)
{
        _cleanup_strv_ char **names = NULL;
        char *const *s;
        int r;

        STRV_FOREACH(s, words) {
                _cleanup_free_ char *name = unit_name_expand(*s);

                r = name ? strv_extend(&names, name) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return message_append_option_strings(m, key, names);
}

static int append_unit_options(const Options *options, sd_bus_message *m)
{
        int r;

        r = append_units(m, "reload", options->reload);
        if (r < 0)
                return r;
        r = append_units(m, "restart", options->restart);
        if (r < 0)
                return r;
        if (options->reload_affected) {
                r = message_append_option(m, "reload_affected", "b", 1);
                if (r < 0)
                        return r;
        }
        if (options->grace != UINT_MAX) {
                r = message_append_option(m, "grace", "u", options->grace);
                if (r < 0)
                        return r;
        }
        return options->no_validate ? message_append_option(m, "validate", "b", 0) : 0;
}

int change_append_options(const Session *session, sd_bus_message *m, char token[CHANGE_TOKEN_SIZE])
{
        const Options *options = session->options;
        int r;

        r = change_make_token(token);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        r = message_append_option(m, "token", "s", token);
        if (r < 0)
                return r;
        if (options->message) {
                r = message_append_option(m, "message", "s", options->message);
                if (r < 0)
                        return r;
        }
        if (options->merge) {
                r = message_append_option(m, "merge", "b", 1);
                if (r < 0)
                        return r;
        }
        if (options->confirm > 0) {
                r = message_append_option(m, "confirm_within", "u", options->confirm);
                if (r < 0)
                        return r;
        }
        r = message_append_option_pairs(m, "expect", options->expect, true);
        if (r < 0)
                return r;
        r = append_unit_options(options, m);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* ---------------------------------------------------------------- a lost reply */

/* One question to the history, for a token or (NULL) a number, of which nobody is told if it fails.
 * Returns: 0 (*ret may be an empty array); negative: nobody answered. */
static int ask_history(Session *session, const char *token, uint64_t change, json_t **ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ json_t *answer = NULL;
        int r;

        r = session_new_call(session, &m, SERVICE_PATH, "History", "ListChanges");
        if (r != 0)
                return r < 0 ? r : -ENOTCONN;
        r = token ? sd_bus_message_append(m, "a{sv}", 1, "token", "s", token)
                  : sd_bus_message_append(m, "a{sv}", 1, "id", "t", change);
        if (r < 0)
                return r;
        r = session_exchange(session, m, &error, &reply);
        if (r < 0)
                return r;
        r = message_to_json(reply, &answer);
        if (r < 0)
                return r;
        *ret = json_incref(json_array_get(answer, 0));
        return 0;
}

static int judge(const json_t *record, uint64_t *ret)
{
        const char *state = field_string(record, "state");

        *ret = field_number(record, "id");
        if (strcmp(state, "failed") == 0)
                return output_error("change %" PRIu64 " was interrupted: %s", *ret,
                                    field_string(record, "reason"));
        if (strcmp(state, "reverted") == 0) {
                output_error("change %" PRIu64 " was made and taken back: %s", *ret,
                             field_string(record, "reason"));
                return EXIT_TAKEN_BACK;
        }
        return 0;
}

/* Returns: as change_send(), and with *done false, -EINTR or 1: it is not known yet. */
static int ask_once_more(Session *session, const Lost *lost, unsigned *empty, bool *done,
                         uint64_t *ret)
{
        _cleanup_json_ json_t *records = NULL;
        const json_t *record;
        int r;

        *done = false;
        r = ask_history(session, lost->token, 0, &records);
        if (r < 0) {
                session_disconnect(session);
                return r == -EINTR ? r : 1;
        }
        record = json_array_get(records, 0);
        *done = record ? strcmp(field_string(record, "state"), "prepared") != 0
                       : ++*empty >= FIND_OUT_EMPTY;
        if (!*done)
                return 1;
        if (record)
                return judge(record, ret);
        if (lost->interrupted) {
                interrupt_end_line();
                output_error("interrupted: nothing was written");
                return EXIT_FAILED;
        }
        output_error("nothing was written before the service was lost: try again");
        return EXIT_UNREACHABLE;
}

static int say_unknown(const Lost *lost)
{
        if (lost->interrupted)
                interrupt_end_line();
        output_error("%s'exmachinactl history --token %s'",
                     lost->interrupted
                             ? "interrupted; what becomes of the change is told by "
                             : "it is not known whether the change was made: ask again with ",
                     lost->token);
        return EXIT_UNKNOWN;
}

static int ask_until_known(Session *session, const Interrupt *interrupt, Lost *lost, uint64_t *ret)
{
        unsigned empty = 0;
        bool done = false;
        int r = 0;

        for (uint64_t now, start = interrupt_now(); !done;) {
                now = interrupt_now();
                if (now - start >= (lost->interrupted ? INTERRUPTED_USEC : FIND_OUT_USEC))
                        return say_unknown(lost);
                r = interrupt_wait(interrupt, -1, FIND_OUT_PAUSE_USEC, &session->interrupted);
                if (r == 0)
                        r = ask_once_more(session, lost, &empty, &done, ret);
                if (r == -EINTR) {
                        lost->interrupted = true;
                        return say_unknown(lost);
                }
        }
        return r;
}

static int find_out(Session *session, const Interrupt *interrupt, Lost *lost, uint64_t *ret)
{
        int r, signal = session->interrupted;

        if (!lost->interrupted)
                output_note(session->output,
                            "the reply was lost; asking what became of the change ...");
        session_set_silent(session, true);
        r = ask_until_known(session, interrupt, lost, ret);
        session_set_silent(session, false);
        if (lost->interrupted && r == EXIT_FAILED)
                session->interrupted = signal;
        return r;
}

int change_send(Session *session, sd_bus_message *m, const char *token, uint64_t *ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_interrupt_ Interrupt interrupt = { .signals = -1 };
        _cleanup_message_ sd_bus_message *reply = NULL;
        Lost lost = { .token = token };
        int r;

        r = interrupt_begin(&interrupt);
        if (r < 0)
                return r;
        r = session_exchange(session, m, &error, &reply);
        if (r >= 0) {
                r = sd_bus_message_read(reply, "t", ret);
                return r < 0 ? r : 0;
        }
        lost.interrupted = r == -EINTR && !error.name;
        if (!lost.interrupted && !session_was_lost(&error, r))
                return session_report(session, &error, r, 0);
        /* A commit that had not begun to write ends with the connection that asked for it. */
        session_disconnect(session);
        return find_out(session, &interrupt, &lost, ret);
}

/* ---------------------------------------------------------------- what is told */

static int diffs_to_json(const json_t *diffs, json_t **ret)
{
        _cleanup_json_ json_t *list = json_array();
        const json_t *row;
        size_t i;

        if (!list)
                return -ENOMEM;
        json_array_foreach(diffs, i, row)
        {
                if (json_array_append_new(list,
                                          json_pack("{s:O,s:O}", "file", json_array_get(row, 0),
                                                    "diff", json_array_get(row, 1))) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

/* `inconclusive` NULL: none. */
static int print_json(Session *session, uint64_t change, const char *state, const json_t *diffs,
                      json_t *inconclusive)
{
        _cleanup_json_ json_t *list = NULL, *answer = NULL;
        int r;

        r = diffs_to_json(diffs, &list);
        if (r < 0)
                return r;
        answer = json_pack("{s:I,s:s,s:O,s:o}", "change", (json_int_t)change, "state", state,
                           "diffs", list, "inconclusive",
                           inconclusive ? json_incref(inconclusive) : json_array());
        return answer ? output_json(session->output, answer) : -ENOMEM;
}

int change_show_diffs(Session *session, const json_t *diffs)
{
        if (output_is_json(session->output))
                return print_json(session, 0, "none", diffs, NULL);
        if (json_array_size(diffs) == 0)
                output_note(session->output, "nothing would change");
        output_open_pager(session->output);
        return output_diffs(session->output, diffs);
}

int change_taken_back(Session *session, uint64_t change, const json_t *diffs)
{
        if (output_is_json(session->output))
                return print_json(session, change, "reverted", diffs, NULL);
        output_note(session->output, "change %" PRIu64 " was pending and is taken back", change);
        return session->output->quiet ? 0 : output_diffs(session->output, diffs);
}

/* The names of the validators that could not judge it. The change is made, whether or not the
 * history answers. Returns: an array; NULL if nobody has answered. */
static json_t *ask_inconclusive(Session *session, uint64_t change)
{
        _cleanup_json_ json_t *records = NULL;

        if (ask_history(session, NULL, change, &records) < 0)
                return NULL;
        return json_incref(json_object_get(json_array_get(records, 0), "inconclusive"));
}

static void note_inconclusive(const Session *session, uint64_t change, const json_t *names)
{
        const json_t *name;
        size_t i;

        json_array_foreach(names, i, name)
                output_note(session->output,
                            "note: validator %s could not judge change %" PRIu64
                            "; 'exmachinactl validate' shows beforehand what it says",
                            json_string_value(name), change);
}

static void note_unchanged(const Session *session)
{
        const Options *options = session->options;

        output_note(session->output, "nothing had to be changed%s",
                    options->reload || options->restart || options->reload_affected
                            ? ": no unit was reloaded or restarted"
                            : "");
}

int change_finish(Session *session, uint64_t change, const json_t *diffs)
{
        unsigned confirm = session->options->confirm;
        _cleanup_json_ json_t *inconclusive = NULL;
        int r = 0;

        session->output->change = change;
        if (change > 0)
                inconclusive = ask_inconclusive(session, change);
        if (output_is_json(session->output)) {
                r = print_json(session, change,
                               change == 0   ? "none"
                               : confirm > 0 ? "pending"
                                             : "applied",
                               diffs, inconclusive);
        } else if (!session->output->quiet) {
                r = output_diffs(session->output, diffs);
        }
        if (r < 0)
                return r;
        if (change == 0) {
                note_unchanged(session);
                return 0;
        }
        note_inconclusive(session, change, inconclusive);
        if (confirm > 0)
                return countdown_run(session, change, confirm);
        output_note(session->output,
                    "change %" PRIu64 " is made; 'exmachinactl revert %" PRIu64 "' undoes it",
                    change, change);
        return 0;
}

static int look_up(Session *session, uint64_t number, bool all, json_t **ret)
{
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = session_call(session, &reply, "History", "ListChanges", "a{sv}", 2, "id", "t", number,
                         "all", "b", all);
        if (r != 0)
                return r;
        *ret = json_incref(json_array_get(json_array_get(reply, 0), 0));
        return 0;
}

int change_find(Session *session, uint64_t number, json_t **ret)
{
        json_t *record = NULL;
        int r;

        r = look_up(session, number, /* all= */ false, &record);
        if (r == 0 && !record)
                r = look_up(session, number, /* all= */ true, &record);
        if (r != 0)
                return r;
        if (!record) {
                output_error("there is no change %" PRIu64 ": 'exmachinactl history' lists them",
                             number);
                return EXIT_NOT_THERE;
        }
        *ret = record;
        return 0;
}
