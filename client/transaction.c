/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.c - see transaction.h.
 */
#include "transaction.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "change.h"

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

/* The service counts edits from 0; a person looks for the line. Returns: the exit status. */
static int report_edit(Session *session, const sd_bus_error *error, int r, const Script *script,
                       const char *origin)
{
        _cleanup_error_ sd_bus_error copy = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *message = NULL;
        unsigned index;
        int length = 0;

        if (!error->message || sscanf(error->message, "edit %u: %n", &index, &length) < 1 ||
            length == 0 || index >= script->n)
                return session_report(session, error, r, 0);
        if (!origin)
                return session_report(session, error, r, (size_t)length);
        if (asprintf(&message, "%s:%u: %s", origin, script->edits[index].line,
                     error->message + length) < 0)
                return -ENOMEM;
        sd_bus_error_set(&copy, error->name, message);
        return session_report(session, &copy, r, 0);
}

int transaction_edit(Session *session, const char *path, const Script *script, const char *origin)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = session_new_call(session, &m, path, "Transaction", "Edit");
        if (r != 0)
                return r;
        r = append_edits(m, script);
        if (r == -EINVAL)
                return output_error("an edit is not valid UTF-8");
        if (r < 0)
                return r;
        r = sd_bus_call(session->bus, m, UINT64_MAX, &error, NULL);
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
        if (r != 0)
                return r;
        return change_finish(session, change, diffs);
}
