/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-load.c - texts go in, values come out, and the same bytes come back.
 */
#include "fixture.h"

#include <string.h>

#define HOSTS "127.0.0.1 localhost\n# a remark\n10.0.0.1\tgate gateway\n"

static void load_hosts(Worker *w)
{
        assert_true(worker_load(w, "/etc/hosts", "Hosts.lns", HOSTS, strlen(HOSTS)));
}

static void round_trip(Worker *w, const char *lens, const char *text, size_t size)
{
        _cleanup_free_ char *rendered = NULL;
        size_t rendered_size;

        assert_true(worker_load(w, "/etc/file", lens, text, size));
        rendered = worker_render(w, "/etc/file", &rendered_size);
        assert_non_null(rendered);
        assert_int_equal(rendered_size, size);
        assert_memory_equal(rendered, text, size);
}

static void test_values(void **state)
{
        Worker *w = *state;

        load_hosts(w);
        assert_text(worker_get(w, "/files/etc/hosts/1/ipaddr"), "127.0.0.1");
        assert_text(worker_get(w, "/files/etc/hosts/*[canonical='gate']/alias"), "gateway");
        assert_null(worker_get(w, "/files/etc/hosts/1"));
        assert_text(worker_get(w, "etc/hosts/1/ipaddr"), "127.0.0.1");
        assert_text(worker_match(w, "/files/etc/hosts/*"),
                    "/files/etc/hosts/1 /files/etc/hosts/#comment /files/etc/hosts/2");
        assert_text(worker_changed(w), "");
}

static void test_round_trips(void **state)
{
        Worker *w = *state;
        static const char sshd[] =
                "Port 22\nPermitRootLogin no\nMatch User bob\n  X11Forwarding no\n";

        round_trip(w, "Hosts.lns", HOSTS, strlen(HOSTS));
        round_trip(w, "Sshd.lns", sshd, strlen(sshd));
        round_trip(w, "Hosts.lns", "1.2.3.4 a", 9);
        round_trip(w, "Hosts.lns", "1.2.3.4 a\n# last", 16);
        round_trip(w, "Hosts.lns", "\n\n", 2);
        round_trip(w, "Hosts.lns", "\n", 1);
        round_trip(w, "Hosts.lns", "", 0);
        round_trip(w, "Hosts.lns", "# gr\xfc\xdf\n1.2.3.4 a\n", 17);
        round_trip(w, "Puppet.lns", "[main]\r\na=b\r\n", 13);
}

static void test_latin1_is_shown_lossily(void **state)
{
        Worker *w = *state;

        assert_true(worker_load(w, "/etc/hosts", "Hosts.lns", "# gr\xfc\n1.2.3.4 a\n", 16));
        assert_text(worker_get(w, "/files/etc/hosts/#comment"), "gr\xEF\xBF\xBD");
        assert_int_equal(worker_edit(w, "set", "/files/etc/hosts/1/ipaddr", "1.2.3.5", NULL), 1);
        assert_text(worker_render(w, "/etc/hosts", NULL), "# gr\xfc\n1.2.3.5 a\n");
}

static void test_latin1_file_error_is_utf8(void **state)
{
        Worker *w = *state;
        _cleanup_free_ char *message = NULL;

        assert_false(worker_load_problem(w, "/etc/hosts", "Hosts.lns", "\xfc\xfc\xfc\n", 4,
                                         &message, NULL, NULL));
        assert_non_null(strstr(message, "Hosts.lns"));
        load_hosts(w);
}

static void test_final_newline(void **state)
{
        Worker *w = *state;

        assert_true(worker_load(w, "/etc/hosts", "Hosts.lns", "1.1.1.1 a\n2.2.2.2 b", 19));
        worker_edit(w, "set", "/files/etc/hosts/1/canonical", "x", NULL);
        assert_text(worker_render(w, "/etc/hosts", NULL), "1.1.1.1 x\n2.2.2.2 b");
        worker_edit(w, "set", "/files/etc/hosts/2/canonical", "y", NULL);
        assert_text(worker_render(w, "/etc/hosts", NULL), "1.1.1.1 x\n2.2.2.2 y\n");
}

static void test_unparsable(void **state)
{
        Worker *w = *state;
        _cleanup_free_ char *message = NULL;
        uint32_t line, column;

        assert_false(worker_load_problem(w, "/etc/hosts", "Hosts.lns",
                                         "1.1.1.1 a\n2.2.2.2 b c {\nx\n", 26, &message, &line,
                                         &column));
        assert_int_equal(line, 3);
        assert_true(column >= 1);
        assert_text(worker_match(w, "/files//*"), "");
        worker_fails(w, "ParseFailed", "/etc/hosts:3:", "Render", "/etc/hosts");
        worker_edit_fails(w, "ParseFailed", "edit 0: /etc/hosts:3:", "set",
                          "/files/etc/hosts/1/ipaddr", "1.1.1.1", NULL);
}

static void test_bytes_that_augeas_cannot_keep(void **state)
{
        Worker *w = *state;
        uint32_t line, column;

        assert_false(worker_load_problem(w, "/etc/hosts", "Hosts.lns", "1.1.1.1 a\n# \0\n", 14,
                                         NULL, &line, &column));
        assert_int_equal(line, 2);
        assert_int_equal(column, 3);
        assert_false(worker_load(w, "/etc/hosts", "Hosts.lns", "# \001\n", 4));
        assert_false(worker_load(w, "/etc/hosts", "Hosts.lns", "# \003\n", 4));
        assert_false(worker_load(w, "/etc/hosts", "Hosts.lns", "# \004\n", 4));
        round_trip(w, "Hosts.lns", "# \005\033[1m\177\n", 9);
        worker_fails(w, "ParseFailed", "control character", "Render", "/etc/hosts");
}

static void test_empty_text_in_a_lens_that_wants_more(void **state)
{
        Worker *w = *state;
        _cleanup_free_ char *message = NULL;

        assert_false(worker_load_problem(w, "/etc/x", "Json.lns", "", 0, &message, NULL, NULL));
        assert_non_null(strstr(message, "is empty"));
}

static void test_lens_that_is_not_there(void **state)
{
        Worker *w = *state;
        static const char *const bad[] = { "Nonsense.lns",  "Hosts.nonsense", "hosts", "",
                                           "../../etc.lns", "Hosts.lns.lns",  "@",     "@Nonsense",
                                           "Hosts.",        "Hosts.record\n" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;

                assert_true(worker_call(w, &error, NULL, "Load", "ssay", "/etc/hosts", bad[i], 0) <
                            0);
                assert_string_equal(error.name, "org.exmachina1.Error.NoLens");
                sd_bus_error_free(&error);
        }
}

static void test_load_again_replaces(void **state)
{
        Worker *w = *state;

        load_hosts(w);
        worker_edit(w, "defvar", "v", "/files/etc/hosts/2", NULL);
        worker_edit(w, "set", "/files/etc/hosts/1/ipaddr", "9.9.9.9", NULL);
        assert_text(worker_changed(w), "/etc/hosts");
        assert_true(worker_load(w, "/etc/hosts", "Hosts.lns", "1.1.1.1 a\n", 10));
        assert_text(worker_changed(w), "");
        assert_text(worker_match(w, "/files/etc/hosts"), "/files/etc/hosts");
        assert_text(worker_get(w, "/files/etc/hosts/1/ipaddr"), "1.1.1.1");
        assert_text(worker_match(w, "$v"), "");
        assert_text(worker_render(w, "/etc/hosts", NULL), "1.1.1.1 a\n");
}

static void test_names_that_need_escaping(void **state)
{
        Worker *w = *state;
        static const char name[] = "/etc/ho sts[1]=(x),!|'\\/a \t$b";

        assert_true(worker_load(w, name, "Hosts.lns", HOSTS, strlen(HOSTS)));
        assert_text(worker_match(w, "/files//ipaddr[. = '127.0.0.1']"),
                    "/files/etc/ho\\ sts\\[1\\]\\=\\(x\\)\\,\\!\\|'\\\\/a\\ \\\t$b/1/ipaddr");
        worker_edit(w, "set", "/files//ipaddr[. = '127.0.0.1']", "127.0.0.2", NULL);
        assert_text(worker_changed(w), name);
        assert_text(worker_render(w, name, NULL),
                    "127.0.0.2 localhost\n# a remark\n10.0.0.1\tgate gateway\n");
        worker_edit(w, "rm", "/files//ipaddr[. = '127.0.0.2']", NULL, NULL);
        worker_fails(w, "PutFailed", "ho\\ sts", "Render", name);
}

static void test_drop(void **state)
{
        Worker *w = *state;

        load_hosts(w);
        assert_true(worker_load(w, "/etc/a/b/c", "Hosts.lns", HOSTS, strlen(HOSTS)));
        assert_true(worker_call(w, NULL, NULL, "Drop", "s", "/etc/a/b/c") >= 0);
        assert_text(worker_match(w, "/files/etc/*"), "/files/etc/hosts");
        worker_fails(w, "NoLens", "not loaded", "Render", "/etc/a/b/c");
        worker_fails(w, "NoLens", "not loaded", "Drop", "/etc/a/b/c");
        worker_edit_fails(w, "NoLens", "no lens covers", "set", "/files/etc/a/b/c/1/ipaddr", "x",
                          NULL);
}

static void test_define(void **state)
{
        Worker *w = *state;

        assert_true(worker_call(w, NULL, NULL, "Define", "ss", "/etc/hosts", "Hosts.lns") >= 0);
        assert_true(worker_call(w, NULL, NULL, "Define", "ss", "/etc/x.json", "Json.lns") >= 0);
        assert_null(worker_render(w, "/etc/hosts", NULL));
        assert_text(worker_match(w, "/files//*"), "");
        worker_edit(w, "set", "/files/etc/hosts/01/ipaddr", "1.1.1.1", NULL);
        worker_fails(w, "PutFailed", "/files/etc/hosts/01: ", "Render", "/etc/hosts");
        worker_edit(w, "set", "/files/etc/hosts/01/canonical", "a", NULL);
        assert_text(worker_render(w, "/etc/hosts", NULL), "1.1.1.1\ta\n");
        worker_edit(w, "set", "/files/etc/x.json/dict/entry", "k", NULL);
        worker_edit(w, "set", "/files/etc/x.json/dict/entry/string", "v", NULL);
        worker_fails(w, "PutFailed", "verb text", "Render", "/etc/x.json");
        worker_edit(w, "text", "/etc/x.json", "{ \"k\": \"v\" }\n", NULL);
        worker_edit(w, "set", "/files/etc/x.json/dict/entry/string", "w", NULL);
        assert_text(worker_render(w, "/etc/x.json", NULL), "{ \"k\": \"w\" }\n");
        assert_text(worker_changed(w), "/etc/hosts /etc/x.json");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_values, worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_round_trips, worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_latin1_is_shown_lossily, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_latin1_file_error_is_utf8, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_final_newline, worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_unparsable, worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_bytes_that_augeas_cannot_keep, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_empty_text_in_a_lens_that_wants_more,
                                                worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_lens_that_is_not_there, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_load_again_replaces, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_names_that_need_escaping, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_drop, worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_define, worker_setup, worker_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
