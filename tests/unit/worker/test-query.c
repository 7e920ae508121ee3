/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-query.c - what an expression may show, in which order, how much, and what becomes of hostile
 * ones.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "util/limits.h"
#include "worker/protocol.h"

#define HOSTS "127.0.0.1 localhost\n10.0.0.1 gate gateway\n"
#define H     "/files/etc/hosts"

static int setup(void **state)
{
        worker_setup(state);
        assert_true(worker_load(*state, "/etc/hosts", "Hosts.lns", HOSTS, strlen(HOSTS)));
        return 0;
}

/* Read, as "path=value path ..." and the total. */
static char *read_nodes(Worker *w, const char *expression, uint32_t offset, uint32_t limit,
                        uint32_t *ret_total)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *path, *value;
        char *text = NULL;
        size_t size;
        FILE *out;
        int has_value, r;

        if (worker_call(w, &error, &reply, "Read", "suu", expression, offset, limit) < 0)
                fail_msg("Read(%s): %s: %s", expression, error.name, error.message);
        out = open_memstream(&text, &size);
        assert_non_null(out);
        assert_true(sd_bus_message_enter_container(reply, 'a', "(sbs)") > 0);
        while ((r = sd_bus_message_read(reply, "(sbs)", &path, &has_value, &value)) > 0)
                fprintf(out, "%s%s%s ", path, has_value ? "=" : "", value);
        assert_int_equal(r, 0);
        assert_true(sd_bus_message_exit_container(reply) >= 0);
        assert_true(sd_bus_message_read(reply, "u", ret_total) > 0);
        fclose(out);
        sd_bus_message_unref(reply);
        return text;
}

static void test_read(void **state)
{
        Worker *w = *state;
        uint32_t total;

        assert_text(read_nodes(w, H "/1/*", 0, 0, &total),
                    H "/1/ipaddr=127.0.0.1 " H "/1/canonical=localhost ");
        assert_int_equal(total, 2);
        assert_text(read_nodes(w, H "//*", 4, 2, &total),
                    H "/2/ipaddr=10.0.0.1 " H "/2/canonical=gate ");
        assert_int_equal(total, 7);
        assert_text(read_nodes(w, H "//*", 6, 100, &total), H "/2/alias=gateway ");
        assert_text(read_nodes(w, H "//*", 7, 1, &total), "");
        assert_text(read_nodes(w, H "//*", UINT32_MAX, UINT32_MAX, &total), "");
        assert_int_equal(total, 7);
        assert_text(read_nodes(w, H "/9", 0, 0, &total), "");
        assert_int_equal(total, 0);
}

/* Values, as "path=value path ...". */
static char *all_values(Worker *w, uint32_t bytes)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *path, *value;
        char *text = NULL;
        int has_value, r;
        size_t size;
        FILE *out;

        if (worker_call(w, &error, &reply, "Values", "u", bytes) < 0)
                fail_msg("Values: %s: %s", error.name, error.message);
        out = open_memstream(&text, &size);
        assert_non_null(out);
        assert_true(sd_bus_message_enter_container(reply, 'a', "(sbs)") > 0);
        while ((r = sd_bus_message_read(reply, "(sbs)", &path, &has_value, &value)) > 0)
                fprintf(out, "%s%s%s ", path, has_value ? "=" : "", value);
        assert_int_equal(r, 0);
        fclose(out);
        sd_bus_message_unref(reply);
        return text;
}

/* The paths are those of Read, the values those of GetValue, also after edits. */
static void test_values(void **state)
{
        Worker *w = *state;
        static const char directory[] = "/files/etc ";
        static const char first[] = "/files/etc " H " " H "/1 ";

        assert_text(all_values(w, 100000),
                    "/files/etc " H " " H "/1 " H "/1/ipaddr=127.0.0.1 " H
                    "/1/canonical=localhost " H "/2 " H "/2/ipaddr=10.0.0.1 " H
                    "/2/canonical=gate " H "/2/alias=gateway ");
        assert_text(all_values(w, strlen(directory) - 1 + VALUE_NODE_BYTES), directory);
        assert_text(all_values(w, strlen(directory) - 1 + VALUE_NODE_BYTES - 1), "");
        assert_text(all_values(w, (uint32_t)strlen(first) - 3 + 3 * VALUE_NODE_BYTES), first);
        worker_edit(w, "set", H "/1/canonical", "changed", NULL);
        worker_edit(w, "rm", H "/2", NULL, NULL);
        worker_edit(w, "set", H "/1/alias[2]", "second", NULL);
        worker_edit(w, "set", H "/1/a\\ b*", "no plain path", NULL);
        assert_text(all_values(w, 100000), "/files/etc " H " " H "/1 " H "/1/ipaddr=127.0.0.1 " H
                                           "/1/canonical=changed " H "/1/alias=second ");
}

/* A tree without an index has none to tell, and is not harmed by the question. */
static void test_values_of_a_deep_tree(void **state)
{
        Worker *w = *state;
        char path[1024] = H "/1";

        for (unsigned i = 0; i < 100; i++)
                strcat(path, "/x");
        worker_edit(w, "set", path, "v", NULL);
        assert_text(all_values(w, 100000), "");
        assert_text(worker_get(w, path), "v");
}

static void test_document_order(void **state)
{
        Worker *w = *state;
        static const char in_order[] = H "/1/ipaddr " H "/1/canonical " H "/2/ipaddr";

        assert_text(worker_match(w, H "/2/ipaddr|" H "/1/canonical|" H "/1/ipaddr|" H "/1/ipaddr"),
                    in_order);
        assert_text(worker_match(w, H "/2/alias/preceding-sibling::*"),
                    H "/2/ipaddr " H "/2/canonical");
        assert_text(worker_match(w, H "/1/ipaddr/ancestor::*"), "/files/etc " H " " H "/1");
        worker_edit(w, "defvar", "v", H "/2/ipaddr|" H "/1/canonical|" H "/1/ipaddr", NULL);
        assert_text(worker_match(w, "$v"), in_order);
}

static void test_nothing_but_files_is_seen(void **state)
{
        Worker *w = *state;
        static const char *const outside[] = {
                "/augeas", "/augeas//*", "/augeas/text//*", "/augeas/variables/*",   "/*",
                "/",       "/files",     "/files/..",       "/files/../augeas/root", "$exm_read[0]"
        };
        static const char *const everything[] = { "//*", "/files//*|/augeas//*", "/descendant::*",
                                                  "//*[label() != 'x']" };
        _cleanup_free_ char *files = worker_match(w, "/files//*");
        uint32_t total;

        worker_edit(w, "defvar", "all", "//*", NULL);
        for (size_t i = 0; i < ELEMENTSOF(outside); i++) {
                assert_text(worker_match(w, outside[i]), "");
                assert_text(read_nodes(w, outside[i], 0, 0, &total), "");
                assert_int_equal(total, 0);
                worker_fails(w, "NoMatch", "no node", "GetValue", outside[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(everything); i++) {
                assert_text(worker_match(w, everything[i]), files);
                assert_text(read_nodes(w, everything[i], 0, 2, &total), "/files/etc " H " ");
                assert_int_equal(total, 9);
                assert_text(read_nodes(w, everything[i], 8, 9, &total), H "/2/alias=gateway ");
        }
        assert_text(worker_match(w, "$all"), files);
}

/* Labels called like what is at the top. */
static void test_pages_of_misleading_labels(void **state)
{
        Worker *w = *state;
        uint32_t total;

        worker_edit(w, "set", H "/augeas/files/x", "v", NULL);
        assert_text(read_nodes(w, "//x", 0, 1, &total), H "/augeas/files/x=v ");
        assert_text(read_nodes(w, "//augeas//*", 0, 1, &total), H "/augeas/files ");
        assert_int_equal(total, 2);
        /* What Augeas says of texts is kept at /augeas/text/augeas/... */
        assert_false(worker_load(w, "/etc/files/files", "Hosts.lns", "x\n", 2));
        assert_text(read_nodes(w, "/augeas//*", 0, 1000, &total), "");
        assert_int_equal(total, 0);
}

static void test_get_value_errors(void **state)
{
        Worker *w = *state;

        worker_fails(w, "NoMatch", H "/9: no node", "GetValue", H "/9");
        worker_fails(w, "ManyMatches", "2 nodes match", "GetValue", H "/*");
        worker_fails(w, "InvalidPath", "/files/[", "GetValue", "/files/[");
        /* One of several is not hidden by being the only one under /files. */
        assert_text(worker_get(w, H "/1/ipaddr|/augeas/root"), "127.0.0.1");
}

static void test_bad_expressions(void **state)
{
        Worker *w = *state;
        static const char *const bad[] = { "",
                                           "[",
                                           "/files/[1",
                                           "/files/etc/hosts[",
                                           "1+2",
                                           "'text'",
                                           "count(/files)",
                                           "$unknown",
                                           "/files/*[nonsense()]",
                                           "/files/etc/hosts/*[. =~ regexp('(')]",
                                           "/files/x y(",
                                           "/files/*['unterminated]" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                worker_fails(w, "InvalidPath", bad[i], "Match", bad[i]);
                worker_fails(w, "InvalidPath", bad[i], "GetValue", bad[i]);
                worker_edit_fails(w, "InvalidPath", "edit 0: ", "rm", bad[i], NULL, NULL);
                worker_edit_fails(w, "InvalidPath", "edit 0: ", "set", bad[i], "x", NULL);
        }
        assert_text(worker_get(w, H "/1/ipaddr"), "127.0.0.1");
}

static char *nested(unsigned depth)
{
        char *expression = malloc(32 + 4 * (size_t)depth), *p = expression;

        assert_non_null(expression);
        p = stpcpy(p, H);
        for (unsigned i = 0; i < depth; i++)
                p = stpcpy(p, "[*");
        for (unsigned i = 0; i < depth; i++)
                p = stpcpy(p, "]");
        return expression;
}

static void test_size_and_nesting(void **state)
{
        Worker *w = *state;
        _cleanup_free_ char *deepest = nested(LIMIT_EXPRESSION_NESTING);
        _cleanup_free_ char *too_deep = nested(LIMIT_EXPRESSION_NESTING + 1);
        _cleanup_free_ char *hundred_thousand = malloc(100001);
        char longest[LIMIT_EXPRESSION_BYTES + 2];

        assert_text(worker_match(w, deepest), "");
        worker_fails(w, "InvalidPath", "64 brackets", "Match", too_deep);
        assert_non_null(hundred_thousand);
        memset(hundred_thousand, '(', 100000);
        hundred_thousand[100000] = '\0';
        worker_fails(w, "InvalidPath", "4096 bytes", "Match", hundred_thousand);

        memset(longest, 'a', sizeof(longest) - 1);
        memcpy(longest, H "/", strlen(H "/"));
        longest[LIMIT_EXPRESSION_BYTES + 1] = '\0';
        worker_fails(w, "InvalidPath", "4096 bytes", "Match", longest);
        worker_edit_fails(w, "InvalidPath", "4096 bytes", "defvar", "v", longest, NULL);
        worker_edit_fails(w, "InvalidPath", "4096 bytes", "setm", H, longest, "x");
        longest[LIMIT_EXPRESSION_BYTES] = '\0';
        assert_text(worker_match(w, longest), "");
}

/* Brackets that hide behind quotes which Augeas reads as part of a name. */
static void test_nesting_that_is_not_counted(void **state)
{
        Worker *w = *state;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char expression[LIMIT_EXPRESSION_BYTES + 1];
        size_t size;

        size = strlen(strcpy(expression, "/files/a'"));
        memset(expression + size, '[', LIMIT_EXPRESSION_BYTES - size);
        for (size_t i = size + 1; i < LIMIT_EXPRESSION_BYTES; i += 2)
                expression[i] = '*';
        expression[LIMIT_EXPRESSION_BYTES] = '\0';
        assert_true(worker_call(w, &error, NULL, "Match", "s", expression) < 0);
        assert_string_equal(error.name, "org.exmachina1.Error.InvalidPath");
        sd_bus_error_free(&error);
        assert_text(worker_get(w, H "/1/ipaddr"), "127.0.0.1");
}

static void test_answer_that_is_too_big(void **state)
{
        Worker *w = *state;
        const size_t n = 20, size = 1024 * 1024;
        _cleanup_free_ char *text = malloc(n * (size + 3) + 1), *page = NULL;
        uint32_t total;
        char *p = text;

        assert_non_null(text);
        for (size_t i = 0; i < n; i++) {
                p = stpcpy(p, "# ");
                memset(p, 'x', size);
                p += size;
                p = stpcpy(p, "\n");
        }
        assert_true(worker_load(w, "/etc/hosts", "Hosts.lns", text, (size_t)(p - text)));
        worker_fails(w, "NoMatch", "no node", "GetValue", H "/1");
        assert_true(worker_call(w, NULL, NULL, "Read", "suu", H "/*", 0, 0) < 0);
        page = read_nodes(w, H "/*", 0, 7, &total);
        assert_int_equal(total, n);
        assert_true(strlen(page) > 7 * size);
}

/* A crash is the end of the connection, not an answer. */
static void test_crash_ends_the_connection(void **state)
{
        const size_t depth = 200000;
        _cleanup_free_ char *text = malloc(depth);
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Worker worker = { 0 };
        sd_bus_message *m = NULL;
        int status, r;

        assert_non_null(text);
        memset(text, '[', depth / 2);
        memset(text + depth / 2, ']', depth / 2);
        worker_start(&worker, EXM_LENSDIR);
        assert_true(sd_bus_message_new_method_call(worker.bus, &m, NULL, "/",
                                                   "org.exmachina1.Worker", "Load") >= 0);
        assert_true(sd_bus_message_append(m, "ss", "/etc/x.json", "Json.lns") >= 0);
        assert_true(sd_bus_message_append_array(m, 'y', text, depth) >= 0);
        r = sd_bus_call(worker.bus, m, 600 * 1000000ULL, &error, NULL);
        assert_true(r < 0);
        /* Nobody has answered: the message is the library's, about the connection. */
        assert_null(strstr(error.name, "exmachina"));
        sd_bus_error_free(&error);
        sd_bus_message_unref(m);
        status = worker_stop(&worker);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define QUERY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, worker_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                QUERY_TEST(test_read),
                QUERY_TEST(test_values),
                QUERY_TEST(test_values_of_a_deep_tree),
                QUERY_TEST(test_document_order),
                QUERY_TEST(test_nothing_but_files_is_seen),
                QUERY_TEST(test_pages_of_misleading_labels),
                QUERY_TEST(test_get_value_errors),
                QUERY_TEST(test_bad_expressions),
                QUERY_TEST(test_size_and_nesting),
                QUERY_TEST(test_nesting_that_is_not_counted),
                QUERY_TEST(test_answer_that_is_too_big),
                cmocka_unit_test(test_crash_ends_the_connection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
