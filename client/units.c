/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units.c - the verbs about systemd units. A name without suffix means a service, as in systemctl.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exit-status.h"
#include "table.h"
#include "text.h"
#include "verb.h"

/* The D-Bus method of a verb: reload-or-restart is ReloadOrRestart. */
static const char *method_of(const char *verb)
{
        static const char *const table[][2] = {
                { "start", "Start" },
                { "stop", "Stop" },
                { "restart", "Restart" },
                { "reload", "Reload" },
                { "enable", "Enable" },
                { "disable", "Disable" },
                { "mask", "Mask" },
                { "unmask", "Unmask" },
                { "reload-or-restart", "ReloadOrRestart" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(verb, table[i][0]) == 0)
                        return table[i][1];
        return NULL;
}

static Colour colour_of_active(const char *state)
{
        if (strcmp(state, "failed") == 0)
                return COLOUR_RED;
        if (strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0)
                return COLOUR_GREEN;
        return COLOUR_NONE;
}

/* ---------------------------------------------------------------- units */

static int units_to_json(Session *session, const json_t *units)
{
        _cleanup_json_ json_t *list = json_array();
        const json_t *row;
        size_t i;

        if (!list)
                return -ENOMEM;
        json_array_foreach(units, i, row)
        {
                json_t *unit = json_pack(
                        "{s:O,s:O,s:O,s:O,s:O,s:O}", "id", json_array_get(row, 0), "description",
                        json_array_get(row, 1), "load_state", json_array_get(row, 2),
                        "active_state", json_array_get(row, 3), "sub_state", json_array_get(row, 4),
                        "unit_file_state", json_array_get(row, 5));

                if (json_array_append_new(list, unit) < 0)
                        return -ENOMEM;
        }
        return output_json(session->output, list);
}

static int add_unit(Table *table, const json_t *row)
{
        static const size_t places[] = { 0, 2, 3, 4, 5, 1 };
        const char *cells[ELEMENTSOF(places)];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                cells[i] = json_string_value(json_array_get(row, places[i]));
        r = table_add(table, cells);
        if (r == 0)
                table_colour(table, 2, colour_of_active(cells[2]));
        return r;
}

int verb_units(Session *session, int argc, char **argv)
{
        static const Column columns[] = {
                { .name = "UNIT" }, { .name = "LOAD" }, { .name = "ACTIVE" },
                { .name = "SUB" },  { .name = "FILE" }, { .name = "DESCRIPTION", .shrinks = true }
        };
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *reply = NULL;
        const json_t *units;
        int r;

        r = session_new_call(session, &m, SERVICE_PATH, "Units", "ListUnits");
        if (r != 0)
                return r;
        r = sd_bus_message_append_strv(m, argv + 1);
        if (r < 0)
                return r == -EINVAL ? output_usage("an argument is not valid UTF-8") : r;
        r = session_send(session, m, &reply);
        if (r != 0)
                return r;
        units = json_array_get(reply, 0);
        output_open_pager(session->output);
        r = output_is_json(session->output)
                    ? units_to_json(session, units)
                    : table_show(session->output, columns, ELEMENTSOF(columns), units, add_unit);
        if (r < 0 || json_array_size(units) > 0)
                return r;
        output_note(session->output, "no unit matches: a pattern is that of a whole name, as ssh*");
        return EXIT_NOT_THERE;
}

/* ---------------------------------------------------------------- status */

static int print_status(const Output *output, const json_t *status)
{
        _cleanup_free_ char *names = field_join(status, "names", " ");
        _cleanup_free_ char *since = time_show(field_number(status, "changed"));
        const char *active = field_string(status, "active_state");
        int r;

        if (!names || !since)
                return -ENOMEM;
        r = output_text(output, COLOUR_BOLD, field_string(status, "id"), false);
        fputs(" - ", stdout);
        if (r == 0)
                r = output_text(output, COLOUR_NONE, field_string(status, "description"), false);
        printf("\n    Loaded: %s%s%s", field_string(status, "load_state"),
               field_string(status, "unit_file_state")[0] ? ", " : "",
               field_string(status, "unit_file_state"));
        printf("\n    Active: %s%s%s (%s)", colour_on(output, colour_of_active(active)), active,
               colour_off(output, colour_of_active(active)), field_string(status, "sub_state"));
        if (field_number(status, "changed") > 0)
                printf(" since %s", since);
        if (field_number(status, "main_pid") > 0)
                printf("\n  Main PID: %" PRIu64, field_number(status, "main_pid"));
        putchar('\n');
        return r;
}

int verb_status(Session *session, int argc, char **argv)
{
        _cleanup_json_ json_t *list = json_array();
        int result = 0, r;

        if (!list)
                return -ENOMEM;
        for (int i = 1; i < argc; i++) {
                _cleanup_free_ char *name = unit_name_expand(argv[i]);
                _cleanup_json_ json_t *reply = NULL;
                const json_t *status;

                if (!name)
                        return -ENOMEM;
                r = session_call(session, &reply, "Units", "Status", "s", name);
                if (r != 0)
                        return r;
                status = json_array_get(reply, 0);
                if (strcmp(field_string(status, "active_state"), "active") != 0 &&
                    strcmp(field_string(status, "active_state"), "reloading") != 0)
                        result = EXIT_NOT_THERE;
                if (json_array_append(list, (json_t *)status) < 0)
                        return -ENOMEM;
                if (!output_is_json(session->output)) {
                        if (i > 1)
                                putchar('\n');
                        r = print_status(session->output, status);
                        if (r < 0)
                                return r;
                }
        }
        if (output_is_json(session->output)) {
                r = output_json(session->output, list);
                if (r < 0)
                        return r;
        }
        return result;
}

/* ---------------------------------------------------------------- acts */

/* `act` for each unit; what fails does not keep the others from being tried. The answers of all are
 * one JSON array. */
static int for_each(Session *session, int argc, char **argv,
                    int (*act)(Session *, const char *verb, const char *unit, json_t *answers))
{
        _cleanup_json_ json_t *answers = json_array();
        int result = 0, r;

        if (!answers)
                return -ENOMEM;
        for (int i = 1; i < argc; i++) {
                _cleanup_free_ char *name = unit_name_expand(argv[i]);

                if (!name)
                        return -ENOMEM;
                r = act(session, argv[0], name, answers);
                if (r < 0)
                        return r;
                if (r > 0 && result == 0)
                        result = r;
        }
        if (output_is_json(session->output)) {
                r = output_json(session->output, answers);
                if (r < 0)
                        return r;
        }
        return result;
}

static int run_job(Session *session, const char *verb, const char *unit, json_t *answers)
{
        _cleanup_json_ json_t *reply = NULL;
        const char *result, *active;
        int r;

        r = session_call(session, &reply, "Units", method_of(verb), "sa{sv}", unit, 0);
        if (r != 0)
                return r;
        result = json_string_value(json_array_get(reply, 0));
        active = json_string_value(json_array_get(reply, 1));
        if (!output_is_json(session->output))
                output_note(session->output, "%s: %s, now %s", unit,
                            strcmp(result, "skipped") == 0 ? "nothing to do" : result, active);
        return json_array_append_new(answers, json_pack("{s:s,s:s,s:s}", "unit", unit, "result",
                                                        result, "active_state", active)) < 0
                       ? -ENOMEM
                       : 0;
}

int verb_job(Session *session, int argc, char **argv)
{
        return for_each(session, argc, argv, run_job);
}

static int print_unit_file_changes(Session *session, const char *verb, const char *unit,
                                   const json_t *changes)
{
        const json_t *row;
        size_t i;

        json_array_foreach(changes, i, row)
        {
                const char *file = json_string_value(json_array_get(row, 1));
                const char *source = json_string_value(json_array_get(row, 2));

                if (strcmp(json_string_value(json_array_get(row, 0)), "symlink") == 0)
                        output_note(session->output, "created %s, a link to %s", file, source);
                else
                        output_note(session->output, "removed %s", file);
        }
        if (json_array_size(changes) == 0)
                output_note(session->output, "%s: nothing to do for %s", unit, verb);
        return 0;
}

static int change_unit_file(Session *session, const char *verb, const char *unit, json_t *answers)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *changes;
        int r;

        if (session->options->now)
                r = session_call(session, &reply, "Units", method_of(verb), "sa{sv}", unit, 1,
                                 "now", "b", 1);
        else
                r = session_call(session, &reply, "Units", method_of(verb), "sa{sv}", unit, 0);
        if (r != 0)
                return r;
        changes = json_array_get(reply, 0);
        if (!output_is_json(session->output))
                return print_unit_file_changes(session, verb, unit, changes);
        return json_array_append_new(answers,
                                     json_pack("{s:s,s:O}", "unit", unit, "changes", changes)) < 0
                       ? -ENOMEM
                       : 0;
}

int verb_unit_file(Session *session, int argc, char **argv)
{
        return for_each(session, argc, argv, change_unit_file);
}
