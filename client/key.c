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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exit-status.h"
#include "table.h"
#include "text.h"
#include "verb.h"

#define DAEMON             EXM_LIBEXECDIR "/exmachina/exmachinad"
#define DAEMON_EXIT_EXISTS 3

/* nginx:reload is nginx.service:reload. A glob is left as it is: it may mean units of every kind.
 */
static char *unit_grant_expand(const char *grant)
{
        const char *colon = strrchr(grant, ':');
        _cleanup_free_ char *unit = NULL, *name = NULL;
        char *expanded;

        if (!colon || colon == grant || strpbrk(grant, "*?["))
                return strdup(grant);
        unit = strndup(grant, (size_t)(colon - grant));
        name = unit ? unit_name_expand(unit) : NULL;
        return name && asprintf(&expanded, "%s%s", name, colon) >= 0 ? expanded : NULL;
}

static int unit_grants_expand(char *const *grants, char ***ret)
{
        _cleanup_strv_ char **list = NULL;
        char *const *grant;

        STRV_FOREACH(grant, grants) {
                _cleanup_free_ char *expanded = unit_grant_expand(*grant);

                if (!expanded || strv_extend(&list, expanded) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

static void note_shown_once(const Session *session)
{
        output_note(session->output,
                    "the key is shown this once: keep it in a file that only its user "
                    "can read, for --key-file");
}

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

static int offline_arguments(const Session *session, const char *name, char **units, char ***list)
{
        const Options *o = session->options;
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
                r = append_all(list, "--unit", units);
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
        if (r == 0 && output_is_json(session->output))
                r = append(list, "--json", NULL);
        return r;
}

/* What the service's program prints goes where ours would. Returns: its exit code, -errno. */
static int run_daemon(char **arguments)
{
        int status;
        pid_t child;

        fflush(stdout);
        child = fork();
        if (child < 0)
                return -errno;
        if (child == 0) {
                execv(DAEMON, arguments);
                output_error("%s cannot be run: install the service, or make the key over the "
                             "bus: %m",
                             DAEMON);
                _exit(EXIT_FAILED);
        }
        while (waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int create_offline(Session *session, const char *name, char **units)
{
        _cleanup_strv_ char **arguments = NULL;
        int r;

        if (session->options->host)
                return output_usage("--offline makes a key here: run it on %s itself",
                                    session->options->host);
        if (geteuid() != 0) {
                output_error("--offline is for root: only root can make a key without the service");
                return EXIT_DENIED;
        }
        r = offline_arguments(session, name, units, &arguments);
        if (r < 0)
                return r;
        r = run_daemon(arguments);
        if (r == 0)
                note_shown_once(session);
        /* Its 1 and 2 are ours. */
        return r == DAEMON_EXIT_EXISTS ? EXIT_CONFLICT : r;
}

/* ---------------------------------------------------------------- create */

static int append_grants(const Options *o, char **units, sd_bus_message *m)
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
                r = message_append_option_strings(m, "units", units);
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
        note_shown_once(session);
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

static int create_over_bus(Session *session, const char *name, char **units)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = session_new_call(session, &m, SERVICE_PATH, "Authority", "CreateKey");
        if (r != 0)
                return r;
        r = sd_bus_message_append(m, "s", name);
        if (r < 0)
                return r;
        r = append_grants(session->options, units, m);
        if (r < 0)
                return r;
        r = session_exchange(session, m, &error, &reply);
        if (r < 0)
                return session_report(session, &error, r, 0);
        return take_key(session, reply, name);
}

static int key_create(Session *session, int argc, char **argv)
{
        const Options *options = session->options;
        _cleanup_strv_ char **units = NULL;
        int r;

        if (!options->user)
                return output_usage(
                        "say who may use the key: --user NAME, or --user '' for anyone who has it");
        if (options->root && !options->offline)
                return output_usage("--root goes with --offline only");
        r = unit_grants_expand(options->units, &units);
        if (r < 0)
                return r;
        return options->offline ? create_offline(session, argv[1], units)
                                : create_over_bus(session, argv[1], units);
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
        _cleanup_json_ json_t *reply = NULL;
        const json_t *keys;
        int r;

        r = session_call(session, &reply, "Authority", "ListKeys", NULL);
        if (r != 0)
                return r;
        keys = json_array_get(reply, 0);
        output_open_pager(session->output);
        if (output_is_json(session->output))
                return output_json(session->output, keys);
        if (json_array_size(keys) == 0)
                output_note(session->output, "there are no keys");
        return table_show(session->output, columns, ELEMENTSOF(columns), keys, add_key);
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
