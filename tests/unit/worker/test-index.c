/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-index.c - the index against Augeas' own list; every name in it can be loaded.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/strv.h"

#define MANY_LENSES 200

static sd_bus_message *read_index(Worker *w)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;

        if (worker_call(w, &error, &reply, "Index", "") < 0)
                fail_msg("Index: %s: %s", error.name, error.message);
        assert_true(sd_bus_message_enter_container(reply, 'a', "(sasas)") > 0);
        return reply;
}

/* Returns: false at the end. */
static bool next_entry(sd_bus_message *reply, const char **ret_lens, char ***ret_include,
                       char ***ret_exclude)
{
        int r = sd_bus_message_enter_container(reply, 'r', "sasas");

        assert_true(r >= 0);
        if (r == 0)
                return false;
        assert_true(sd_bus_message_read(reply, "s", ret_lens) > 0);
        assert_true(sd_bus_message_read_strv(reply, ret_include) >= 0);
        assert_true(sd_bus_message_read_strv(reply, ret_exclude) >= 0);
        assert_true(sd_bus_message_exit_container(reply) > 0);
        return true;
}

static void test_index(void **state)
{
        Worker *w = *state;
        sd_bus_message *reply = read_index(w);
        bool hosts = false, excludes = false;
        char **include, **exclude;
        const char *lens;
        size_t n = 0;

        for (; next_entry(reply, &lens, &include, &exclude); n++) {
                /* Nothing on this list needs the way around the missing name. */
                assert_int_not_equal(lens[0], '@');
                assert_non_null(strchr(lens, '.'));
                if (strcmp(lens, "Hosts.lns") == 0)
                        hosts = strv_contains(include, "/etc/hosts");
                excludes = excludes || strv_length(exclude) > 0;
                strv_free(include);
                strv_free(exclude);
        }
        assert_true(n >= MANY_LENSES);
        assert_true(hosts);
        assert_true(excludes);
        sd_bus_message_unref(reply);
        /* The tree is as empty as before. */
        assert_text(worker_match(w, "/files//*"), "");
}

static void test_every_lens_can_be_loaded(void **state)
{
        sd_bus_message *reply = read_index(*state);
        char **include, **exclude;
        const char *lens;
        Worker loader = { 0 };

        worker_start(&loader, EXM_LENSDIR);
        while (next_entry(reply, &lens, &include, &exclude)) {
                worker_load(&loader, "/etc/x", lens, "", 0);
                strv_free(include);
                strv_free(exclude);
        }
        worker_stop(&loader);
        sd_bus_message_unref(reply);
}

static void write_file(const char *dir, const char *name, const char *text)
{
        char path[256];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        file = fopen(path, "we");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static void remove_lenses(const char *dir)
{
        char command[256];

        snprintf(command, sizeof(command), "rm -r '%s'", dir);
        assert_int_equal(system(command), 0);
}

#define LENS "[ key /[a-z]+/ . del / *= */ \"=\" . store /[a-z]+/ . del /\\n/ \"\\n\" ]*"

/* A directory of lenses of one's own, with a bare name, a bracketed one, and one that is elsewhere.
 */
static void make_lenses(char *dir)
{
        char dist[256];

        assert_non_null(mkdtemp(dir));
        assert_int_equal(chmod(dir, 0755), 0);
        snprintf(dist, sizeof(dist), "%s/dist", dir);
        assert_int_equal(mkdir(dist, 0755), 0);
        write_file(dir, "plain.aug",
                   "module Plain =\nautoload xfm\nlet it = " LENS
                   "\nlet xfm = transform it (incl \"/etc/plain\" . excl \"*~\")\n");
        write_file(dir, "bracket.aug",
                   "module Bracket =\nautoload xfm\nlet it = " LENS
                   "\nlet xfm = transform (it) (incl \"/etc/bracket\")\n");
        write_file(dist, "elsewhere.aug",
                   "module Elsewhere =\nautoload xfm\n"
                   "let xfm = transform Plain.it (incl \"/etc/else\")\n");
        write_file(dist, "plain.aug", "module Plain =\nthis one is behind the other\n");
}

static void test_lenses_of_ones_own(void **state)
{
        static const char *const expected[] = { "@Bracket /etc/bracket", "Plain.it /etc/plain",
                                                "Plain.it /etc/else" };
        char dir[] = "/tmp/exmachina-lenses-XXXXXX";
        char **include, **exclude, seen[256];
        size_t n = 0, found = 0;
        sd_bus_message *reply;
        const char *lens;
        Worker w = { 0 };

        make_lenses(dir);
        worker_start(&w, dir);
        reply = read_index(&w);
        for (; next_entry(reply, &lens, &include, &exclude); n++) {
                snprintf(seen, sizeof(seen), "%s %s", lens, include[0]);
                for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                        found += strcmp(seen, expected[i]) == 0;
                assert_true(worker_load(&w, include[0], lens, "a =b\n", 5));
                worker_edit(&w, "setm", "/files//*[. = 'b']", ".", "c");
                assert_text(worker_render(&w, include[0], NULL), "a =c\n");
                strv_free(include);
                strv_free(exclude);
        }
        assert_int_equal(n, 3);
        assert_int_equal(found, 3);
        sd_bus_message_unref(reply);
        worker_stop(&w);

        /* In a worker that has not made the index. */
        worker_start(&w, dir);
        assert_true(worker_load(&w, "/etc/b", "@Bracket", "a=b\n", 4));
        worker_stop(&w);
        remove_lenses(dir);
}

static void test_broken_lens_is_named(void **state)
{
        char dir[] = "/tmp/exmachina-lenses-XXXXXX";
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Worker w = { 0 };

        make_lenses(dir);
        write_file(dir, "broken.aug", "module Broken =\nlet x = (\n");
        worker_start(&w, dir);
        assert_true(worker_call(&w, &error, NULL, "Index", "") < 0);
        assert_string_equal(error.name, "org.exmachina1.Error.NoLens");
        assert_non_null(strstr(error.message, "broken.aug"));
        sd_bus_error_free(&error);
        /* The others work all the same. */
        assert_true(worker_load(&w, "/etc/plain", "Plain.it", "a=b\n", 4));
        worker_stop(&w);
        remove_lenses(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_index, worker_setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_every_lens_can_be_loaded, worker_setup,
                                                worker_teardown),
                cmocka_unit_test(test_lenses_of_ones_own),
                cmocka_unit_test(test_broken_lens_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
