/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixture.c - starts the worker as the daemon does: descriptors 0 to 3 and an empty environment.
 */
#include "fixture.h"

#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "util/strv.h"
#include "worker/protocol.h"

#define CPU_SECONDS  "60"
#define MEMORY_BYTES "536870912"

/* The sanitizer looks for leaks by means that the sandbox forbids. */
#ifdef __SANITIZE_ADDRESS__
static char *const worker_environment[] = { (char *)"ASAN_OPTIONS=detect_leaks=0", NULL };
#else
static char *const worker_environment[] = { NULL };
#endif

void worker_start(Worker *worker, const char *lens_dir)
{
        bool root = geteuid() == 0;
        char uid[16], gid[16];
        const char *argv[] = { WORKER_PATH, "--no-chroot", lens_dir,     uid,
                               gid,         CPU_SECONDS,   MEMORY_BYTES, NULL };
        posix_spawn_file_actions_t actions;
        int fds[2];

        snprintf(uid, sizeof(uid), "%u", root ? WORKER_TEST_UID : getuid());
        snprintf(gid, sizeof(gid), "%u", root ? WORKER_TEST_UID : getgid());
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[1], WORKER_FD), 0);
        if (root)
                argv[1] = WORKER_PATH;
        assert_int_equal(posix_spawn(&worker->pid, WORKER_PATH, &actions, NULL,
                                     (char *const *)(root ? argv + 1 : argv), worker_environment),
                         0);
        posix_spawn_file_actions_destroy(&actions);
        close(fds[1]);

        assert_true(sd_bus_new(&worker->bus) >= 0);
        assert_true(sd_bus_set_fd(worker->bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(worker->bus) >= 0);
}

int worker_stop(Worker *worker)
{
        int status;

        worker->bus = sd_bus_close_unref(worker->bus);
        assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
        return status;
}

int worker_setup(void **state)
{
        Worker *worker = calloc(1, sizeof(*worker));

        assert_non_null(worker);
        worker_start(worker, EXM_LENSDIR);
        *state = worker;
        return 0;
}

int worker_teardown(void **state)
{
        _cleanup_free_ Worker *worker = *state;
        int status = worker_stop(worker);

        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        return 0;
}

int worker_call(Worker *worker, sd_bus_error *error, sd_bus_message **ret_reply, const char *method,
                const char *types, ...)
{
        sd_bus_message *m = NULL;
        va_list ap;
        int r;

        assert_true(sd_bus_message_new_method_call(worker->bus, &m, NULL, WORKER_OBJECT,
                                                   WORKER_INTERFACE, method) >= 0);
        va_start(ap, types);
        assert_true(sd_bus_message_appendv(m, types, ap) >= 0);
        va_end(ap);
        r = sd_bus_call(worker->bus, m, 0, error, ret_reply);
        sd_bus_message_unref(m);
        return r;
}

static sd_bus_message *call_one(Worker *worker, const char *method, const char *argument)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;

        if (worker_call(worker, &error, &reply, method, argument ? "s" : "", argument) < 0)
                fail_msg("%s(%s): %s: %s", method, argument ? argument : "", error.name,
                         error.message);
        return reply;
}

bool worker_load_problem(Worker *worker, const char *file, const char *lens, const char *text,
                         size_t size, char **ret_message, uint32_t *ret_line, uint32_t *ret_column)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m = NULL, *reply = NULL;
        const char *kind, *message;
        uint32_t line, column;
        int ok;

        assert_true(sd_bus_message_new_method_call(worker->bus, &m, NULL, WORKER_OBJECT,
                                                   WORKER_INTERFACE, "Load") >= 0);
        assert_true(sd_bus_message_append(m, "ss", file, lens) >= 0);
        assert_true(sd_bus_message_append_array(m, 'y', text, size) >= 0);
        if (sd_bus_call(worker->bus, m, 0, &error, &reply) < 0)
                fail_msg("Load(%s): %s: %s", file, error.name, error.message);
        assert_true(sd_bus_message_read(reply, "bssuu", &ok, &kind, &message, &line, &column) > 0);
        assert_string_equal(kind, ok ? "" : "parse_failed");
        if (ret_message)
                *ret_message = strdup(message);
        if (ret_line)
                *ret_line = line;
        if (ret_column)
                *ret_column = column;
        sd_bus_message_unref(reply);
        sd_bus_message_unref(m);
        return ok;
}

bool worker_load(Worker *worker, const char *file, const char *lens, const char *text, size_t size)
{
        return worker_load_problem(worker, file, lens, text, size, NULL, NULL, NULL);
}

char *worker_get(Worker *worker, const char *path)
{
        sd_bus_message *reply = call_one(worker, "GetValue", path);
        const char *value;
        char *copy;
        int has_value;

        assert_true(sd_bus_message_read(reply, "bs", &has_value, &value) > 0);
        copy = has_value ? strdup(value) : NULL;
        sd_bus_message_unref(reply);
        return copy;
}

static char *read_joined(sd_bus_message *reply)
{
        _cleanup_strv_ char **list = NULL;

        assert_true(sd_bus_message_read_strv(reply, &list) >= 0);
        sd_bus_message_unref(reply);
        return list ? strv_join(list, " ") : strdup("");
}

char *worker_match(Worker *worker, const char *expression)
{
        return read_joined(call_one(worker, "Match", expression));
}

char *worker_changed(Worker *worker)
{
        return read_joined(call_one(worker, "Changed", NULL));
}

char *worker_render(Worker *worker, const char *file, size_t *ret_size)
{
        sd_bus_message *reply = call_one(worker, "Render", file);
        char *copy = NULL;
        const void *text;
        size_t size;
        int exists;

        assert_true(sd_bus_message_read(reply, "b", &exists) > 0);
        assert_true(sd_bus_message_read_array(reply, 'y', &text, &size) >= 0);
        if (exists) {
                copy = calloc(1, size + 1);
                assert_non_null(copy);
                if (size > 0)
                        memcpy(copy, text, size);
        } else {
                assert_int_equal(size, 0);
        }
        if (ret_size)
                *ret_size = size;
        sd_bus_message_unref(reply);
        return copy;
}

static int call_edit(Worker *worker, sd_bus_error *error, sd_bus_message **ret_reply,
                     const char *verb, const char *a, const char *b, const char *c)
{
        int n = !a ? 0 : !b ? 1 : !c ? 2 : 3;

        return worker_call(worker, error, ret_reply, "Edit", "a(sas)", 1, verb, n, a, b, c);
}

uint32_t worker_edit(Worker *worker, const char *verb, const char *a, const char *b, const char *c)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const void *counts;
        uint32_t count;
        size_t size;

        if (call_edit(worker, &error, &reply, verb, a, b, c) < 0)
                fail_msg("%s %s: %s: %s", verb, a, error.name, error.message);
        assert_true(sd_bus_message_read_array(reply, 'u', &counts, &size) >= 0);
        assert_int_equal(size, sizeof(count));
        memcpy(&count, counts, sizeof(count));
        sd_bus_message_unref(reply);
        return count;
}

static void check_error(int r, sd_bus_error *error, const char *name, const char *words)
{
        const char *dot;

        assert_true(r < 0);
        assert_non_null(error->name);
        dot = strrchr(error->name, '.');
        if (strcmp(dot + 1, name) != 0 || !strstr(error->message, words))
                fail_msg("expected %s with \"%s\", got %s: %s", name, words, error->name,
                         error->message);
        sd_bus_error_free(error);
}

void worker_edit_fails(Worker *worker, const char *error, const char *words, const char *verb,
                       const char *a, const char *b, const char *c)
{
        sd_bus_error got = SD_BUS_ERROR_NULL;

        check_error(call_edit(worker, &got, NULL, verb, a, b, c), &got, error, words);
}

void worker_fails(Worker *worker, const char *error, const char *words, const char *method,
                  const char *argument)
{
        sd_bus_error got = SD_BUS_ERROR_NULL;

        check_error(worker_call(worker, &got, NULL, method, "s", argument), &got, error, words);
}

void assert_text(char *actual, const char *expected)
{
        _cleanup_free_ char *taken = actual;

        assert_non_null(actual);
        assert_string_equal(taken, expected);
}
