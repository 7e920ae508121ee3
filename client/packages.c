/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * packages.c - the verbs of software packages: package status, refresh, install, remove.
 *
 * Packages have no history that could be asked what became of a call whose reply was lost: it is
 * said that it is not known, and how to look.
 */
#include <errno.h>
#include <string.h>

#include "change.h"
#include "exit-status.h"
#include "hint.h"
#include "interrupt.h"
#include "progress.h"
#include "table.h"
#include "verb.h"

#define WHAT_BECOMES                                                                               \
        "what had not begun is cancelled, what had goes to its end: see 'exmachinactl package "    \
        "status NAME...'"

/* ---------------------------------------------------------------- status */

static int add_package(Table *table, const json_t *package)
{
        const char *installed = field_string(package, "installed");
        const char *candidate = field_string(package, "candidate");
        bool automatic = json_is_true(json_object_get(package, "automatic"));
        const char *cells[] = { field_string(package, "name"), installed, candidate,
                                automatic ? "yes" : "no" };
        int r;

        r = table_add(table, cells);
        if (r == 0 && strcmp(installed, candidate) != 0)
                table_colour(table, 2, COLOUR_YELLOW);
        return r;
}

static int package_status(Session *session, int argc, char **argv)
{
        static const Column columns[] = { { .name = "PACKAGE" },
                                          { .name = "INSTALLED" },
                                          { .name = "CANDIDATE" },
                                          { .name = "AUTOMATIC" } };
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *reply = NULL;
        const json_t *packages, *package;
        int result = 0, r;
        size_t i;

        r = session_new_call(session, &m, SERVICE_PATH, "Packages", "PackageStatus");
        if (r != 0)
                return r;
        r = sd_bus_message_append_strv(m, argv + 1);
        if (r < 0)
                return r == -EINVAL ? output_usage("an argument is not valid UTF-8") : r;
        r = session_send(session, m, &reply);
        if (r != 0)
                return r;
        packages = json_array_get(reply, 0);
        json_array_foreach(packages, i, package)
        {
                if (field_string(package, "installed")[0] == '\0')
                        result = EXIT_NOT_THERE;
        }
        output_open_pager(session->output);
        r = output_is_json(session->output)
                    ? output_json(session->output, packages)
                    : table_show(session->output, columns, ELEMENTSOF(columns), packages,
                                 add_package);
        return r < 0 ? r : result;
}

/* ---------------------------------------------------------------- refresh, install, remove */

static int append_options(const Session *session, sd_bus_message *m, const char *operation)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0)
                r = message_append_option(m, "operation", "s", operation);
        if (r >= 0 && session->options->allow_more_removals)
                r = message_append_option(m, "allow_more_removals", "b", 1);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* `names`: NULL: the method has none. */
static int act(Session *session, const char *method, char **names, json_t **ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        char operation[CHANGE_TOKEN_SIZE];
        int r;

        r = session_new_call(session, &m, SERVICE_PATH, "Packages", method);
        if (r == 0)
                r = change_make_token(operation);
        if (r == 0 && names)
                r = sd_bus_message_append_strv(m, names);
        if (r >= 0)
                r = append_options(session, m, operation);
        if (r != 0)
                return r == -EINVAL ? output_usage("an argument is not valid UTF-8") : r;
        r = progress_call(session, m, operation, ret, &error);
        if (r >= 0)
                return 0;
        if (r == -EINTR && !error.name) {
                interrupt_end_line();
                output_error("interrupted; " WHAT_BECOMES);
                return EXIT_UNKNOWN;
        }
        /* A service that was stopped has said itself what becomes of it. */
        if (names && session_was_lost(&error, r)) {
                if (sd_bus_error_has_name(&error, SD_BUS_ERROR_TIMEOUT)) {
                        _cleanup_free_ char *words = hint_rephrase(session, &error, error.message);

                        output_error("%s", words ? words : error.message);
                        return EXIT_UNKNOWN;
                }
                output_error("the connection was lost: " WHAT_BECOMES);
                return EXIT_UNKNOWN;
        }
        return session_report(session, &error, r, 0);
}

static int package_refresh(Session *session, int argc, char **argv)
{
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = act(session, "Refresh", NULL, &reply);
        if (r == 0)
                output_note(session->output, "the lists of packages are fresh");
        return r;
}

static int changes_to_json(Session *session, const json_t *changes)
{
        _cleanup_json_ json_t *list = json_array();
        const json_t *row;
        size_t i;

        if (!list)
                return -ENOMEM;
        json_array_foreach(changes, i, row)
        {
                if (json_array_append_new(list, json_pack("{s:O,s:O,s:O}", "action",
                                                          json_array_get(row, 0), "name",
                                                          json_array_get(row, 1), "version",
                                                          json_array_get(row, 2))) < 0)
                        return -ENOMEM;
        }
        return output_json(session->output, list);
}

static int add_change(Table *table, const json_t *row)
{
        const char *cells[3];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(cells); i++)
                cells[i] = json_string_value(json_array_get(row, i));
        r = table_add(table, cells);
        if (r == 0)
                table_colour(table, 0,
                             strcmp(cells[0] ?: "", "remove") == 0 ? COLOUR_RED : COLOUR_GREEN);
        return r;
}

static int show_changes(Session *session, const json_t *changes)
{
        static const Column columns[] = { { .name = "ACTION" },
                                          { .name = "PACKAGE" },
                                          { .name = "VERSION" } };

        if (output_is_json(session->output))
                return changes_to_json(session, changes);
        if (json_array_size(changes) == 0)
                output_note(session->output, "nothing had to be changed");
        if (session->output->quiet)
                return 0;
        return table_show(session->output, columns, ELEMENTSOF(columns), changes, add_change);
}

static int package_change(Session *session, int argc, char **argv)
{
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = act(session, strcmp(argv[0], "install") == 0 ? "Install" : "Remove", argv + 1, &reply);
        return r != 0 ? r : show_changes(session, json_array_get(reply, 0));
}

int verb_package(Session *session, int argc, char **argv)
{
        static const VerbPart parts[] = { { "status", 1, -1, 0, package_status },
                                          { "refresh", 0, 0, 0, package_refresh },
                                          { "install", 1, -1, TAKES_REMOVALS, package_change },
                                          { "remove", 1, -1, TAKES_REMOVALS, package_change } };

        return verb_run_part(session, parts, ELEMENTSOF(parts),
                             "package status NAME..., package refresh, or package install|remove "
                             "NAME... [--allow-more-removals]",
                             argc, argv);
}
