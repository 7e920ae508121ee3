/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * read.c - the verbs that read: get, ls, print, files, cat, errors.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exit-status.h"
#include "hint.h"
#include "read.h"
#include "table.h"
#include "text.h"
#include "verb.h"

#define PAGE_NODES 5000U

int read_typed(Session *session, const char *object, const char *interface, const char *typed,
               int (*read)(Session *, const char *, const char *, const char *))
{
        _cleanup_free_ char *expression = path_expand(typed);
        int r;

        if (!expression)
                return -ENOMEM;
        session->typed = session->looked_for = typed;
        r = read(session, object, interface, expression);
        session->typed = session->looked_for = NULL;
        session->typed_before = 0;
        return r;
}

/* Also where the answer is JSON, which has said nothing then. */
static int nothing_matches(const Session *session)
{
        _cleanup_free_ char *why = hint_why_nothing(session);

        output_note(session->output, "%s", why ? why : "nothing matches");
        return EXIT_NOT_THERE;
}

int verb_get(Session *session, int argc, char **argv)
{
        return read_typed(session, SERVICE_PATH, "Config", argv[1], read_value);
}

int read_value(Session *session, const char *object, const char *interface, const char *path)
{
        _cleanup_json_ json_t *reply = NULL, *answer = NULL;
        const json_t *value;
        bool has_value;
        int r;

        r = session_call_at(session, &reply, object, interface, "GetValue", "s", path);
        if (r != 0)
                return r;
        has_value = json_is_true(json_array_get(reply, 0));
        value = json_array_get(reply, 1);
        if (output_is_json(session->output)) {
                answer = json_pack("{s:s,s:O}", "path", path, "value",
                                   has_value ? value : json_null());
                return answer ? output_json(session->output, answer) : -ENOMEM;
        }
        if (!has_value) {
                if (session->output->terminal)
                        output_note(session->output, "the node has no value");
                return 0;
        }
        r = output_text(session->output, COLOUR_NONE, json_string_value(value), true);
        putchar('\n');
        return r;
}

int verb_ls(Session *session, int argc, char **argv)
{
        return read_typed(session, SERVICE_PATH, "Config", argv[1], read_matches);
}

static int print_paths(const Output *output, const json_t *paths)
{
        const json_t *path;
        size_t i;
        int r;

        json_array_foreach(paths, i, path)
        {
                r = output_text(output, COLOUR_NONE, path_shorten(json_string_value(path)), false);
                if (r < 0)
                        return r;
                putchar('\n');
        }
        return 0;
}

int read_matches(Session *session, const char *object, const char *interface,
                 const char *expression)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *paths;
        int r;

        r = session_call_at(session, &reply, object, interface, "Match", "s", expression);
        if (r != 0)
                return r;
        paths = json_array_get(reply, 0);
        output_open_pager(session->output);
        r = output_is_json(session->output) ? output_json(session->output, paths)
                                            : print_paths(session->output, paths);
        if (r < 0)
                return r;
        return json_array_size(paths) == 0 ? nothing_matches(session) : 0;
}

/* ---------------------------------------------------------------- print */

static int print_node(const Output *output, const json_t *node)
{
        const char *path = path_shorten(json_string_value(json_array_get(node, 0)));
        const char *label = strrchr(path, '/');
        _cleanup_free_ char *value = NULL, *parent = NULL;
        int r;

        label = label ? label + 1 : path;
        parent = strndup(path, (size_t)(label - path));
        if (!parent)
                return -ENOMEM;
        r = output_text(output, COLOUR_DIM, parent, false);
        if (r < 0)
                return r;
        r = output_text(output, COLOUR_BOLD, label, false);
        if (r < 0)
                return r;
        if (json_is_true(json_array_get(node, 1))) {
                value = text_quote(json_string_value(json_array_get(node, 2)));
                if (!value)
                        return -ENOMEM;
                fputs(" = ", stdout);
                r = output_text(output, COLOUR_NONE, value, false);
        }
        putchar('\n');
        return r;
}

static int collect_node(json_t *nodes, const json_t *node)
{
        const json_t *value =
                json_is_true(json_array_get(node, 1)) ? json_array_get(node, 2) : json_null();

        return json_array_append_new(nodes, json_pack("{s:O,s:O}", "path", json_array_get(node, 0),
                                                      "value", value)) < 0
                       ? -ENOMEM
                       : 0;
}

/* All pages of Read. The tree of one answer and the next must be the same one. */
static int read_nodes(Session *session, const char *object, const char *interface,
                      const char *expression, json_t **ret_nodes, json_t **ret_versions)
{
        _cleanup_json_ json_t *nodes = json_array(), *versions = NULL;
        uint64_t total = 1;
        int r;

        if (!nodes)
                return -ENOMEM;
        for (unsigned offset = 0; offset < total; offset += PAGE_NODES) {
                _cleanup_json_ json_t *reply = NULL;

                r = session_call_at(session, &reply, object, interface, "Read", "suu", expression,
                                    offset, PAGE_NODES);
                if (r != 0)
                        return r;
                if (versions && !json_equal(versions, json_array_get(reply, 2))) {
                        output_error("a file was changed while it was read: try again");
                        return EXIT_CONFLICT;
                }
                if (!versions)
                        versions = json_incref(json_array_get(reply, 2));
                total = (uint64_t)json_integer_value(json_array_get(reply, 1));
                if (json_array_extend(nodes, json_array_get(reply, 0)) < 0)
                        return -ENOMEM;
        }
        *ret_nodes = TAKE_PTR(nodes);
        *ret_versions = TAKE_PTR(versions);
        return 0;
}

int read_subtree(Session *session, const char *object, const char *interface,
                 const char *expression)
{
        _cleanup_json_ json_t *nodes = NULL, *versions = NULL, *shown = json_array(),
                              *answer = NULL;
        _cleanup_free_ char *subtree = path_subtree(expression);
        const json_t *node;
        size_t i;
        int r;

        if (!subtree || !shown)
                return -ENOMEM;
        session->typed_before = strchr(expression, '|') ? strlen("(") : 0; /* path_subtree() */
        r = read_nodes(session, object, interface, subtree, &nodes, &versions);
        if (r != 0)
                return r;
        output_open_pager(session->output);
        json_array_foreach(nodes, i, node)
        {
                r = output_is_json(session->output) ? collect_node(shown, node)
                                                    : print_node(session->output, node);
                if (r < 0)
                        return r;
        }
        if (output_is_json(session->output)) {
                answer = json_pack("{s:O,s:O}", "nodes", shown, "versions", versions);
                r = answer ? output_json(session->output, answer) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return json_array_size(nodes) == 0 ? nothing_matches(session) : 0;
}

int verb_print(Session *session, int argc, char **argv)
{
        return read_typed(session, SERVICE_PATH, "Config", argv[1], read_subtree);
}

/* ---------------------------------------------------------------- files */

static int files_to_json(Session *session, const json_t *files)
{
        _cleanup_json_ json_t *list = json_array();
        const json_t *row;
        size_t i;

        if (!list)
                return -ENOMEM;
        json_array_foreach(files, i, row)
        {
                if (json_array_append_new(list,
                                          json_pack("{s:O,s:O}", "file", json_array_get(row, 0),
                                                    "lens", json_array_get(row, 1))) < 0)
                        return -ENOMEM;
        }
        return output_json(session->output, list);
}

static int add_file(Table *table, const json_t *row)
{
        const char *cells[] = { json_string_value(json_array_get(row, 0)),
                                json_string_value(json_array_get(row, 1)) };

        return table_add(table, cells);
}

int verb_files(Session *session, int argc, char **argv)
{
        static const Column columns[] = { { .name = "FILE" }, { .name = "LENS" } };
        _cleanup_json_ json_t *reply = NULL;
        const json_t *files;
        int r;

        r = session_call(session, &reply, "Config", "ListFiles", "s",
                         argc > 1 ? argv[1] : "/etc/**");
        if (r != 0)
                return r;
        files = json_array_get(reply, 0);
        output_open_pager(session->output);
        r = output_is_json(session->output)
                    ? files_to_json(session, files)
                    : table_show(session->output, columns, ELEMENTSOF(columns), files, add_file);
        if (r < 0 || json_array_size(files) > 0)
                return r;
        output_note(session->output, "no file that can be read as a tree matches");
        return EXIT_NOT_THERE;
}

static int read_errors(Session *session, const char *object, const char *interface,
                       const char *expression)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *error;
        size_t i;
        int r;

        r = session_call_at(session, &reply, object, interface, "Errors", "s", expression);
        if (r != 0)
                return r;
        output_open_pager(session->output);
        if (output_is_json(session->output))
                return output_json(session->output, json_array_get(reply, 0));
        json_array_foreach(json_array_get(reply, 0), i, error)
        {
                _cleanup_free_ char *line = NULL;

                if (asprintf(&line, "%s:%" PRIu64 ":%" PRIu64 ": %s (%s)",
                             field_string(error, "file"), field_number(error, "line"),
                             field_number(error, "column"), field_string(error, "message"),
                             field_string(error, "lens")) < 0)
                        return -ENOMEM;
                r = output_text(session->output, COLOUR_NONE, line, false);
                if (r < 0)
                        return r;
                putchar('\n');
        }
        return 0;
}

int verb_errors(Session *session, int argc, char **argv)
{
        return read_typed(session, SERVICE_PATH, "Config", argv[1], read_errors);
}

/* Bytes: not by way of JSON, which would take one value for each. */
int verb_cat(Session *session, int argc, char **argv)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_free_ char *text = NULL;
        const void *content;
        size_t size;
        int r;

        if (output_is_json(session->output))
                return output_usage("'cat' prints bytes: leave out --json");
        r = session_new_call(session, &m, SERVICE_PATH, "Config", "ReadFile");
        if (r != 0)
                return r;
        r = sd_bus_message_append(m, "s", argv[1]);
        if (r < 0)
                return r == -EINVAL ? output_usage("an argument is not valid UTF-8") : r;
        session->looked_for = argv[1];
        r = session_exchange(session, m, &error, &reply);
        if (r < 0)
                return session_report(session, &error, r, 0);
        r = sd_bus_message_read_array(reply, 'y', &content, &size);
        if (r < 0)
                return r;
        if (!session->output->terminal) {
                fwrite(content, 1, size, stdout);
                output_check();
                return 0;
        }
        text = size > 0 ? strndup(content, size) : strdup("");
        if (!text)
                return -ENOMEM;
        output_open_pager(session->output);
        return output_text(session->output, COLOUR_NONE, text, true);
}
