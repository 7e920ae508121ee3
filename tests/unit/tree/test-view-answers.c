/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-view-answers.c - what a view tells without its worker, for how long, and how much of it.
 *
 * A worker that is stopped answers nothing: what comes then was kept, and what was not ends with a
 * time-out.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"

static void open_hosts(Bench *b)
{
        bench_open_real(b);
        bench_put(b, "/etc/hosts", HOSTS, "Hosts.lns");
        view_set_volatile(b->view);
}

static void stop_worker(Bench *b)
{
        b->limits.worker_wall_sec = 1;
        assert_int_equal(kill(bench_child(), SIGSTOP), 0);
}

static void test_answers_are_told_again(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/1/ipaddr"), 0);
        assert_int_equal(bench_read(&b, &o, "/files/etc/hosts/1/*", 0, 1), 0);
        stop_worker(&b);

        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/1/ipaddr"), 0);
        assert_string_equal(o.value, "127.0.0.1");
        assert_int_equal(bench_read(&b, &o, "/files/etc/hosts/1/*", 0, 1), 0);
        assert_string_equal(o.paths[0], "/files/etc/hosts/1/ipaddr");
        assert_int_equal(o.total, 2);
        /* Another page, and another kind of question, are others. */
        assert_int_equal(bench_read(&b, &o, "/files/etc/hosts/1/*", 1, 1), EXM_E_LIMIT_EXCEEDED);
        bench_close(&b);
}

/* No answer outlives the file that it was about, also one that was under way when it changed. */
static void test_answers_end_with_the_file(void **state)
{
        static const char path[] = "/files/etc/hosts/1/ipaddr";
        _cleanup_outcome_ Outcome o = {}, under_way = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_get(&b, &o, path), 0);
        assert_string_equal(o.value, "127.0.0.1");
        bench_put(&b, "/etc/hosts", "192.0.2.1 one\n", "Hosts.lns");
        assert_int_equal(bench_load(&b, &o), 0);
        assert_int_equal(kill(bench_child(), SIGSTOP), 0);
        assert_int_equal(view_get_value(b.view, path, outcome_take, &under_way), 0);
        bench_idle(&b, 50);
        bench_put(&b, "/etc/hosts", "192.0.2.2 two\n", "Hosts.lns");
        assert_int_equal(kill(bench_child(), SIGCONT), 0);
        assert_int_equal(bench_wait(&b, &under_way), 0);
        assert_int_equal(bench_get(&b, &o, path), 0);
        assert_string_equal(o.value, "192.0.2.2");
        view_remove(b.view, "/etc/hosts");
        assert_int_equal(bench_get(&b, &o, path), EXM_E_NO_MATCH);
        bench_close(&b);
}

static void get(Bench *b, const char *path, const char *expected)
{
        _cleanup_outcome_ Outcome o = {};

        assert_int_equal(bench_get(b, &o, path), 0);
        assert_int_equal(o.has_value, expected != NULL);
        if (expected)
                assert_string_equal(o.value, expected);
}

/* The second that is asked for brings all others of so small a file. */
static void test_values_come_together(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
        get(&b, "/files/etc/hosts/2/ipaddr", "192.0.2.1");
        stop_worker(&b);
        get(&b, "/files/etc/hosts/1/canonical", "localhost");
        get(&b, "/files/etc/hosts/2/alias", "uno");
        get(&b, "/files/etc/hosts/2", NULL);
        get(&b, "/files/etc", NULL);
        /* What is not there, and what only means the same, is the worker's to judge. */
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2/alias[1]"), EXM_E_LIMIT_EXCEEDED);
        bench_close(&b);
}

static void test_one_value_is_asked_for_alone(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
        stop_worker(&b);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2/ipaddr"), EXM_E_LIMIT_EXCEEDED);
        bench_close(&b);
}

static void test_values_that_are_not_among_them(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
        get(&b, "/files/etc/hosts/2/ipaddr", "192.0.2.1");
        get(&b, "/files/etc/hosts/*[ipaddr='192.0.2.1']/canonical", "one");
        get(&b, "/files/etc/hosts/2/alias[1]", "uno");
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/3/ipaddr"), EXM_E_NO_MATCH);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/*"), EXM_E_MANY_MATCHES);
        bench_close(&b);
}

static void test_values_end_with_the_file(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
        get(&b, "/files/etc/hosts/2/ipaddr", "192.0.2.1");
        get(&b, "/files/etc/hosts/2/canonical", "one");
        bench_put(&b, "/etc/hosts", "192.0.2.2 two\n", "Hosts.lns");
        get(&b, "/files/etc/hosts/1/canonical", "two");
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2/canonical"), EXM_E_NO_MATCH);
        bench_close(&b);
}

/* The file changes while the worker is at it. */
static void test_values_of_an_older_state(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
        assert_int_equal(kill(bench_child(), SIGSTOP), 0);
        assert_int_equal(view_get_value(b.view, "/files/etc/hosts/2/ipaddr", outcome_take, &o), 0);
        bench_idle(&b, 50);
        bench_put(&b, "/etc/hosts", "192.0.2.2 two\n192.0.2.3 three\n", "Hosts.lns");
        assert_int_equal(kill(bench_child(), SIGCONT), 0);
        assert_int_equal(bench_wait(&b, &o), 0);
        assert_string_equal(o.value, "192.0.2.3");
        get(&b, "/files/etc/hosts/1/ipaddr", "192.0.2.2");
        bench_close(&b);
}

/* The first values of `n_hosts` entries with comments of so many bytes. */
static void open_many(Bench *b, unsigned n_hosts, size_t comment)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        for (unsigned i = 1; i <= n_hosts; i++)
                fprintf(out, "192.0.2.1 host%u # %0*u\n", i, (int)comment, i);
        assert_int_equal(fclose(out), 0);
        bench_open_real(b);
        bench_put(b, "/etc/hosts", text, "Hosts.lns");
        view_set_volatile(b->view);
        free(text);
}

static void get_hosts(Bench *b, unsigned from, unsigned to)
{
        for (unsigned i = from; i <= to; i++) {
                char path[64], name[16];

                snprintf(path, sizeof(path), "/files/etc/hosts/%u/canonical", i);
                snprintf(name, sizeof(name), "host%u", i);
                get(b, path, name);
        }
}

/* All of 10 KB are worth ten of them. */
static void test_values_of_a_larger_file(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_many(&b, 100, 80);
        get_hosts(&b, 1, 10);
        get_hosts(&b, 11, 12);
        stop_worker(&b);
        get_hosts(&b, 13, 100);
        bench_close(&b);

        open_many(&b, 100, 80);
        get_hosts(&b, 1, 8);
        stop_worker(&b);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/13/canonical"), EXM_E_LIMIT_EXCEEDED);
        bench_close(&b);
}

/* However often it is asked, it does not keep the values of a large file. */
static void test_values_of_a_large_file_are_not_kept(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_many(&b, 200, 400);
        get_hosts(&b, 1, 150);
        stop_worker(&b);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/200/canonical"), EXM_E_LIMIT_EXCEEDED);
        bench_close(&b);
}

typedef struct Reader {
        Bench *b;
        char value[32];
} Reader;

static void on_value_free(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Reader *reader = userdata;

        assert_int_equal(r, 0);
        view_free(reader->b->view);
        reader->b->view = NULL;
        snprintf(reader->value, sizeof(reader->value), "%s", result->value);
}

/* What a callback was handed is good until it returns. */
static void test_view_freed_by_who_is_told(void **state)
{
        static const char *const paths[] = { "/files/etc/hosts/1/ipaddr",
                                             "/files/etc/hosts/1/canonical" };
        static const char *const values[] = { "127.0.0.1", "localhost" };

        for (size_t i = 0; i < 2; i++) {
                Bench b;
                Reader reader = { .b = &b };

                open_hosts(&b);
                get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
                get(&b, "/files/etc/hosts/2/ipaddr", "192.0.2.1");
                assert_int_equal(view_get_value(b.view, paths[i], on_value_free, &reader), 0);
                for (unsigned n = 0; n < 200 && b.view; n++)
                        bench_idle(&b, 10);
                assert_string_equal(reader.value, values[i]);
                bench_close(&b);
        }
}

/* Values that cannot be of these files, or are more than were asked for. */
static void test_hostile_values(void **state)
{
        static const char *const modes[] = { "values-foreign", "values-many", "values-type",
                                             "values-directory" };

        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                _cleanup_outcome_ Outcome o = {};
                Bench b;

                bench_open_fake(&b, modes[i]);
                bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
                view_set_volatile(b.view);
                get(&b, "/files/etc/hosts/1/ipaddr", "value");
                assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2/ipaddr"),
                                 EXM_E_WORKER_FAILED);
                assert_non_null(strstr(o.f.message, "(values)"));
                assert_false(view_is_alive(b.view));
                bench_close(&b);
        }
}

/* A stamp that can be relied on takes the place of a young one, of the same bytes only. */
static void test_renewed_image(void **state)
{
        FileImage *same, *other;
        Bench b;

        open_hosts(&b);
        get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
        same = image_make("/etc/hosts", HOSTS);
        other = image_make("/etc/hosts", "192.0.2.2 two\n");
        strcpy(other->version, "another");
        view_renew(b.view, other);
        assert_ptr_not_equal(view_file(b.view, 0)->image, other);
        view_renew(b.view, same);
        assert_ptr_equal(view_file(b.view, 0)->image, same);
        assert_true(view_is_alive(b.view));
        stop_worker(&b);
        get(&b, "/files/etc/hosts/1/ipaddr", "127.0.0.1");
        file_image_unref(same);
        file_image_unref(other);
        bench_close(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers_are_told_again),
                cmocka_unit_test(test_answers_end_with_the_file),
                cmocka_unit_test(test_values_come_together),
                cmocka_unit_test(test_one_value_is_asked_for_alone),
                cmocka_unit_test(test_values_that_are_not_among_them),
                cmocka_unit_test(test_values_end_with_the_file),
                cmocka_unit_test(test_values_of_an_older_state),
                cmocka_unit_test(test_values_of_a_larger_file),
                cmocka_unit_test(test_values_of_a_large_file_are_not_kept),
                cmocka_unit_test(test_view_freed_by_who_is_told),
                cmocka_unit_test(test_hostile_values),
                cmocka_unit_test(test_renewed_image),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
