/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c - see session.h.
 */
#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "exit-status.h"
#include "hint.h"
#include "interrupt.h"
#include "key-file.h"

/* So begins what the service says to whoever waits for it when it is stopped. */
#define STOPPED "the service was stopped meanwhile"

#define GRACE_USEC 3000000U /* for the answer when the password agent was ended */

static int unlock(Session *session)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_(key_file_cleanup) char *key = NULL;
        int r;

        r = key_file_read(session->options->key_file, &key, &session->interrupted);
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
        output_error("no bus at %s, or no longer (%s): see whether 'ssh %s systemd-stdio-bridge' "
                     "waits for input",
                     host, strerror(-r), host);
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

/* What may be asked again, and be left without an answer. */
static bool writes_nothing(const char *member)
{
        static const char *const members[] = {
                "Affected",  "Begin",         "Diff",      "DiffChange",  "Edit",
                "Errors",    "GetChange",     "GetValue",  "ListChanges", "ListFiles",
                "ListKeys",  "ListTimezones", "ListUnits", "Match",       "PackageStatus",
                "Permitted", "Read",          "ReadFile",  "Rebase",      "RevertDiff",
                "Rollback",  "Status",        "Unlock",    "Validate",    "WhoAmI",
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (strcmp(member, members[i]) == 0)
                        return true;
        return false;
}

int session_new_call(Session *session, sd_bus_message **ret, const char *path,
                     const char *interface, const char *member)
{
        char full[128];
        int r;

        r = session_open(session);
        if (r != 0)
                return r;
        session->changes = !writes_nothing(member);
        snprintf(full, sizeof(full), "%s.%s", SERVICE_NAME, interface);
        r = sd_bus_message_new_method_call(session->bus, ret, SERVICE_NAME, path, full, member);
        return r < 0 ? r : 0;
}

/* ---------------------------------------------------------------- errors */

bool session_was_lost(const sd_bus_error *error, int r)
{
        return sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED) ||
               (sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT) && error->message &&
                strncmp(error->message, STOPPED, strlen(STOPPED)) == 0) ||
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
                { SD_BUS_ERROR_INVALID_ARGS, EXIT_USAGE },
                { SERVICE_NAME ".Error.InvalidPath", EXIT_USAGE },
                { SERVICE_NAME ".Error.InvalidEdit", EXIT_USAGE },
                { SERVICE_NAME ".Error.NoMatch", EXIT_NOT_THERE },
                { SERVICE_NAME ".Error.NoLens", EXIT_NOT_THERE },
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

/* The words of the bus, or of systemd, about a service that they could not start. */
static bool cannot_be_started(const sd_bus_error *error)
{
        static const char *const prefixes[] = { "org.freedesktop.DBus.Error.Spawn.",
                                                "org.freedesktop.systemd1.",
                                                "org.freedesktop.DBus.Error.TimedOut",
                                                SD_BUS_ERROR_NAME_HAS_NO_OWNER };

        for (size_t i = 0; error->name && i < ELEMENTSOF(prefixes); i++)
                if (strncmp(error->name, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return false;
}

static int report_lost(const Session *session, int r)
{
        if (session->changes) {
                output_error("the service has ended in the middle, and whether this is done is not "
                             "known: look before you do it again; its log is 'journalctl -u "
                             "exmachina'");
                return EXIT_UNKNOWN;
        }
        if (session->options->host && (!session->bus || sd_bus_is_open(session->bus) <= 0))
                return no_host(session->options->host, r);
        output_error("the connection to the service was lost: try again; its log is 'journalctl "
                     "-u exmachina'");
        return EXIT_UNREACHABLE;
}

static int report_interrupted(const Session *session)
{
        if (session->changes || session->in_shell)
                interrupt_end_line();
        if (session->changes) {
                output_error("interrupted, and whether this is done is not known: look before you "
                             "do it again");
                return EXIT_UNKNOWN;
        }
        if (session->in_shell)
                output_error("interrupted");
        return EXIT_FAILED;
}

int session_report(const Session *session, const sd_bus_error *error, int r, size_t prefix_length)
{
        const char *message = error->message ? error->message : strerror(r < 0 ? -r : EIO);
        _cleanup_free_ char *words = NULL;

        if (session->silent)
                return EXIT_FAILED;
        if (r == -EINTR && !error->name)
                return report_interrupted(session);
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN)) {
                output_error(
                        "the bus knows no ExMachina: install it, then 'systemctl reload dbus'");
                return EXIT_UNREACHABLE;
        }
        if (session_was_lost(error, r))
                return report_lost(session, r);
        if (cannot_be_started(error)) {
                output_error("the service cannot be started (%s): see 'systemctl status exmachina'",
                             message);
                return EXIT_UNREACHABLE;
        }
        if (session_is_unknown(error)) {
                output_error("the service is older than this exmachinactl and cannot do this: %s",
                             message);
                return EXIT_FAILED;
        }
        if (strlen(message) >= prefix_length)
                message += prefix_length;
        words = hint_rephrase(session, error, message);
        if (!words)
                return -ENOMEM;
        output_error("%s", words);
        return status_of(error);
}

bool session_error_index(const sd_bus_error *error, const char *what, unsigned *ret_index,
                         size_t *ret_length)
{
        size_t size = strlen(what);
        int length = 0;

        if (!error->message || strncmp(error->message, what, size) != 0 ||
            sscanf(error->message + size, " %u: %n", ret_index, &length) < 1 || length == 0)
                return false;
        *ret_length = size + (size_t)length;
        return true;
}

/* ---------------------------------------------------------------- calls */

static int on_reply(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
        sd_bus_message **reply = userdata;

        *reply = sd_bus_message_ref(m);
        return 0;
}

/* Until the bus has taken us (`reply` NULL), or for the reply. After Ctrl-C a password that was
 * being asked for is not given any more: then the call is answered at once. */
static int wait_for(Session *session, sd_bus_message *const *reply)
{
        _cleanup_interrupt_ Interrupt interrupt = { .signals = -1 };
        uint64_t end = UINT64_MAX;
        int r;

        r = interrupt_begin(&interrupt);
        while (r >= 0 && !(reply ? *reply != NULL : sd_bus_is_ready(session->bus) > 0)) {
                r = sd_bus_process(session->bus, NULL);
                if (r != 0)
                        continue;
                r = interrupt_now() >= end ? -EINTR
                                           : interrupt_wait_for_bus(&interrupt, session->bus, end,
                                                                    &session->interrupted);
                if (r == -EINTR && session->agent.pid > 0) {
                        interrupt_end_line();
                        agent_close(&session->agent);
                        session->gave_up = true;
                        end = interrupt_now() + GRACE_USEC;
                        r = 0;
                }
        }
        return r < 0 ? r : 0;
}

static int exchange_once(Session *session, sd_bus_message *m, sd_bus_error *error,
                         sd_bus_message **ret)
{
        _cleanup_(slot_cleanup) sd_bus_slot *slot = NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = wait_for(session, NULL);
        if (r < 0) {
                session->changes = false; /* it has not even been sent */
                return r;
        }
        r = sd_bus_call_async(session->bus, &slot, m, on_reply, &reply, UINT64_MAX);
        if (r >= 0)
                r = wait_for(session, &reply);
        if (r < 0)
                return r;
        session->interrupted = 0;
        if (sd_bus_message_is_method_error(reply, NULL)) {
                sd_bus_error_copy(error, sd_bus_message_get_error(reply));
                return -sd_bus_message_get_errno(reply);
        }
        *ret = TAKE_PTR(reply);
        return 0;
}

/* The key has to be shown again to a service that was started anew. Returns: as session_open(). */
static int copy_to_new_connection(Session *session, sd_bus_message *m, sd_bus_message **ret)
{
        _cleanup_message_ sd_bus_message *copy = NULL;
        int r;

        session_disconnect(session);
        r = session_open(session);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_call(
                session->bus, &copy, SERVICE_NAME, sd_bus_message_get_path(m),
                sd_bus_message_get_interface(m), sd_bus_message_get_member(m));
        if (r >= 0)
                r = sd_bus_message_rewind(m, 1);
        if (r >= 0)
                r = sd_bus_message_copy(copy, m, 1);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

/* What a transaction was asked, and what another machine was, cannot be asked anew; nor is a person
 * asked for the key again. */
static bool can_be_repeated(const Session *session, sd_bus_message *m)
{
        const Options *options = session->options;
        const char *member = sd_bus_message_get_member(m);

        return writes_nothing(member) && strcmp(member, "Unlock") != 0 && !options->host &&
               !(options->key_file && strcmp(options->key_file, "-") == 0) &&
               strcmp(sd_bus_message_get_path(m), SERVICE_PATH) == 0;
}

int session_exchange(Session *session, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret)
{
        _cleanup_error_ sd_bus_error first = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *again = NULL;
        int r;

        session->gave_up = false;
        if (asks_for_passwords(session) && !session->options->host)
                agent_open(&session->agent);
        r = exchange_once(session, m, &first, ret);
        if (r >= 0)
                return r;
        if (!session_was_lost(&first, r) || !can_be_repeated(session, m) ||
            copy_to_new_connection(session, m, &again) != 0) {
                sd_bus_error_move(error, &first);
                return r;
        }
        return exchange_once(session, again, error, ret);
}

int session_send(Session *session, sd_bus_message *m, json_t **ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = session_exchange(session, m, &error, &reply);
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
                        return output_usage("an argument is not valid UTF-8");
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
