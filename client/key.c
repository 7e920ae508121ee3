/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key.c - the verbs of secret keys: key create, key list, key revoke.
 *
 * The text of a new key is printed this once, and nothing else goes to standard output. It is never
 * in an argument, a log or JSON's memory of values: it goes from the message, which is wiped, to
 * the file. One that could not be printed is revoked. Without the bus (--offline) the service's own
 * program makes the key.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "exit-status.h"
#include "table.h"
#include "text.h"
#include "verb.h"

#define DAEMON EXM_LIBEXECDIR "/exmachina/exmachinad"

/* ---------------------------------------------------------------- create, without the bus */

static int append(char ***list, const char *option, const char *value)
{
        int r;

        r = strv_extend(list, option);
        return r < 0 || !value ? r : strv_extend(list, value);
}

static int append_all(char ***list, const char *option, char *const *values)
{
        char *const *s;
        int r = 0;

        STRV_FOREACH(s, values) {
                r = append(list, option, *s);
                if (r < 0)
                        break;
        }
        return r;
}

static int offline_arguments(const Options *o, const char *name, char ***list)
{
        time_t seconds = (time_t)(o->expires / 1000000);
        char expires[64];
        struct tm tm;
        int r;

        r = append(list, DAEMON, "--create-key");
        if (r == 0)
                r = append(list, name, NULL);
        if (r == 0)
                r = append(list, "--user", o->user);
        if (r == 0)
                r = append_all(list, "--read", o->read);
        if (r == 0)
                r = append_all(list, "--write", o->write);
        if (r == 0)
                r = append_all(list, "--unit", o->units);
        if (r == 0)
                r = append_all(list, "--package", o->packages);
        if (r == 0 && o->timezone)
                r = append(list, "--timezone", NULL);
        if (r == 0 && o->expires > 0) {
                if (!gmtime_r(&seconds, &tm) ||
                    strftime(expires, sizeof(expires), "%FT%TZ", &tm) == 0)
                        return -EINVAL;
                r = append(list, "--expires", expires);
        }
        if (r == 0 && o->privileged)
                r = append(list, "--privileged", NULL);
        if (r == 0 && o->root)
                r = append(list, "--root", o->root);
        return r;
}

static int create_offline(const Options *options, const char *name)
{
        _cleanup_strv_ char **arguments = NULL;
        int r;

        if (options->host) {
                output_error("--offline makes a key here: run it on %s itself", options->host);
                return EXIT_USAGE;
        }
        r = offline_arguments(options, name, &arguments);
        if (r < 0)
                return r;
        fflush(stdout);
        execv(DAEMON, arguments);
        return output_error(
                "%s cannot be run: install the service, or make the key over the bus: %m", DAEMON);
}

/* ---------------------------------------------------------------- create */

static int append_grants(const Options *o, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0)
                r = message_append_option(m, "user", "s", o->user);
        if (r >= 0)
                r = message_append_option_strings(m, "read", o->read);
        if (r >= 0)
                r = message_append_option_strings(m, "write", o->write);
        if (r >= 0)
                r = message_append_option_strings(m, "units", o->units);
        if (r >= 0)
                r = message_append_option_strings(m, "packages", o->packages);
        if (r >= 0 && o->timezone)
                r = message_append_option(m, "timezone", "b", 1);
        if (r >= 0 && o->expires > 0)
                r = message_append_option(m, "expires", "t", o->expires);
        if (r >= 0 && o->privileged)
                r = message_append_option(m, "privileged", "b", 1);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The key has only characters that JSON takes as they are. */
static int print_key(Session *session, const char *key, const json_t *warnings)
{
        _cleanup_free_ char *list = NULL;
        const json_t *warning;
        bool is_json = output_is_json(session->output);
        size_t i;

        if (is_json) {
                list = json_dumps(warnings, JSON_COMPACT);
                if (!list)
                        return -ENOMEM;
        }
        /* Unbuffered: no copy stays behind. */
        setvbuf(stdout, NULL, _IONBF, 0);
        if (printf(is_json ? "{\"key\":\"%s\",\"warnings\":" : "%s\n", key) < 0 ||
            (is_json && printf("%s}\n", list) < 0))
                return output_error("the key could not be printed: %m");
        json_array_foreach(warnings, i, warning)
                output_error("warning: %s", json_string_value(warning));
        output_note(session->output,
                    "the key is shown this once: keep it in a file that only its user "
                    "can read, for --key-file");
        return 0;
}

static int take_key(Session *session, sd_bus_message *reply, const char *name)
{
        _cleanup_json_ json_t *rest = NULL;
        const char *key;
        int r;

        r = sd_bus_message_sensitive(reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &key);
        if (r >= 0)
                r = message_to_json(reply, &rest);
        if (r >= 0)
                r = print_key(session, key, json_array_get(rest, 0));
        if (r != 0 && session_call(session, NULL, "Authority", "RevokeKey", "s", name) == 0)
                output_error("the key '%s' is revoked again: nobody has seen it", name);
        return r;
}

static int key_create(Session *session, int argc, char **argv)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        const Options *options = session->options;
        int r;

        if (!options->user) {
                output_error(
                        "say who may use the key: --user NAME, or --user '' for anyone who has it");
                return EXIT_USAGE;
        }
        if (options->root && !options->offline) {
                output_error("--root goes with --offline only");
                return EXIT_USAGE;
        }
        if (options->offline)
                return create_offline(options, argv[1]);
        r = session_new_call(session, &m, SERVICE_PATH, "Authority", "CreateKey");
        if (r != 0)
                return r;
        r = sd_bus_message_append(m, "s", argv[1]);
        if (r < 0)
                return r;
        r = append_grants(options, m);
        if (r < 0)
                return r;
        r = sd_bus_call(session->bus, m, UINT64_MAX, &error, &reply);
        if (r < 0)
                return session_report(session, &error, r, 0);
        return take_key(session, reply, argv[1]);
}

/* ---------------------------------------------------------------- list, revoke */

static char *show_time(uint64_t usec, const char *none)
{
        return usec == 0 ? strdup(none) : time_show(usec);
}

static int add_key(Table *table, const json_t *key)
{
        _cleanup_free_ char *read = field_join(key, "read", " "),
                            *write = field_join(key, "write", " "),
                            *units = field_join(key, "units", " "),
                            *packages = field_join(key, "packages", " "),
                            *expires = show_time(field_number(key, "expires"), "never"),
                            *last_use = show_time(field_number(key, "last_use"), "");
        const char *user = field_string(key, "user");
        const char *cells[] = { field_string(key, "name"),
                                user[0] ? user : "(anyone)",
                                read,
                                write,
                                units,
                                packages,
                                json_is_true(json_object_get(key, "timezone")) ? "yes" : "no",
                                json_is_true(json_object_get(key, "privileged")) ? "yes" : "no",
                                expires,
                                last_use };
        int r;

        if (!read || !write || !units || !packages || !expires || !last_use)
                return -ENOMEM;
        r = table_add(table, cells);
        if (r == 0 && json_is_true(json_object_get(key, "privileged")))
                table_colour(table, 7, COLOUR_YELLOW);
        return r;
}

static int key_list(Session *session, int argc, char **argv)
{
        static const Column columns[] = { { .name = "KEY" },
                                          { .name = "USER" },
                                          { .name = "READ", .shrinks = true },
                                          { .name = "WRITE", .shrinks = true },
                                          { .name = "UNITS", .shrinks = true },
                                          { .name = "PACKAGES", .shrinks = true },
                                          { .name = "TIMEZONE" },
                                          { .name = "PRIVILEGED" },
                                          { .name = "EXPIRES" },
                                          { .name = "LAST USE" } };
        _cleanup_(table_free_cleanup) Table *table = NULL;
        _cleanup_json_ json_t *reply = NULL;
        const json_t *key;
        size_t i;
        int r;

        r = session_call(session, &reply, "Authority", "ListKeys", NULL);
        if (r != 0)
                return r;
        output_open_pager(session->output);
        if (output_is_json(session->output))
                return output_json(session->output, json_array_get(reply, 0));
        r = table_new(&table, session->output, columns, ELEMENTSOF(columns));
        if (r < 0)
                return r;
        json_array_foreach(json_array_get(reply, 0), i, key)
        {
                r = add_key(table, key);
                if (r < 0)
                        return r;
        }
        if (json_array_size(json_array_get(reply, 0)) == 0)
                output_note(session->output, "there are no keys");
        return table_print(table);
}

static int key_revoke(Session *session, int argc, char **argv)
{
        int r;

        r = session_call(session, NULL, "Authority", "RevokeKey", "s", argv[1]);
        if (r == 0)
                output_note(session->output,
                            "the key '%s' is revoked: who has it has no right by it", argv[1]);
        return r;
}

int verb_key(Session *session, int argc, char **argv)
{
        static const VerbPart parts[] = { { "create", 1, 1, TAKES_KEY | TAKES_OFFLINE, key_create },
                                          { "list", 0, 0, 0, key_list },
                                          { "revoke", 1, 1, 0, key_revoke } };

        return verb_run_part(
                session, parts, ELEMENTSOF(parts),
                "key create NAME --user NAME [OPTION...], key list, or key revoke NAME", argc,
                argv);
}
