/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c - see session.h.
 */
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "agent.h"
#include "exit-status.h"
#include "hint.h"
#include "key-file.h"

static int unlock(Session *session)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_(key_file_cleanup) char *key = NULL;
        int r;

        r = key_file_read(session->options->key_file, &key);
        if (r != 0)
                return r;
        r = session_new_call(session, &m, SERVICE_PATH, "Authority", "Unlock");
        if (r != 0)
                return r;
        r = sd_bus_message_sensitive(m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", key);
        if (r < 0)
                return r;
        return session_send(session, m, NULL);
}

/* ssh has said what it had to say; that it ended is known by the first call only. */
static int no_host(const char *host, int r)
{
        output_error(
                "no bus at %s, or no longer: see whether 'ssh HOST systemd-stdio-bridge' waits "
                "for input (%s)",
                host, strerror(-r));
        return EXIT_UNREACHABLE;
}

static int connect_bus(Session *session)
{
        const char *host = session->options->host;
        int r;

        r = host ? sd_bus_open_system_remote(&session->bus, host)
                 : sd_bus_open_system_with_description(&session->bus, "exmachinactl");
        if (r >= 0) {
                session->connections++;
                return 0;
        }
        if (session->silent)
                return EXIT_UNREACHABLE;
        if (host)
                return no_host(host, r);
        output_error("the system bus cannot be reached: see whether dbus is running (%s)",
                     strerror(-r));
        return EXIT_UNREACHABLE;
}

static bool asks_for_passwords(const Session *session)
{
        return !session->silent && !session->options->no_ask_password;
}

void session_set_silent(Session *session, bool silent)
{
        session->silent = silent;
        if (session->bus)
                sd_bus_set_allow_interactive_authorization(session->bus,
                                                           asks_for_passwords(session));
}

int session_open(Session *session)
{
        bool asks = asks_for_passwords(session);
        int r;

        if (session->bus)
                return 0;
        r = connect_bus(session);
        if (r != 0)
                return r;
        r = sd_bus_set_allow_interactive_authorization(session->bus, asks);
        if (r < 0)
                return r;
        if (session->options->key_file) {
                r = unlock(session);
                if (r != 0)
                        return r;
        }
        if (asks && !session->options->host && session->agent == 0)
                agent_open(&session->agent);
        return 0;
}

void session_disconnect(Session *session)
{
        if (session->bus)
                sd_bus_close(session->bus);
        session->bus = sd_bus_unref(session->bus);
}

void session_done(Session *session)
{
        if (session->bus)
                session->bus = sd_bus_flush_close_unref(session->bus);
        agent_close(&session->agent);
}

int session_new_call(Session *session, sd_bus_message **ret, const char *path,
                     const char *interface, const char *member)
{
        char full[128];
        int r;

        r = session_open(session);
        if (r != 0)
                return r;
        snprintf(full, sizeof(full), "%s.%s", SERVICE_NAME, interface);
        r = sd_bus_message_new_method_call(session->bus, ret, SERVICE_NAME, path, full, member);
        return r < 0 ? r : 0;
}

/* ---------------------------------------------------------------- errors */

bool session_was_lost(const sd_bus_error *error, int r)
{
        return sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED) ||
               r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE || r == -ESHUTDOWN;
}

bool session_is_unknown(const sd_bus_error *error)
{
        return sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_METHOD,
                                      SD_BUS_ERROR_UNKNOWN_INTERFACE);
}

static int status_of(const sd_bus_error *error)
{
        static const struct {
                const char *name;
                int status;
        } table[] = {
                { SD_BUS_ERROR_ACCESS_DENIED, EXIT_DENIED },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, EXIT_DENIED },
                { SERVICE_NAME ".Error.BadKey", EXIT_DENIED },
                { SERVICE_NAME ".Error.NoMatch", EXIT_NOT_THERE },
                { SERVICE_NAME ".Error.NoSuchUnit", EXIT_NOT_THERE },
                { SERVICE_NAME ".Error.NoSuchChange", EXIT_NOT_THERE },
                { SERVICE_NAME ".Error.NoSuchPackage", EXIT_NOT_THERE },
                { SERVICE_NAME ".Error.Conflict", EXIT_CONFLICT },
                { SERVICE_NAME ".Error.ValidationFailed", EXIT_INVALID },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (sd_bus_error_has_name(error, table[i].name))
                        return table[i].status;
        return EXIT_FAILED;
}

int session_report(const Session *session, const sd_bus_error *error, int r, size_t prefix_length)
{
        const char *message = error->message ? error->message : strerror(r < 0 ? -r : EIO);

        if (session->silent)
                return EXIT_FAILED;
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN,
                                   SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                output_error(
                        "the bus knows no ExMachina: install it, then 'systemctl reload dbus'");
                return EXIT_UNREACHABLE;
        }
        if (session_was_lost(error, r) && session->options->host)
                return no_host(session->options->host, r);
        if (session_was_lost(error, r)) {
                output_error("the connection to the service was lost: try again; its log is "
                             "'journalctl -u exmachina'");
                return EXIT_UNREACHABLE;
        }
        if (session_is_unknown(error)) {
                output_error("the service is older than this exmachinactl and cannot do this: %s",
                             message);
                return EXIT_FAILED;
        }
        if (strlen(message) >= prefix_length)
                message += prefix_length;
        output_error("%s%s", message, hint_for(session, error));
        return status_of(error);
}

/* ---------------------------------------------------------------- calls */

int session_send(Session *session, sd_bus_message *m, json_t **ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call(session->bus, m, UINT64_MAX, &error, &reply);
        if (r < 0)
                return session_report(session, &error, r, 0);
        return ret ? message_to_json(reply, ret) : 0;
}

static int callv(Session *session, json_t **ret, const char *path, const char *interface,
                 const char *member, const char *types, va_list list)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = session_new_call(session, &m, path, interface, member);
        if (r != 0)
                return r;
        if (types) {
                r = sd_bus_message_appendv(m, types, list);
                if (r == -EINVAL)
                        return output_error("an argument is not valid UTF-8");
                if (r < 0)
                        return r;
        }
        return session_send(session, m, ret);
}

int session_call_at(Session *session, json_t **ret, const char *path, const char *interface,
                    const char *member, const char *types, ...)
{
        va_list list;
        int r;

        va_start(list, types);
        r = callv(session, ret, path, interface, member, types, list);
        va_end(list);
        return r;
}

int session_call(Session *session, json_t **ret, const char *interface, const char *member,
                 const char *types, ...)
{
        va_list list;
        int r;

        va_start(list, types);
        r = callv(session, ret, SERVICE_PATH, interface, member, types, list);
        va_end(list);
        return r;
}
