/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * identity.c - the verbs about oneself: whoami, permitted.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exit-status.h"
#include "script.h"
#include "table.h"
#include "text.h"
#include "verb.h"

static int print_grants(const Output *output, const json_t *who)
{
        static const char *const lists[] = { "read", "write", "units", "packages" };
        _cleanup_free_ char *expires = time_show(field_number(who, "expires"));
        int r = 0;

        if (!expires)
                return -ENOMEM;
        fputs("key ", stdout);
        r = output_text(output, COLOUR_BOLD, field_string(who, "key"), false);
        printf("%s%s\n", field_number(who, "expires") > 0 ? ", until " : "",
               field_number(who, "expires") > 0 ? expires : "");
        for (size_t i = 0; i < ELEMENTSOF(lists) && r == 0; i++) {
                _cleanup_free_ char *joined = field_join(who, lists[i], " ");

                if (!joined)
                        return -ENOMEM;
                if (joined[0] == '\0')
                        continue;
                printf("%8s: ", lists[i]);
                r = output_text(output, COLOUR_NONE, joined, false);
                putchar('\n');
        }
        if (json_is_true(json_object_get(who, "timezone")))
                puts("timezone: yes");
        return r;
}

int verb_whoami(Session *session, int argc, char **argv)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *who;
        int r;

        r = session_call(session, &reply, "Authority", "WhoAmI", NULL);
        if (r != 0)
                return r;
        who = json_array_get(reply, 0);
        if (output_is_json(session->output))
                return output_json(session->output, who);
        printf("user ");
        r = output_text(session->output, COLOUR_BOLD, field_string(who, "user"), false);
        printf(" (uid %" PRIu64 ")\n", field_number(who, "uid"));
        if (r < 0 || field_string(who, "key")[0] == '\0')
                return r;
        return print_grants(session->output, who);
}

/* ---------------------------------------------------------------- permitted */

/* What is asked: "read" and "write" are followed by a file, "install" and "remove" by a package,
 * verbs of units by a unit; all else is an action. */
typedef struct Want {
        const char *what;
        char *object; /* "": none */
} Want;

static const char *kind_of(const char *what)
{
        if (strcmp(what, "read") == 0 || strcmp(what, "write") == 0)
                return "file";
        if (strcmp(what, "install") == 0 || strcmp(what, "remove") == 0)
                return "package";
        return NULL;
}

static int take_want(Want *want, int *i, int argc, char **argv)
{
        const Verb *verb = verb_find(argv[*i]);
        bool unit = verb && (verb->run == verb_job || verb->run == verb_unit_file);
        const char *kind = unit ? "unit" : kind_of(argv[*i]);

        want->what = argv[(*i)++];
        if (kind && *i >= argc)
                return output_usage("'%s' needs the name of a %s after it", want->what, kind);
        want->object = unit   ? unit_name_expand(argv[(*i)++])
                       : kind ? strdup(argv[(*i)++])
                              : strdup("");
        return want->object ? 0 : -ENOMEM;
}

static Colour colour_of(const char *answer)
{
        return strcmp(answer, "yes") == 0         ? COLOUR_GREEN
               : strcmp(answer, "challenge") == 0 ? COLOUR_YELLOW
                                                  : COLOUR_RED;
}

static int show_answers(Session *session, const Want *wants, size_t n, const json_t *answers)
{
        static const Column columns[] = { { .name = "WHAT" },
                                          { .name = "OF" },
                                          { .name = "ANSWER" } };
        _cleanup_(table_free_cleanup) Table *table = NULL;
        _cleanup_json_ json_t *list = json_array();
        bool all = true;
        int r;

        if (!list)
                return -ENOMEM;
        r = table_new(&table, session->output, columns, ELEMENTSOF(columns));
        for (size_t i = 0; i < n && r == 0; i++) {
                const char *answer = json_string_value(json_array_get(answers, i));
                const char *cells[] = { wants[i].what, wants[i].object, answer };

                if (!answer)
                        return -EBADMSG;
                all = all && strcmp(answer, "yes") == 0;
                if (output_is_json(session->output)) {
                        r = json_array_append_new(list,
                                                  json_pack("{s:s,s:s,s:s}", "what", cells[0], "of",
                                                            cells[1], "answer", answer));
                } else {
                        r = table_add(table, cells);
                        if (r == 0)
                                table_colour(table, 2, colour_of(answer));
                }
        }
        if (r == 0)
                r = output_is_json(session->output) ? output_json(session->output, list)
                                                    : table_print(table);
        return r < 0 ? -ENOMEM : all ? 0 : EXIT_DENIED;
}

/* The service counts; a person has written words. Returns: the exit status. */
static int report(Session *session, const sd_bus_error *error, int r, const Want *wants, size_t n)
{
        _cleanup_error_ sd_bus_error copy = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *message = NULL;
        unsigned index;
        size_t length;

        if (!session_error_index(error, "want", &index, &length) || index >= n)
                return session_report(session, error, r, 0);
        if (asprintf(&message, "'%s%s%s': %s", wants[index].what, wants[index].object[0] ? " " : "",
                     wants[index].object, error->message + length) < 0)
                return -ENOMEM;
        sd_bus_error_set(&copy, error->name, message);
        return session_report(session, &copy, r, 0);
}

static int ask(Session *session, const Want *wants, size_t n)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ json_t *answers = NULL;
        int r;

        r = session_new_call(session, &m, SERVICE_PATH, "Authority", "Permitted");
        if (r != 0)
                return r;
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(ss)");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append(m, "(ss)", wants[i].what, wants[i].object);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return r == -EINVAL ? output_usage("an argument is not valid UTF-8") : r;
        r = session_exchange(session, m, &error, &reply);
        if (r < 0)
                return report(session, &error, r, wants, n);
        r = message_to_json(reply, &answers);
        return r < 0 ? r : show_answers(session, wants, n, json_array_get(answers, 0));
}

int verb_permitted(Session *session, int argc, char **argv)
{
        _cleanup_free_ Want *wants = calloc((size_t)argc, sizeof(*wants));
        size_t n = 0;
        int r = wants ? 0 : -ENOMEM;

        for (int i = 1; i < argc && r == 0;)
                r = take_want(&wants[n++], &i, argc, argv);
        if (r == 0)
                r = ask(session, wants, n);
        for (size_t i = 0; wants && i < n; i++)
                free(wants[i].object);
        return r;
}
