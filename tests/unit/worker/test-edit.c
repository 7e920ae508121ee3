/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-edit.c - every verb, and every place where it must not reach.
 */
#include "fixture.h"

#include <string.h>

#define HOSTS "127.0.0.1 localhost\n10.0.0.1 gate gateway\n"
#define H     "/files/etc/hosts"

static int setup(void **state)
{
        static const char sshd[] = "Port 22\nPermitRootLogin no\n";

        worker_setup(state);
        assert_true(worker_load(*state, "/etc/hosts", "Hosts.lns", HOSTS, strlen(HOSTS)));
        assert_true(worker_load(*state, "/etc/ssh/sshd_config", "Sshd.lns", sshd, strlen(sshd)));
        return 0;
}

static void assert_hosts(Worker *w, const char *expected)
{
        assert_text(worker_render(w, "/etc/hosts", NULL), expected);
}

static void test_set(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "set", H "/1/ipaddr", "127.0.0.2", NULL), 1);
        assert_int_equal(worker_edit(w, "set", H "/01/ipaddr", "1.1.1.1", NULL), 1);
        assert_int_equal(worker_edit(w, "set", "etc/hosts/01/canonical", "one", NULL), 1);
        assert_hosts(w, "127.0.0.2 localhost\n10.0.0.1 gate gateway\n1.1.1.1\tone\n");
        worker_edit(w, "set", H "/seq::*[ipaddr='2.2.2.2']/ipaddr", "2.2.2.2", NULL);
        worker_edit(w, "set", H "/seq::*[ipaddr='2.2.2.2']/canonical", "two", NULL);
        assert_text(worker_get(w, H "/*[ipaddr='2.2.2.2']/canonical"), "two");
        assert_text(worker_changed(w), "/etc/hosts");
        worker_edit_fails(w, "ManyMatches", "edit 0: ", "set", H "/*/ipaddr", "x", NULL);
}

static void test_set_where_nothing_can_be_made(void **state)
{
        worker_edit_fails(*state, "NoMatch", "none can be made", "set",
                          H "/*[canonical='nobody']/ipaddr", "x", NULL);
}

static void test_set_below_several(void **state)
{
        worker_edit_fails(*state, "ManyMatches", "edit 0", "set", H "/*[canonical]/new", "x", NULL);
}

static void test_clear_and_touch(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "clear", H "/1/ipaddr", NULL, NULL), 1);
        assert_null(worker_get(w, H "/1/ipaddr"));
        worker_fails(w, "PutFailed", "/files/etc/hosts/1: the nodes below", "Render", "/etc/hosts");
        assert_int_equal(worker_edit(w, "touch", H "/2/ipaddr", NULL, NULL), 0);
        assert_text(worker_get(w, H "/2/ipaddr"), "10.0.0.1");
        assert_int_equal(worker_edit(w, "touch", H "/2/new", NULL, NULL), 1);
        worker_fails(w, "PutFailed", "Hosts.lns", "Render", "/etc/hosts");
}

static void test_setm(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "setm", H "/*", "alias", "x"), 2);
        assert_hosts(w, "127.0.0.1 localhost x\n10.0.0.1 gate x\n");
        assert_int_equal(worker_edit(w, "setm", H "/*/alias", ".", "y"), 2);
        assert_hosts(w, "127.0.0.1 localhost y\n10.0.0.1 gate y\n");
        assert_int_equal(worker_edit(w, "setm", H "/1|" H "/2", "alias|canonical", "z"), 4);
        assert_hosts(w, "127.0.0.1 z z\n10.0.0.1 z z\n");
        assert_int_equal(worker_edit(w, "setm", H "/nothing", "alias", "z"), 0);
        /* The context is back where it was. */
        assert_text(worker_get(w, "etc/hosts/1/alias"), "z");
        worker_edit_fails(w, "InvalidEdit", "outside /files", "setm", H "/*", "/augeas/root", "z");
}

static void test_clearm(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "clearm", H "/*", "canonical", NULL), 2);
        assert_null(worker_get(w, H "/2/canonical"));
}

static void test_ins(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "ins", "0", "before", H "/1"), 1);
        worker_edit(w, "set", H "/0/ipaddr", "1.1.1.1", NULL);
        worker_edit(w, "set", H "/0/canonical", "first", NULL);
        worker_edit(w, "ins", "#comment", "after", H "/1");
        worker_edit(w, "set", H "/#comment", "told", NULL);
        assert_hosts(w, "1.1.1.1\tfirst\n127.0.0.1 localhost\n# told\n10.0.0.1 gate gateway\n");
        worker_edit_fails(w, "NoMatch", "no node", "ins", "x", "after", H "/9");
        worker_edit_fails(w, "ManyMatches", "nodes match", "ins", "x", "after", H "/*");
        worker_edit_fails(w, "InvalidEdit", "before or after", "ins", "x", "beside", H "/1");
        worker_edit_fails(w, "InvalidEdit", "label", "ins", "", "after", H "/1");
        worker_edit_fails(w, "InvalidEdit", "label", "ins", "a/b", "after", H "/1");
        worker_edit_fails(w, "NoLens", "no lens covers", "ins", "shadow", "after", H);
        worker_edit_fails(w, "NoLens", "no lens covers", "ins", "x", "after", "/files/etc");
        worker_edit_fails(w, "InvalidEdit", "outside /files", "ins", "x", "after", "/augeas");
}

static void test_mv(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "mv", H "/2/alias", H "/1/alias", NULL), 1);
        assert_hosts(w, "127.0.0.1 localhost gateway\n10.0.0.1 gate\n");
        worker_edit(w, "mv", H "/2", H "/1", NULL);
        assert_hosts(w, "10.0.0.1 gate\n");
        worker_edit_fails(w, "NoMatch", "no node", "mv", H "/7", H "/8", NULL);
        worker_edit_fails(w, "InvalidEdit", "within", "mv", H "/1", H "/1", NULL);
        worker_edit_fails(w, "InvalidEdit", "within", "mv", H "/1", H "/1/ipaddr", NULL);
        worker_edit_fails(w, "InvalidEdit", "within", "mv", H "/1/ipaddr", H "/1", NULL);
}

static void test_mv_and_variables(void **state)
{
        Worker *w = *state;

        worker_edit(w, "defvar", "v", H "/1/*", NULL);
        worker_edit(w, "mv", H "/2", H "/1", NULL);
        assert_text(worker_match(w, "$v"), "");
        worker_edit(w, "defvar", "v", H "/1/*", NULL);
        worker_edit(w, "set", H "/9/ipaddr", "9.9.9.9", NULL);
        worker_edit(w, "cp", H "/9", H "/1", NULL);
        assert_text(worker_match(w, "$v"), "");
}

static void test_mv_of_files(void **state)
{
        Worker *w = *state;

        assert_true(worker_call(w, NULL, NULL, "Define", "ss", "/etc/hosts2", "Hosts.lns") >= 0);
        worker_edit(w, "mv", H, "/files/etc/hosts2", NULL);
        assert_null(worker_render(w, "/etc/hosts", NULL));
        assert_text(worker_render(w, "/etc/hosts2", NULL),
                    "127.0.0.1\tlocalhost\n10.0.0.1\tgate gateway\n");
        assert_text(worker_changed(w), "/etc/hosts /etc/hosts2");
        worker_edit_fails(w, "InvalidEdit", "no value of its own", "mv",
                          "/files/etc/hosts2/1/ipaddr", H, NULL);
}

static void test_mv_to_where_no_lens_is(void **state)
{
        worker_edit_fails(*state, "NoLens", "no lens covers", "mv", H, "/files/etc/shadow", NULL);
}

static void test_mv_out_of_files(void **state)
{
        worker_edit_fails(*state, "InvalidEdit", "under /files", "mv", H "/1", "/augeas/x", NULL);
}

static void test_cp(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "cp", H "/1", H "/3", NULL), 1);
        worker_edit(w, "cp", H "/1/canonical", H "/2/alias", NULL);
        assert_hosts(w, "127.0.0.1 localhost\n10.0.0.1 gate localhost\n127.0.0.1\tlocalhost\n");
        worker_edit_fails(w, "InvalidEdit", "within", "cp", H "/1", H "/1/x", NULL);
        worker_edit_fails(w, "InvalidEdit", "within", "cp", H "/1/ipaddr", H "/1", NULL);
        worker_edit_fails(w, "InvalidEdit", "outside /files", "cp", H "/1", "/augeas/root", NULL);
}

static void test_cp_from_outside(void **state)
{
        worker_edit_fails(*state, "NoMatch", "no node", "cp", "/augeas/root", H "/1/alias", NULL);
}

static void test_rm(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "rm", H "/1", NULL, NULL), 3);
        assert_hosts(w, "10.0.0.1 gate gateway\n");
        assert_int_equal(worker_edit(w, "rm", H "/1", NULL, NULL), 0);
        worker_edit(w, "rm", H "/2|" H "/2/alias", NULL, NULL);
        assert_hosts(w, "");
        worker_edit(w, "rm", H, NULL, NULL);
        assert_null(worker_render(w, "/etc/hosts", NULL));
        worker_edit(w, "set", H "/1/ipaddr", "1.1.1.1", NULL);
        worker_edit(w, "set", H "/1/canonical", "again", NULL);
        assert_hosts(w, "1.1.1.1\tagain\n");
}

static void test_rm_beyond_files(void **state)
{
        Worker *w = *state;
        static const char *const outside[] = { "//*", "/augeas",           "/augeas//*",
                                               "/*",  H "/1|/augeas/root", "/" };

        for (size_t i = 0; i < ELEMENTSOF(outside); i++)
                worker_edit_fails(w, "InvalidEdit", "outside /files", "rm", outside[i], NULL, NULL);
        worker_edit_fails(w, "NoLens", "no lens", "rm", "/files/etc", NULL, NULL);
        worker_edit_fails(w, "NoLens", "no lens", "rm", "/files//*", NULL, NULL);
        worker_edit_fails(w, "InvalidEdit", "outside", "rm", "/files", NULL, NULL);
        assert_hosts(w, HOSTS);
}

static void test_rename(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "rename", H "/*/canonical", "alias", NULL), 2);
        assert_int_equal(worker_edit(w, "rename", H "/1/alias|" H "/2/alias[1]", "canonical", NULL),
                         2);
        assert_hosts(w, HOSTS);
        worker_edit_fails(w, "NoLens", "no lens", "rename", H, "shadow", NULL);
        worker_edit_fails(w, "NoLens", "no lens", "rename", "/files/etc", "usr", NULL);
        worker_edit_fails(w, "InvalidEdit", "outside", "rename", "/files", "augeas", NULL);
        worker_edit_fails(w, "InvalidEdit", "label", "rename", H "/1", "a/b", NULL);
}

static void test_variables(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "defvar", "all", H "/*", NULL), 0);
        assert_text(worker_match(w, "$all"), H "/1 " H "/2");
        assert_int_equal(worker_edit(w, "defnode", "new", H "/01/ipaddr", "1.1.1.1"), 1);
        worker_edit(w, "set", "$new/../canonical", "n", NULL);
        assert_hosts(w, HOSTS "1.1.1.1\tn\n");
        assert_int_equal(worker_edit(w, "defnode", "new", H "/1/ipaddr", "8.8.8.8"), 0);
        assert_text(worker_get(w, "$new"), "127.0.0.1");
        worker_edit(w, "defvar", "text", "'a string'", NULL);
        worker_fails(w, "InvalidPath", "$text", "Match", "$text");
        worker_edit(w, "defvar", "everything", "//*", NULL);
        worker_edit_fails(w, "InvalidEdit", "outside /files", "setm", "$everything", ".", "x");
        worker_edit_fails(w, "InvalidEdit", "exm_", "defvar", "exm_target", H, NULL);
        worker_edit_fails(w, "InvalidEdit", "letters", "defvar", "a b", H, NULL);
        worker_edit_fails(w, "InvalidEdit", "letters", "defnode", "", H "/1", "x");
        worker_edit_fails(w, "InvalidPath", "[", "defvar", "bad", H "/[", NULL);
}

static void test_defnode_outside(void **state)
{
        worker_edit_fails(*state, "InvalidEdit", "under /files", "defnode", "x", "/augeas/made",
                          "y");
}

static void test_text(void **state)
{
        Worker *w = *state;

        assert_int_equal(worker_edit(w, "text", "/etc/hosts", "1.1.1.1 a", NULL), 1);
        assert_hosts(w, "1.1.1.1 a");
        assert_text(worker_changed(w), "/etc/hosts");
        worker_edit(w, "set", H "/1/canonical", "b", NULL);
        assert_hosts(w, "1.1.1.1 b\n");
        worker_edit(w, "text", "/etc/hosts", "", NULL);
        assert_hosts(w, "");
        worker_edit_fails(w, "ParseFailed", "edit 0: /etc/hosts:2:", "text", "/etc/hosts",
                          "1.1.1.1 a\nx\n", NULL);
        assert_hosts(w, "");
        worker_edit_fails(w, "NoLens", "/etc/other", "text", "/etc/other", "x", NULL);
        worker_edit_fails(w, "InvalidEdit", "control", "text", "/etc/hosts", "# \r\n", NULL);
        assert_false(worker_load(w, "/etc/hosts", "Hosts.lns", "x\n", 2));
        worker_edit(w, "text", "/etc/hosts", "2.2.2.2 mended\n", NULL);
        assert_hosts(w, "2.2.2.2 mended\n");
}

static void test_values_that_are_never_written(void **state)
{
        Worker *w = *state;
        static const char *const bad[] = { "\004",    "\003", "\001x",    "a\rb",
                                           "\033[1m", "\x7f", "\xC2\x80", "gr\xEF\xBF\xBD" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                worker_edit_fails(w, "InvalidEdit", "control", "set", H "/1/canonical", bad[i],
                                  NULL);
                worker_edit_fails(w, "InvalidEdit", "control", "ins", bad[i], "after", H "/1");
                worker_edit_fails(w, "InvalidEdit", "control", "rename", H "/1", bad[i], NULL);
                worker_edit_fails(w, "InvalidEdit", "control", "setm", H "/*", "alias", bad[i]);
                worker_edit_fails(w, "InvalidEdit", "control", "text", "/etc/hosts", bad[i], NULL);
                worker_edit_fails(w, "InvalidEdit", "control", "defnode", "v", H "/9", bad[i]);
        }
        worker_edit_fails(w, "InvalidEdit", "control", "set", H "/a\001b", "x", NULL);
        assert_hosts(w, HOSTS);
}

static void test_newline_in_a_value_does_not_make_a_line(void **state)
{
        Worker *w = *state;

        worker_edit(w, "set", H "/1/canonical", "a\n6.6.6.6 evil", NULL);
        worker_fails(w, "PutFailed", H "/1: the nodes below", "Render", "/etc/hosts");
}

static void test_value_on_a_file(void **state)
{
        Worker *w = *state;

        worker_edit_fails(w, "InvalidEdit", "no value of its own", "set", H, "x", NULL);
        worker_edit_fails(w, "InvalidEdit", "no value of its own", "setm", "/files/etc", "hosts",
                          "x");
}

static void test_places_without_a_lens(void **state)
{
        static const char *const nowhere[] = { "/files/etc/shadow/root",
                                               "/files/etc",
                                               "/files/x",
                                               "/files/etc/hosts2/1/ipaddr",
                                               "/files/etc/hosts[2]/1/ipaddr",
                                               "/files/etc[2]/hosts/1/ipaddr" };

        for (size_t i = 0; i < ELEMENTSOF(nowhere); i++) {
                worker_edit_fails(*state, "NoLens", "no lens covers", "set", nowhere[i], "x", NULL);
                worker_teardown(state);
                setup(state);
        }
}

static void test_unknown_verbs_and_arguments(void **state)
{
        Worker *w = *state;

        worker_edit_fails(w, "InvalidEdit", "no such verb", "save", NULL, NULL, NULL);
        worker_edit_fails(w, "InvalidEdit", "no such verb", "", NULL, NULL, NULL);
        worker_edit_fails(w, "InvalidEdit", "takes 2 arguments, not 1", "set", H, NULL, NULL);
        worker_edit_fails(w, "InvalidEdit", "takes 1 arguments, not 2", "rm", H, H, NULL);
}

static void test_index_of_the_edit_that_failed(void **state)
{
        Worker *w = *state;
        sd_bus_error error = SD_BUS_ERROR_NULL;

        assert_true(worker_call(w, &error, NULL, "Edit", "a(sas)", 3, "set", 2, H "/1/ipaddr",
                                "1.1.1.1", "rm", 1, H "/2", "set", 2, "/augeas/root", "x") < 0);
        assert_string_equal(error.name, "org.exmachina1.Error.InvalidEdit");
        assert_memory_equal(error.message,
                            "edit 2: /augeas/root: ", strlen("edit 2: /augeas/root: "));
        sd_bus_error_free(&error);
}

static void test_several_files(void **state)
{
        Worker *w = *state;

        worker_edit(w, "set", "/files/etc/ssh/sshd_config/Port", "2222", NULL);
        worker_edit(w, "rm", H "/1", NULL, NULL);
        worker_edit(w, "set", "/files/etc/ssh/sshd_config/Port", "2223", NULL);
        assert_text(worker_changed(w), "/etc/ssh/sshd_config /etc/hosts");
        assert_text(worker_render(w, "/etc/ssh/sshd_config", NULL),
                    "Port 2223\nPermitRootLogin no\n");
        assert_hosts(w, "10.0.0.1 gate gateway\n");
}

#define EDIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, worker_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                EDIT_TEST(test_set),
                EDIT_TEST(test_set_where_nothing_can_be_made),
                EDIT_TEST(test_set_below_several),
                EDIT_TEST(test_clear_and_touch),
                EDIT_TEST(test_setm),
                EDIT_TEST(test_clearm),
                EDIT_TEST(test_ins),
                EDIT_TEST(test_mv),
                EDIT_TEST(test_mv_and_variables),
                EDIT_TEST(test_mv_of_files),
                EDIT_TEST(test_mv_to_where_no_lens_is),
                EDIT_TEST(test_mv_out_of_files),
                EDIT_TEST(test_cp),
                EDIT_TEST(test_cp_from_outside),
                EDIT_TEST(test_rm),
                EDIT_TEST(test_rm_beyond_files),
                EDIT_TEST(test_rename),
                EDIT_TEST(test_variables),
                EDIT_TEST(test_defnode_outside),
                EDIT_TEST(test_text),
                EDIT_TEST(test_values_that_are_never_written),
                EDIT_TEST(test_newline_in_a_value_does_not_make_a_line),
                EDIT_TEST(test_value_on_a_file),
                EDIT_TEST(test_places_without_a_lens),
                EDIT_TEST(test_unknown_verbs_and_arguments),
                EDIT_TEST(test_index_of_the_edit_that_failed),
                EDIT_TEST(test_several_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
