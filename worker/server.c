/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server.c - the methods of protocol.h: decode, call, answer.
 *
 * One call after another, nothing else under way. The daemon is trusted to speak the protocol; what
 * its strings hold is not. Whatever goes back as a string has passed utf8_sanitise(), since one
 * byte that is not UTF-8 would cost the connection.
 */
#include "worker/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "util/limits.h"
#include "util/strv.h"
#include "util/utf8.h"
#include "worker/edit.h"
#include "worker/index.h"
#include "worker/protocol.h"
#include "worker/query.h"
#include "worker/tree.h"
#include "worker/values.h"

#define READ_VARIABLE TREE_OWN_VARIABLES "read"
#define NODE_BYTES    16 /* of a node in a message, beside its strings */

typedef struct Server {
        const char *load_path;
        Tree *tree;
} Server;

typedef sd_bus_message *Message;

static void message_cleanup(Message *m)
{
        sd_bus_message_unref(*m);
}

static void bus_cleanup(sd_bus **bus)
{
        sd_bus_close_unref(*bus);
}

#define _cleanup_message_ _cleanup_(message_cleanup)

/* Ends a method: sends `reply` if r is 0 (or what building it returned), else the failure. */
static int finish(Message m, Message reply, int r, const Failure *f)
{
        _cleanup_free_ char *clean = NULL;

        if (r >= 0 && reply)
                return sd_bus_send(NULL, reply, NULL);
        if (r > 0 && f->message)
                clean = utf8_sanitise(f->message, strlen(f->message));
        return sd_bus_reply_method_errorf(m, condition_to_dbus_name(r), "%s",
                                          clean          ? clean
                                          : r == -ENOMEM ? "the worker is out of memory"
                                                         : "internal error of the worker");
}

static int append_clean(Message reply, const char *s)
{
        _cleanup_free_ char *clean = utf8_sanitise(s, strlen(s));

        return clean ? sd_bus_message_append(reply, "s", clean) : -ENOMEM;
}

/* ---- files ---- */

static int append_index(Message reply, const Index *index)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sasas)");
        for (size_t i = 0; i < index->n_entries && r >= 0; i++) {
                const IndexEntry *entry = &index->entries[i];

                r = sd_bus_message_open_container(reply, 'r', "sasas");
                if (r >= 0)
                        r = append_clean(reply, entry->lens);
                if (r >= 0)
                        r = sd_bus_message_append_strv(reply, entry->include);
                if (r >= 0)
                        r = sd_bus_message_append_strv(reply, entry->exclude);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_index(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_index_ Index index = { 0 };
        const Server *server = userdata;
        int r;

        r = index_build(&index, server->load_path, &f);
        if (r == 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (reply)
                r = append_index(reply, &index);
        return finish(m, r < 0 ? NULL : reply, r, &f);
}

static int method_load(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *clean = NULL;
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        const char *name, *lens;
        const Server *server = userdata;
        TreeProblem problem;
        const void *text;
        size_t size;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &lens);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &text, &size);
        if (r < 0)
                return r;
        r = tree_load_file(server->tree, name, lens, text, size, &problem, &f);
        if (r == 0) {
                const char *message = problem.message ? problem.message : "";

                clean = utf8_sanitise(message, strlen(message));
                r = clean ? sd_bus_message_new_method_return(m, &reply) : -ENOMEM;
        }
        if (reply)
                r = sd_bus_message_append(reply, "bssuu", problem.kind == NULL,
                                          problem.kind ? problem.kind : "", clean, problem.at.line,
                                          problem.at.column);
        return finish(m, r < 0 ? NULL : reply, r, &f);
}

static int reply_empty(Message m, int r, const Failure *f)
{
        return r == 0 ? sd_bus_reply_method_return(m, NULL) : finish(m, NULL, r, f);
}

static int method_define(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_failure_ Failure f = { 0 };
        const Server *server = userdata;
        const char *name, *lens;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &lens);
        if (r < 0)
                return r;
        return reply_empty(m, tree_define_file(server->tree, name, lens, &f), &f);
}

static int method_drop(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_failure_ Failure f = { 0 };
        const Server *server = userdata;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        return reply_empty(m, tree_drop_file(server->tree, name, &f), &f);
}

static int method_changed(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        const Server *server = userdata;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, server->tree->changed);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_render(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_free_ char *text = NULL;
        const Server *server = userdata;
        const char *name;
        size_t size;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = tree_render_file(server->tree, name, &text, &size, &f);
        if (r == 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (reply) {
                r = sd_bus_message_append(reply, "b", text != NULL);
                if (r >= 0)
                        r = sd_bus_message_append_array(reply, 'y', text, size);
        }
        return finish(m, r < 0 ? NULL : reply, r, &f);
}

/* ---- reading ---- */

static int method_get_value(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_query_ Query query = { 0 };
        const Server *server = userdata;
        const char *path, *value = NULL;
        int r;

        r = sd_bus_message_read(m, "s", &path);
        if (r < 0)
                return r;
        r = query_evaluate(&query, server->tree, READ_VARIABLE, path, &f);
        if (r == 0)
                r = query_require_one(&query, path, &f);
        if (r == 0)
                r = query_get_value(&query, server->tree, READ_VARIABLE, 0, &value);
        if (r == 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (reply) {
                r = sd_bus_message_append(reply, "b", value != NULL);
                if (r >= 0)
                        r = append_clean(reply, value ? value : "");
        }
        return finish(m, r < 0 ? NULL : reply, r, &f);
}

/* Counts down what is left of a message. */
static int spend_bytes(size_t *left, size_t bytes, Failure *f)
{
        if (bytes > *left)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "the answer has more than %u bytes; narrow the expression, or "
                                   "read it in pages (offset, limit)",
                                   LIMIT_MESSAGE_BYTES);
        *left -= bytes;
        return 0;
}

static int method_values(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        const Server *server = userdata;
        uint32_t bytes;
        int r;

        r = sd_bus_message_read(m, "u", &bytes);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = values_append(reply, server->tree, bytes, &f);
        return finish(m, r == 0 ? reply : NULL, r, &f);
}

static int append_match(Message reply, const Query *query, Failure *f)
{
        size_t left = LIMIT_MESSAGE_BYTES;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; i < query->n_nodes && r >= 0; i++) {
                _cleanup_free_ char *path =
                        utf8_sanitise(query->nodes[i].path, strlen(query->nodes[i].path));

                if (!path)
                        return -ENOMEM;
                r = spend_bytes(&left, NODE_BYTES + strlen(path), f);
                if (r > 0)
                        return r;
                r = sd_bus_message_append(reply, "s", path);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply) < 0 ? -ENOMEM : 0;
}

static int method_match(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_query_ Query query = { 0 };
        const Server *server = userdata;
        const char *expression;
        int r;

        r = sd_bus_message_read(m, "s", &expression);
        if (r < 0)
                return r;
        r = query_evaluate(&query, server->tree, READ_VARIABLE, expression, &f);
        if (r == 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (reply)
                r = append_match(reply, &query, &f);
        return finish(m, r == 0 ? reply : NULL, r, &f);
}

static int append_node(Message reply, const char *path, const char *value, size_t *left, Failure *f)
{
        _cleanup_free_ char *clean_path = utf8_sanitise(path, strlen(path));
        _cleanup_free_ char *clean_value =
                utf8_sanitise(value ? value : "", value ? strlen(value) : 0);
        int r;

        if (!clean_path || !clean_value)
                return -ENOMEM;
        r = spend_bytes(left, NODE_BYTES + strlen(clean_path) + strlen(clean_value), f);
        if (r != 0)
                return r;
        r = sd_bus_message_append(reply, "(sbs)", clean_path, value != NULL, clean_value);
        return r < 0 ? r : 0;
}

static int append_nodes(Message reply, const Query *query, Tree *tree, size_t begin, size_t end,
                        Failure *f)
{
        size_t left = LIMIT_MESSAGE_BYTES;
        const char *value;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sbs)");
        if (r < 0)
                return r;
        for (size_t i = begin; i < end; i++) {
                r = query_get_value(query, tree, READ_VARIABLE, i, &value);
                if (r == 0)
                        r = append_node(reply, query->nodes[i].path, value, &left, f);
                if (r != 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "u", (uint32_t)query->n_nodes);
        return r < 0 ? r : 0;
}

static int method_read(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_query_ Query query = { 0 };
        const Server *server = userdata;
        const char *expression;
        uint32_t offset, limit;
        size_t begin, end;
        int r;

        r = sd_bus_message_read(m, "suu", &expression, &offset, &limit);
        if (r < 0)
                return r;
        r = query_evaluate_page(&query, server->tree, READ_VARIABLE, expression, offset, limit, &f);
        if (r == 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (reply) {
                begin = offset < query.n_nodes ? offset : query.n_nodes;
                end = limit > 0 && limit < query.n_nodes - begin ? begin + limit : query.n_nodes;
                r = append_nodes(reply, &query, server->tree, begin, end, &f);
        }
        return finish(m, r == 0 ? reply : NULL, r, &f);
}

/* ---- editing ---- */

/* Applies the edits of the message, and appends a count for each to the reply. */
static int apply_edits(Message m, Message reply, Tree *tree, Failure *f)
{
        const char *verb;
        uint32_t count;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sas)");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "u");
        for (uint32_t i = 0; r >= 0; i++) {
                _cleanup_strv_ char **args = NULL;

                r = sd_bus_message_enter_container(m, 'r', "sas");
                if (r <= 0)
                        break;
                r = sd_bus_message_read(m, "s", &verb);
                if (r >= 0)
                        r = sd_bus_message_read_strv(m, &args);
                if (r < 0)
                        break;
                r = edit_apply(tree, verb, args, &count, f);
                if (r > 0)
                        failure_prefix(f, "edit %u: ", i);
                if (r != 0)
                        return r;
                r = sd_bus_message_append(reply, "u", count);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply) < 0 ? -ENOMEM : 0;
}

static int method_edit(Message m, void *userdata, sd_bus_error *error)
{
        _cleanup_message_ Message reply = NULL;
        _cleanup_failure_ Failure f = { 0 };
        const Server *server = userdata;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = apply_edits(m, reply, server->tree, &f);
        return finish(m, r == 0 ? reply : NULL, r, &f);
}

/* UNPRIVILEGED: who is at the other end was settled when the socket was made; sd-bus is not to look
 * for capabilities of a peer in /proc. */
#define METHOD(name, in, out, handler)                                                             \
        SD_BUS_METHOD(name, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Index", "", "a(sasas)", method_index),
        METHOD("Load", "ssay", "bssuu", method_load),
        METHOD("Define", "ss", "", method_define),
        METHOD("Drop", "s", "", method_drop),
        METHOD("GetValue", "s", "bs", method_get_value),
        METHOD("Values", "u", "a(sbs)", method_values),
        METHOD("Match", "s", "as", method_match),
        METHOD("Read", "suu", "a(sbs)u", method_read),
        METHOD("Edit", "a(sas)", "au", method_edit),
        METHOD("Changed", "", "as", method_changed),
        METHOD("Render", "s", "bay", method_render),
        SD_BUS_VTABLE_END,
};

static int connect_bus(sd_bus **ret, int fd, Server *server)
{
        _cleanup_(bus_cleanup) sd_bus *bus = NULL;
        sd_id128_t id;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r >= 0)
                r = sd_bus_set_server(bus, /* b= */ true, id);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, WORKER_OBJECT, WORKER_INTERFACE, vtable,
                                             server);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static bool is_end(int r)
{
        return r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE;
}

static int serve(sd_bus *bus)
{
        int r;

        for (;;) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (is_end(r))
                        return 0;
                if (r < 0 && r != -EINTR)
                        return r;
        }
}

int server_run(int fd, const char *load_path)
{
        _cleanup_(tree_free_cleanup) Tree *tree = NULL;
        _cleanup_(bus_cleanup) sd_bus *bus = NULL;
        Server server = { .load_path = load_path };
        int r;

        r = tree_new(&tree, load_path);
        if (r == 0) {
                server.tree = tree;
                r = connect_bus(&bus, fd, &server);
        }
        if (r == 0)
                r = serve(bus);
        if (r < 0)
                fprintf(stderr, "exmachina-worker: %s\n", strerror(-r));
        return r;
}
