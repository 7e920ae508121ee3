/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.c - see transaction.h.
 */
#include "transaction.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "change.h"
#include "exit-status.h"

#define IDLE_SECONDS 3600U /* the longest: a person at a prompt may think */

int transaction_begin(Session *session, char **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = session_new_call(session, &m, SERVICE_PATH, "Config", "Begin");
        if (r != 0)
                return r;
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        r = message_append_option_pairs(m, "files", session->options->lenses, false);
        if (r < 0)
                return r;
        r = message_append_option(m, "idle_timeout", "u", IDLE_SECONDS);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        r = session_send(session, m, &reply);
        if (r != 0)
                return r;
        *ret = strdup(json_string_value(json_array_get(reply, 0)));
        return *ret ? 0 : -ENOMEM;
}

static int append_edits(sd_bus_message *m, const Script *script)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sas)");
        for (size_t i = 0; i < script->n && r >= 0; i++) {
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_STRUCT, "sas");
                if (r < 0)
                        return r;
                r = sd_bus_message_append(m, "s", script->edits[i].verb);
                if (r < 0)
                        return r;
                r = sd_bus_message_append_strv(m, script->edits[i].arguments);
                if (r < 0)
                        return r;
                r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Of which path the position of an error is: none is told for a second one, but one that is beyond
 * the first is not of that. */
static const char *typed_at(const Edit *edit, const char *message)
{
        static const char where[] = " at character ";
        const char *at = strstr(message, where);
        size_t position;

        if (!edit->typed || !at || sscanf(at + strlen(where), "%zu", &position) < 1)
                return NULL;
        return edit->typed[1] && position > strlen(edit->typed[0]) + strlen("/files") + 1
                       ? edit->typed[1]
                       : edit->typed[0];
}

/* The service counts edits from 0; a person looks for the line. Returns: the exit status. */
static int report_edit(Session *session, const sd_bus_error *error, int r, const Script *script,
                       const char *origin)
{
        _cleanup_error_ sd_bus_error copy = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *message = NULL;
        unsigned index;
        size_t length;

        if (!session_error_index(error, "edit", &index, &length) || index >= script->n)
                return session_report(session, error, r, 0);
        session->typed = typed_at(&script->edits[index], error->message);
        session->typed_before = 0;
        if (origin && asprintf(&message, "%s:%u: %s", origin, script->edits[index].line,
                               error->message + length) < 0)
                return -ENOMEM;
        sd_bus_error_set(&copy, error->name, message ? message : error->message + length);
        r = session_report(session, &copy, r, 0);
        session->typed = NULL;
        return r;
}

int transaction_edit(Session *session, const char *path, const Script *script, const char *origin)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = session_new_call(session, &m, path, "Transaction", "Edit");
        if (r != 0)
                return r;
        r = append_edits(m, script);
        if (r == -EINVAL)
                return output_usage("an edit is not valid UTF-8");
        if (r < 0)
                return r;
        r = session_exchange(session, m, &error, &reply);
        return r < 0 ? report_edit(session, &error, r, script, origin) : 0;
}

int transaction_diff(Session *session, const char *path, json_t **ret)
{
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = session_call_at(session, &reply, path, "Transaction", "Diff", "a{sv}", 0);
        if (r != 0)
                return r;
        *ret = json_incref(json_array_get(reply, 0));
        return 0;
}

int transaction_affected(Session *session, const char *path, json_t **ret)
{
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = session_call_at(session, &reply, path, "Transaction", "Affected", NULL);
        if (r != 0)
                return r;
        *ret = json_incref(json_array_get(reply, 0));
        return 0;
}

/* The words of a validator: lines after the first one are set in, and none is left empty. */
static char *set_in(const char *output)
{
        _cleanup_free_ char *copy = strdup(output);
        char *text = strdup(""), *rest = copy;

        while (copy && text && rest) {
                _cleanup_free_ char *before = text;
                const char *line = strsep(&rest, "\r\n");

                if (asprintf(&text, "%s%s%s", before, before[0] && line[0] ? "\n    " : "", line) <
                    0)
                        return NULL;
        }
        return text;
}

/* On standard error if it is why something failed. */
static int print_report(const Session *session, const json_t *report, bool is_reason)
{
        _cleanup_free_ char *line = NULL, *where = NULL,
                            *output = set_in(field_string(report, "output"));
        const char *file = field_string(report, "file");
        uint64_t number = field_number(report, "line");

        if (!output)
                return -ENOMEM;
        if (asprintf(&where, number > 0 ? "%s:%" PRIu64 : "%s", file, number) < 0 ||
            asprintf(&line, "%s: %s%s%s%s%s", field_string(report, "validator"),
                     field_string(report, "result"), file[0] ? ": " : "", where,
                     output[0] ? ": " : "", output) < 0)
                return -ENOMEM;
        if (is_reason)
                return output_error("%s", line) < 0 ? -EIO : 0;
        output_text(session->output, COLOUR_NONE, line, true);
        putchar('\n');
        return 0;
}

int transaction_validate(Session *session, const char *path, bool failures_only)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *report;
        bool failed = false;
        size_t i;
        int r;

        r = session_call_at(session, &reply, path, "Transaction", "Validate", "a{sv}", 0);
        if (r != 0)
                return r;
        json_array_foreach(json_array_get(reply, 0), i, report)
        {
                bool this_one = strcmp(field_string(report, "result"), "failed") == 0;

                failed = failed || this_one;
                if (output_is_json(session->output) || (failures_only && !this_one))
                        continue;
                r = print_report(session, report, failures_only);
                if (r < 0)
                        return r;
        }
        if (output_is_json(session->output) && !failures_only)
                r = output_json(session->output, json_array_get(reply, 0));
        else if (json_array_size(json_array_get(reply, 0)) == 0)
                output_note(session->output, "no validator knows these files");
        return r < 0 ? r : failed ? EXIT_INVALID : 0;
}

int transaction_rollback(Session *session, const char *path)
{
        return session_call_at(session, NULL, path, "Transaction", "Rollback", NULL);
}

int transaction_commit(Session *session, const char *path, const json_t *diffs)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        char token[CHANGE_TOKEN_SIZE];
        uint64_t change;
        int r;

        r = session_new_call(session, &m, path, "Transaction", "Commit");
        if (r != 0)
                return r;
        r = change_append_options(session, m, token);
        if (r < 0)
                return r;
        r = change_send(session, m, token, &change);
        if (r == EXIT_INVALID)
                transaction_validate(session, path, /* failures_only= */ true);
        if (r != 0)
                return r;
        return change_finish(session, change, diffs);
}
