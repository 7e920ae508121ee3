/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * history.c - the verbs about changes that were made: history, show, confirm, extend, revert.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "change.h"
#include "exit-status.h"
#include "table.h"
#include "text.h"
#include "verb.h"

static int take_change(const char *word, uint64_t *ret)
{
        if (number_parse(word, 1, INT64_MAX, ret) >= 0)
                return 0;
        return output_usage("'%s' is not the number of a change: 'exmachinactl history' lists them",
                            word);
}

static Colour colour_of_state(const char *state)
{
        if (strcmp(state, "pending") == 0 || strcmp(state, "prepared") == 0)
                return COLOUR_YELLOW;
        if (strcmp(state, "failed") == 0)
                return COLOUR_RED;
        return strcmp(state, "reverted") == 0 ? COLOUR_DIM : COLOUR_NONE;
}

/* ---------------------------------------------------------------- history */

static int append_filter(const Options *options, sd_bus_message *m)
{
        const struct {
                const char *key, *text;
        } texts[] = { { "file", options->file },
                      { "state", options->state },
                      { "token", options->token } };
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                if (texts[i].text)
                        r = message_append_option(m, texts[i].key, "s", texts[i].text);
        if (r >= 0 && options->since)
                r = message_append_option(m, "since", "t", options->since);
        if (r >= 0 && options->before)
                r = message_append_option(m, "before", "t", options->before);
        if (r >= 0 && options->lines)
                r = message_append_option(m, "limit", "u", options->lines);
        if (r >= 0 && options->all)
                r = message_append_option(m, "all", "b", 1);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* "Etc/UTC to Europe/Berlin", "" if it is no change of the time zone. New; NULL: out of memory. */
static char *zone_change(const json_t *record)
{
        const json_t *zones = json_object_get(record, "timezone");
        const char *before = json_string_value(json_array_get(zones, 0));
        const char *after = json_string_value(json_array_get(zones, 1));
        char *text;

        if (!before || !after)
                return strdup("");
        return asprintf(&text, "%s to %s", before, after) < 0 ? NULL : text;
}

/* What a change is about: files, or the time zone. New; NULL: out of memory. */
static char *join_subjects(const json_t *record)
{
        _cleanup_free_ char *zone = zone_change(record);
        char *text;

        if (!zone || zone[0] == '\0')
                return zone ? field_join(record, "files", " ") : NULL;
        return asprintf(&text, "time zone %s", zone) < 0 ? NULL : text;
}

static int add_row(Table *table, const json_t *record)
{
        _cleanup_free_ char *time = time_show(field_number(record, "time"));
        _cleanup_free_ char *files = join_subjects(record);
        _cleanup_free_ char *units = field_join(record, "units", " ");
        const char *state = field_string(record, "state");
        char id[24];
        const char *cells[] = { id,
                                time,
                                field_string(record, "user"),
                                state,
                                files,
                                field_string(record, "message"),
                                units,
                                field_string(record, "reason") };
        int r;

        if (!time || !files || !units)
                return -ENOMEM;
        snprintf(id, sizeof(id), "%" PRIu64, field_number(record, "id"));
        r = table_add(table, cells);
        if (r < 0)
                return r;
        table_colour(table, 3, colour_of_state(state));
        return 0;
}

/* An empty list of all is an answer; that what was looked for is not there is one, too. */
static int no_change(const Session *session)
{
        const Options *options = session->options;
        bool looked_for = options->file || options->state || options->token || options->since ||
                          options->before;

        if (options->token)
                output_note(session->output, "no change has this token: it was not made, or is "
                                             "somebody else's");
        else
                output_note(session->output, "there is no %schange%s", looked_for ? "such " : "",
                            options->all ? ""
                                         : " that you may see: --all asks for the right to see "
                                           "those of others");
        return looked_for ? EXIT_NOT_THERE : 0;
}

int verb_history(Session *session, int argc, char **argv)
{
        static const Column columns[] = { { .name = "CHANGE", .right = true },
                                          { .name = "TIME" },
                                          { .name = "USER" },
                                          { .name = "STATE" },
                                          { .name = "FILES", .shrinks = true },
                                          { .name = "MESSAGE", .shrinks = true, .share = 0.2 },
                                          { .name = "UNITS", .shrinks = true },
                                          { .name = "REASON", .shrinks = true, .share = 0.2 } };
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *reply = NULL;
        const json_t *records;
        int r;

        r = session_new_call(session, &m, SERVICE_PATH, "History", "ListChanges");
        if (r != 0)
                return r;
        r = append_filter(session->options, m);
        if (r < 0)
                return r;
        r = session_send(session, m, &reply);
        if (r != 0)
                return r;
        records = json_array_get(reply, 0);
        output_open_pager(session->output);
        r = output_is_json(session->output)
                    ? output_json(session->output, records)
                    : table_show(session->output, columns, ELEMENTSOF(columns), records, add_row);
        return r < 0 || json_array_size(records) > 0 ? r : no_change(session);
}

/* ---------------------------------------------------------------- show */

static int print_field(const Output *output, const char *name, const char *value)
{
        _cleanup_free_ char *cell = text_for_cell(value, output->terminal);

        if (!cell)
                return -ENOMEM;
        if (cell[0] != '\0')
                printf("%s%12s:%s %s\n", colour_on(output, COLOUR_DIM), name,
                       colour_off(output, COLOUR_DIM), cell);
        return 0;
}

static int print_record(const Output *output, const json_t *record)
{
        static const char *const fields[] = { "user", "authority", "message", "token", "reason" };
        _cleanup_free_ char *time = time_show(field_number(record, "time"));
        _cleanup_free_ char *files = field_join(record, "files", " ");
        _cleanup_free_ char *units = field_join(record, "units", " ");
        _cleanup_free_ char *inconclusive = field_join(record, "inconclusive", " ");
        _cleanup_free_ char *zone = zone_change(record);
        const char *state = field_string(record, "state");
        int r = 0;

        if (!time || !files || !units || !inconclusive || !zone)
                return -ENOMEM;
        printf("%schange %" PRIu64 "%s is %s%s%s", colour_on(output, COLOUR_BOLD),
               field_number(record, "id"), colour_off(output, COLOUR_BOLD),
               colour_on(output, colour_of_state(state)), state,
               colour_off(output, colour_of_state(state)));
        if (strcmp(state, "pending") == 0)
                printf(", taken back in %" PRIu64 " s unless it is confirmed",
                       field_number(record, "remaining"));
        if (field_number(record, "reverts") > 0)
                printf(", undoes change %" PRIu64, field_number(record, "reverts"));
        putchar('\n');
        print_field(output, "time", time);
        for (size_t i = 0; i < ELEMENTSOF(fields) && r == 0; i++)
                r = print_field(output, fields[i], field_string(record, fields[i]));
        if (r == 0)
                r = print_field(output, "files", files);
        if (r == 0)
                r = print_field(output, "time zone", zone);
        if (r == 0)
                r = print_field(output, "units", units);
        return r == 0 ? print_field(output, "inconclusive", inconclusive) : r;
}

int verb_show(Session *session, int argc, char **argv)
{
        _cleanup_json_ json_t *reply = NULL;
        json_t *record, *diffs;
        uint64_t change;
        int r;

        r = take_change(argv[1], &change);
        if (r != 0)
                return r;
        r = session_call(session, &reply, "History", "GetChange", "t", change);
        if (r != 0)
                return r;
        record = json_array_get(reply, 0);
        diffs = json_array_get(reply, 1);
        output_open_pager(session->output);
        if (output_is_json(session->output))
                return json_object_set(record, "diffs", diffs) < 0
                               ? -ENOMEM
                               : output_json(session->output, record);
        r = print_record(session->output, record);
        if (r < 0)
                return r;
        putchar('\n');
        return output_diffs(session->output, diffs);
}

/* ---------------------------------------------------------------- confirm, extend */

/* The one change of the caller's that awaits it. */
static int find_pending(Session *session, uint64_t *ret)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *records;
        int r;

        r = session_call(session, &reply, "History", "ListChanges", "a{sv}", 1, "state", "s",
                         "pending");
        if (r != 0)
                return r;
        records = json_array_get(reply, 0);
        if (json_array_size(records) == 0) {
                output_error("no change of yours awaits a confirmation: 'exmachinactl history' "
                             "shows what became of them");
                return EXIT_NOT_THERE;
        }
        if (json_array_size(records) > 1)
                return output_usage("several changes await a confirmation: name one of those that "
                                    "'exmachinactl history --state pending' lists");
        *ret = field_number(json_array_get(records, 0), "id");
        return 0;
}

int verb_confirm(Session *session, int argc, char **argv)
{
        uint64_t change;
        int r;

        r = argc > 1 ? take_change(argv[1], &change) : find_pending(session, &change);
        if (r != 0)
                return r;
        r = session_call(session, NULL, "History", "Confirm", "t", change);
        if (r == 0)
                output_note(session->output, "change %" PRIu64 " is kept", change);
        return r;
}

int verb_extend(Session *session, int argc, char **argv)
{
        _cleanup_json_ json_t *reply = NULL;
        uint64_t change, seconds;
        int r;

        r = take_change(argv[1], &change);
        if (r != 0)
                return r;
        if (number_parse(argv[2], 1, 3600, &seconds) < 0)
                return output_usage("'%s' is not a number of seconds from 1 to 3600", argv[2]);
        r = session_call(session, &reply, "History", "Extend", "tu", change, (unsigned)seconds);
        if (r != 0)
                return r;
        output_note(session->output,
                    "change %" PRIu64 " is taken back in %" JSON_INTEGER_FORMAT
                    " s unless it is confirmed",
                    change, json_integer_value(json_array_get(reply, 0)));
        return 0;
}

/* ---------------------------------------------------------------- revert */

int verb_revert(Session *session, int argc, char **argv)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *reply = NULL;
        char token[CHANGE_TOKEN_SIZE];
        uint64_t change, made;
        int r;

        r = take_change(argv[1], &change);
        if (r != 0)
                return r;
        if (session->options->lenses)
                return output_usage("--lens does not go with 'revert': it restores bytes");
        r = session_call(session, &reply, "History", "RevertDiff", "ta{sv}", change, 1, "merge",
                         "b", session->options->merge);
        if (r != 0)
                return r;
        if (session->options->dry_run)
                return change_show_diffs(session, json_array_get(reply, 0));
        r = session_new_call(session, &m, SERVICE_PATH, "History", "Revert");
        if (r != 0)
                return r;
        r = sd_bus_message_append(m, "t", change);
        if (r < 0)
                return r;
        r = change_append_options(session, m, token);
        if (r < 0)
                return r;
        r = change_send(session, m, token, &made);
        if (r != 0)
                return r;
        if (made == change)
                return change_taken_back(session, change, json_array_get(reply, 0));
        return change_finish(session, made, json_array_get(reply, 0));
}
