/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-render.c - what an edit changes of a text, and what it does not.
 *
 * test-splice.c has the same with random edits.
 */
#include "fixture.h"

#include <string.h>

#define LINES 5000

static void load(Worker *worker, const char *file, const char *lens, const char *text)
{
        assert_true(worker_load(worker, file, lens, text, strlen(text)));
}

/* The lens itself would write all of this in its own form. */
static void test_other_lines_keep_their_form(void **state)
{
        load(*state, "/etc/apt/apt.conf", "AptConf.lns",
             "// mine\nAPT::Get::Assume-Yes \"true\";\nAcquire  {\n http { Proxy \"a\"; };\n};\n");
        worker_edit(*state, "set", "/files/etc/apt/apt.conf/APT/Get/Assume-Yes", "false", NULL);
        assert_text(worker_render(*state, "/etc/apt/apt.conf", NULL),
                    "// mine\nAPT::Get::Assume-Yes \"false\";\nAcquire  {\n http { Proxy \"a\"; "
                    "};\n};\n");
}

static void test_records_come_and_go_beside_others(void **state)
{
        load(*state, "/etc/hosts", "Hosts.lns",
             "# one\n10.0.0.1 \t a   b # x\n\n10.0.0.2  c\n10.0.0.3\td  e\n\n");
        worker_edit(*state, "rm", "/files/etc/hosts/2", NULL, NULL);
        worker_edit(*state, "ins", "01", "before", "/files/etc/hosts/3");
        worker_edit(*state, "set", "/files/etc/hosts/01/ipaddr", "10.0.0.9", NULL);
        worker_edit(*state, "set", "/files/etc/hosts/01/canonical", "n", NULL);
        worker_edit(*state, "set", "/files/etc/hosts/02/ipaddr", "10.0.0.8", NULL);
        worker_edit(*state, "set", "/files/etc/hosts/02/canonical", "m", NULL);
        assert_text(worker_render(*state, "/etc/hosts", NULL),
                    "# one\n10.0.0.1 \t a   b # x\n10.0.0.9\tn\n\n10.0.0.3\td  e\n\n10.0.0.8\tm\n");
}

/* Empty lines and empty comments in a section are nodes without a label: nobody sees them, and a
 * copy has none. */
static void test_empty_lines_in_a_section_stay(void **state)
{
        static const struct {
                const char *file, *lens, *verb, *path, *value, *before, *after;
        } cases[] = {
                { "/etc/logrotate.d/x", "Logrotate.lns", "set", "/rule/size", "10M",
                  "weekly\n\n/a.log {\n    daily\n\n    # keep\n    rotate   4\n    #\n\n    "
                  "compress\n}\n",
                  "weekly\n\n/a.log {\n    daily\n\n    # keep\n    rotate   4\n    #\n\n    "
                  "compress\n"
                  "\tsize 10M\n}\n" },
                { "/etc/logrotate.d/x", "Logrotate.lns", "rm", "/rule/compress", NULL,
                  "/a.log {\n\n    rotate   4\n    #\n\n    compress\n}\n/b {\n\n  daily\n}\n",
                  "/a.log {\n\n    rotate   4\n    #\n\n}\n/b {\n\n  daily\n}\n" },
                { "/etc/nginx/nginx.conf", "Nginx.lns", "set", "/http/server_tokens", "off",
                  "user  x;\n\nhttp {\n\n\t##\n\t# B\n\t##\n\n\tgzip   on;\n\n\tserver "
                  "{\n\n\t\tlisten 80;\n\t}\n}\n",
                  "user  x;\n\nhttp {\n\n\t##\n\t# B\n\t##\n\n\tgzip   on;\n\n\tserver "
                  "{\n\n\t\tlisten 80;\n\t}\n"
                  "server_tokens off;\n}\n" },
                { "/etc/nginx/nginx.conf", "Nginx.lns", "rm", "/http/server/listen", NULL,
                  "http {\n\n\t# x\n\n\tserver {\n\n\t\tlisten 80;\n\n\t\troot  /x;\n\t}\n}\n",
                  "http {\n\n\t# x\n\n\tserver {\n\n\n\t\troot  /x;\n\t}\n}\n" },
                { "/etc/systemd/system/x.service", "Systemd.lns", "set", "/Service/User/value",
                  "root", "[Unit]\nAfter=a\n\n[Service]\n\nExecStart=/x\n#\n\n[Install]\nAlias=y\n",
                  "[Unit]\nAfter=a\n\n[Service]\n\nExecStart=/"
                  "x\n#\n\nUser=root\n[Install]\nAlias=y\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = NULL;

                assert_true(asprintf(&path, "/files%s%s", cases[i].file, cases[i].path) > 0);
                load(*state, cases[i].file, cases[i].lens, cases[i].before);
                worker_edit(*state, cases[i].verb, path, cases[i].value, NULL);
                assert_text(worker_render(*state, cases[i].file, NULL), cases[i].after);
        }
}

/* A section with another place is written by the lens, as augtool does, but with its empty lines: a
 * copy has none. */
static void test_a_section_that_moves_is_no_copy(void **state)
{
        load(*state, "/etc/logrotate.d/x", "Logrotate.lns",
             "/a {\n\n  daily\n  #\n}\n/b {\n  weekly\n}\n");
        worker_edit(*state, "mv", "/files/etc/logrotate.d/x/rule[1]",
                    "/files/etc/logrotate.d/x/rule[last()+1]", NULL);
        assert_text(worker_render(*state, "/etc/logrotate.d/x", NULL),
                    "/b {\n\n  weekly\n}\n/a {\n  daily\n\n}\n");
}

/* What the lens puts as a whole leaves its marks on the nodes. */
static void test_values_are_set_after_a_section_was_put(void **state)
{
        load(*state, "/etc/logrotate.d/x", "Logrotate.lns", "/a {\n\n  rotate   4\n  daily\n}\n");
        worker_edit(*state, "rm", "/files/etc/logrotate.d/x/rule/schedule", NULL, NULL);
        assert_text(worker_render(*state, "/etc/logrotate.d/x", NULL), "/a {\n\n  rotate   4\n}\n");
        worker_edit(*state, "set", "/files/etc/logrotate.d/x/rule/rotate", "12", NULL);
        assert_text(worker_render(*state, "/etc/logrotate.d/x", NULL),
                    "/a {\n\n  rotate   12\n}\n");
        worker_edit(*state, "set", "/files/etc/logrotate.d/x/rule/rotate", "a\nb", NULL);
        worker_fails(*state, "PutFailed", "/files/etc/logrotate.d/x/rule:", "Render",
                     "/etc/logrotate.d/x");
        worker_edit(*state, "set", "/files/etc/logrotate.d/x/rule/rotate", "5", NULL);
        assert_text(worker_render(*state, "/etc/logrotate.d/x", NULL), "/a {\n\n  rotate   5\n}\n");
}

/* Of two records that mean the same, the one that was named goes. */
static void test_the_right_one_of_two_equals(void **state)
{
        load(*state, "/etc/hosts", "Hosts.lns", "10.0.0.1 a\n10.0.0.1    a\n10.0.0.2 b\n");
        worker_edit(*state, "rm", "/files/etc/hosts/1", NULL, NULL);
        assert_text(worker_render(*state, "/etc/hosts", NULL), "10.0.0.1    a\n10.0.0.2 b\n");
}

/* A value that needs quotes is not merely put where the old one stood. */
static void test_a_guess_that_does_not_hold_is_not_written(void **state)
{
        load(*state, "/etc/hosts", "Hosts.lns", "10.0.0.1 a\n10.0.0.2   b\n");
        worker_edit(*state, "set", "/files/etc/hosts/1/canonical", "a\n10.0.0.66 evil", NULL);
        worker_fails(*state, "PutFailed", "/files/etc/hosts/1:", "Render", "/etc/hosts");
        worker_edit(*state, "set", "/files/etc/hosts/1/canonical", "x", NULL);
        assert_text(worker_render(*state, "/etc/hosts", NULL), "10.0.0.1 x\n10.0.0.2   b\n");
}

static void test_bytes_and_ends_of_lines_stay(void **state)
{
        load(*state, "/etc/hosts", "Hosts.lns", "# caf\xe9\n10.0.0.1 a\n# \xff");
        worker_edit(*state, "set", "/files/etc/hosts/1/canonical", "bb", NULL);
        assert_text(worker_render(*state, "/etc/hosts", NULL), "# caf\xe9\n10.0.0.1 bb\n# \xff");
        load(*state, "/etc/samba/smb.conf", "Samba.lns",
             "[global]\r\n  workgroup =  A\r\n# c\r\n  security=user\r\n");
        worker_edit(*state, "set", "/files/etc/samba/smb.conf/target[1]/workgroup", "B", NULL);
        assert_text(worker_render(*state, "/etc/samba/smb.conf", NULL),
                    "[global]\r\n  workgroup =  B\r\n# c\r\n  security=user\r\n");
}

static void test_edits_go_on_after_a_rendering(void **state)
{
        load(*state, "/etc/hosts", "Hosts.lns", "10.0.0.1  a\n10.0.0.2  b\n");
        for (int i = 0; i < 3; i++) {
                worker_edit(*state, "set", "/files/etc/hosts/1/canonical", i == 1 ? "x" : "y",
                            NULL);
                assert_text(worker_render(*state, "/etc/hosts", NULL),
                            i == 1 ? "10.0.0.1  x\n10.0.0.2  b\n" : "10.0.0.1  y\n10.0.0.2  b\n");
        }
        worker_edit(*state, "set", "/files/etc/hosts/1/canonical", "a", NULL);
        assert_text(worker_render(*state, "/etc/hosts", NULL), "10.0.0.1  a\n10.0.0.2  b\n");
}

static char *many_lines(void)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        for (unsigned i = 0; i < LINES; i++)
                fprintf(out, "10.0.%u.%u   host%u\n", i / 256, i % 256, i);
        fclose(out);
        return text;
}

/* One call, on each record: the first edits find their nodes by Augeas, the others by the index. */
static void test_many_edits_in_one_call(void **state)
{
        _cleanup_free_ char *text = many_lines(), *rendered = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m = NULL;
        Worker *worker = *state;
        char path[64], value[32];
        const char *line;

        load(worker, "/etc/hosts", "Hosts.lns", text);
        assert_true(sd_bus_message_new_method_call(worker->bus, &m, NULL, "/",
                                                   "org.exmachina1.Worker", "Edit") >= 0);
        assert_true(sd_bus_message_open_container(m, 'a', "(sas)") >= 0);
        for (unsigned i = LINES; i > 0; i--) {
                snprintf(path, sizeof(path), "/files/etc/hosts/%u/canonical", i);
                snprintf(value, sizeof(value), "new%u", i - 1);
                assert_true(sd_bus_message_append(m, "(sas)", "set", 2, path, value) >= 0);
        }
        assert_true(sd_bus_message_close_container(m) >= 0);
        if (sd_bus_call(worker->bus, m, 0, &error, NULL) < 0)
                fail_msg("%s", error.message);
        sd_bus_message_unref(m);

        line = rendered = worker_render(worker, "/etc/hosts", NULL);
        for (unsigned i = 0; i < LINES; i++) {
                char expected[64];

                snprintf(expected, sizeof(expected), "10.0.%u.%u   new%u\n", i / 256, i % 256, i);
                assert_memory_equal(line, expected, strlen(expected));
                line += strlen(expected);
        }
        assert_string_equal(line, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_other_lines_keep_their_form, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_records_come_and_go_beside_others,
                                                worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_empty_lines_in_a_section_stay, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_a_section_that_moves_is_no_copy, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_values_are_set_after_a_section_was_put,
                                                worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_the_right_one_of_two_equals, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_a_guess_that_does_not_hold_is_not_written,
                                                worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_bytes_and_ends_of_lines_stay, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_edits_go_on_after_a_rendering, worker_setup,
                                                worker_teardown),
                cmocka_unit_test_setup_teardown(test_many_edits_in_one_call, worker_setup,
                                                worker_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
