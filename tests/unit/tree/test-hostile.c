/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-hostile.c - a view over a worker that is in the hands of an attacker.
 *
 * Each case asserts the error, that the process is gone, and (in bench_close) that no process and
 * no descriptor is left over.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"
#include "util/strv.h"

typedef int (*Ask)(Bench *b, Outcome *o);

static int ask_value(Bench *b, Outcome *o)
{
        return bench_get(b, o, "/files/etc/hosts/1/ipaddr");
}

static int ask_match(Bench *b, Outcome *o)
{
        return bench_match(b, o, "/files//*");
}

static int ask_nodes(Bench *b, Outcome *o)
{
        return bench_read(b, o, "/files//*", 0, 2);
}

static int ask_edit(Bench *b, Outcome *o)
{
        return bench_edit(b, o, "set", "/files/etc/hosts/1/ipaddr", "x", NULL);
}

typedef struct Case {
        const char *mode;
        Ask ask;
        int expected;
} Case;

static const Case cases[] = {
        { "exit", ask_value, EXM_E_WORKER_FAILED },
        { "exit", bench_load, EXM_E_WORKER_FAILED },
        { "crash", ask_value, EXM_E_WORKER_FAILED },
        { "crash", ask_edit, EXM_E_WORKER_FAILED },
        { "cpu", ask_value, EXM_E_LIMIT_EXCEEDED },
        { "garbage", ask_value, EXM_E_WORKER_FAILED },
        { "hang-up", ask_value, EXM_E_WORKER_FAILED },
        { "silent", ask_value, EXM_E_LIMIT_EXCEEDED },
        { "signature", ask_value, EXM_E_WORKER_FAILED },
        { "signature", bench_render, EXM_E_WORKER_FAILED },
        { "foreign-error", ask_value, EXM_E_WORKER_FAILED },
        { "signal", ask_value, EXM_E_WORKER_FAILED },
        { "call", ask_value, EXM_E_WORKER_FAILED },
        { "kind", bench_load, EXM_E_WORKER_FAILED },
        { "crash-value", ask_value, EXM_E_WORKER_FAILED },
        { "long-value", ask_value, EXM_E_LIMIT_EXCEEDED },
        { "secret", ask_match, EXM_E_WORKER_FAILED },
        { "augeas", ask_match, EXM_E_WORKER_FAILED },
        { "longer-name", ask_match, EXM_E_WORKER_FAILED },
        { "shorter-name", ask_match, EXM_E_WORKER_FAILED },
        { "no-path", ask_match, EXM_E_WORKER_FAILED },
        { "many", ask_match, EXM_E_LIMIT_EXCEEDED },
        { "directory-value", ask_nodes, EXM_E_WORKER_FAILED },
        { "more-than-asked", ask_nodes, EXM_E_WORKER_FAILED },
        { "total", ask_nodes, EXM_E_WORKER_FAILED },
        { "counts", ask_edit, EXM_E_WORKER_FAILED },
        { "crash-edit", ask_edit, EXM_E_WORKER_FAILED },
        { "changed-foreign", bench_render, EXM_E_WORKER_FAILED },
        { "changed-twice", bench_render, EXM_E_WORKER_FAILED },
        { "absent-text", bench_render, EXM_E_WORKER_FAILED },
        { "big-text", bench_render, EXM_E_LIMIT_EXCEEDED },
};

static void test_misdeeds(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_outcome_ Outcome o = {};
                Bench b;
                int r;

                bench_open_fake(&b, cases[i].mode);
                b.limits.worker_wall_sec = 1;
                b.limits.file_bytes = 50000;
                bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
                bench_put(&b, "/etc/beside", HOSTS, "Hosts.lns"); /* of one it asks less */
                r = cases[i].ask(&b, &o);
                if (r != cases[i].expected)
                        print_error("%s: %d %s\n", cases[i].mode, r, o.f.message);
                assert_int_equal(r, cases[i].expected);
                assert_non_null(o.f.message);
                assert_false(view_is_alive(b.view));
                assert_int_equal(view_n_edits(b.view), 0);
                bench_close(&b);
        }
}

static void test_sane(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        bench_open_fake(&b, "sane");
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(ask_value(&b, &o), 0);
        assert_true(o.has_value);
        assert_string_equal(o.value, "value");
        assert_int_equal(ask_match(&b, &o), 0);
        assert_int_equal(strv_length(o.paths), 2);
        assert_int_equal(ask_nodes(&b, &o), 0);
        assert_int_equal(o.total, 5);
        assert_int_equal(ask_edit(&b, &o), 0);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 1);
        assert_string_equal(o.texts[0], "x");
        assert_true(view_is_alive(b.view));
        bench_close(&b);
}

/* Which files were edited is not asked where there is one. */
static void test_only_file(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        bench_open_fake(&b, "changed-foreign");
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 1);
        assert_string_equal(o.texts[0], "x");
        bench_close(&b);
}

/* An error that the protocol knows costs no worker, and its words cannot break a line. */
static void test_known_error(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        pid_t pid;
        Bench b;

        bench_open_fake(&b, "no-match");
        assert_int_equal(bench_load(&b, &o), 0);
        pid = bench_child();
        assert_int_equal(ask_value(&b, &o), EXM_E_NO_MATCH);
        assert_string_equal(o.f.message, "line one ");
        assert_true(view_is_alive(b.view));
        assert_int_equal(bench_child(), pid);
        bench_close(&b);
}

/* A failed edit leaves the tree in doubt, whatever the worker says. */
static void test_failed_edit(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        pid_t pid;
        Bench b;

        bench_open_fake(&b, "edit-failed");
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(bench_load(&b, &o), 0);
        pid = bench_child();
        assert_int_equal(ask_edit(&b, &o), EXM_E_NO_MATCH);
        assert_string_equal(o.f.message, "edit 1: none");
        assert_false(view_is_alive(b.view));
        assert_int_equal(ask_value(&b, &o), 0);
        assert_int_not_equal(bench_child(), pid);
        bench_close(&b);
}

/* The second answer to one call is nobody's. */
static void test_answer_twice(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        bench_open_fake(&b, "twice");
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(ask_value(&b, &o), 0);
        bench_idle(&b, 100);
        assert_false(view_is_alive(b.view));
        bench_close(&b);
}

static void test_signal_while_idle(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        bench_open_fake(&b, "late-signal");
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(bench_load(&b, &o), 0);
        assert_true(view_is_alive(b.view));
        bench_idle(&b, 200);
        assert_false(view_is_alive(b.view));
        assert_int_equal(bench_child(), 0);
        bench_close(&b);
}

static int ask_once(const char *mode, Ask ask)
{
        char marker[] = "/tmp/exmachina-once-XXXXXX", place[96];
        _cleanup_outcome_ Outcome o = {};
        int fd, r;
        Bench b;

        fd = mkstemp(marker);
        assert_true(fd >= 0);
        close(fd);
        unlink(marker);
        snprintf(place, sizeof(place), "once:%s:%s", marker, mode);

        bench_open_fake(&b, place);
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        r = ask(&b, &o);
        assert_int_equal(access(marker, F_OK), 0);
        unlink(marker);
        bench_close(&b);
        return r;
}

static void test_what_is_lost_is_repeated_once(void **state)
{
        assert_int_equal(ask_once("crash-value", ask_value), 0);
        assert_int_equal(ask_once("crash", bench_load), 0);
        assert_int_equal(ask_once("crash", bench_render), 0);
        /* An edit too: what was made of it went with the worker. */
        assert_int_equal(ask_once("crash-edit", ask_edit), 0);
        assert_int_equal(ask_once("crash", ask_edit), 0);
        /* A lie is not repeated. */
        assert_int_equal(ask_once("secret", ask_match), EXM_E_WORKER_FAILED);
}

static void test_free_while_asking(void **state)
{
        Outcome under_way = {}, waiting = {};
        Bench b;

        bench_open_fake(&b, "silent");
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(view_load(b.view, outcome_take, &under_way), 0);
        assert_int_equal(view_match(b.view, "/files", outcome_take, &waiting), 0);
        bench_idle(&b, 50);
        assert_false(under_way.done);
        b.view = view_free(b.view);
        assert_int_equal(under_way.r, -ECANCELED);
        assert_int_equal(waiting.r, -ECANCELED);
        bench_idle(&b, 50);
        bench_close(&b);
}

typedef struct Suicide {
        Bench *b;
        unsigned n;
} Suicide;

/* Gives the view up at the first answer, and at each that this brings about. */
static void on_done_free(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Suicide *suicide = userdata;

        if (suicide->n++ > 0)
                assert_int_equal(r, -ECANCELED);
        view_free(suicide->b->view);
        suicide->b->view = NULL;
}

static void free_in_callback(const char *mode)
{
        Bench b;
        Suicide suicide = { .b = &b };
        Outcome waiting = {};

        bench_open_fake(&b, mode);
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(view_get_value(b.view, "/files/x", on_done_free, &suicide), 0);
        assert_int_equal(view_load(b.view, outcome_take, &waiting), 0);
        assert_int_equal(view_load(b.view, on_done_free, &suicide), 0);
        for (unsigned i = 0; i < 200 && suicide.n == 0; i++)
                bench_idle(&b, 10);
        assert_int_equal(suicide.n, 2);
        assert_int_equal(waiting.r, -ECANCELED);
        bench_idle(&b, 20);
        bench_close(&b);
}

static void test_free_in_callback(void **state)
{
        free_in_callback("sane");
        free_in_callback("crash");
        free_in_callback("signal");
        free_in_callback("signature");
}

/* A file that brings the process down is named, and harms neither other views nor this one for
 * good. */
static void test_deadly_file(void **state)
{
        _cleanup_outcome_ Outcome o = {}, beside = {};
        View *other;
        Bench b;

        bench_open_fake(&b, "deadly-file");
        assert_int_equal(view_new(&other, b.tree), 0);
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        bench_put(&b, "/etc/deadly", HOSTS, "Hosts.lns");
        assert_int_equal(view_load(b.view, outcome_take, &o), 0);
        assert_int_equal(view_get_value(other, "/files/x", outcome_take, &beside), 0);
        assert_int_equal(bench_wait(&b, &beside), 0);
        assert_int_equal(bench_wait(&b, &o), EXM_E_WORKER_FAILED);
        assert_memory_equal(o.f.message, "/etc/deadly: ", strlen("/etc/deadly: "));
        assert_true(view_is_alive(other));

        view_remove(b.view, "/etc/deadly");
        assert_int_equal(ask_value(&b, &o), 0);
        view_free(other);
        bench_close(&b);
}

static void test_process_limit(void **state)
{
        _cleanup_outcome_ Outcome o = {}, second = {};
        View *other;
        Bench b;

        bench_open_fake(&b, "sane");
        b.limits.workers_total = 1;
        assert_int_equal(bench_load(&b, &o), 0);
        assert_int_equal(view_new(&other, b.tree), 0);
        assert_int_equal(view_load(other, outcome_take, &second), 0);
        assert_int_equal(bench_wait(&b, &second), EXM_E_LIMIT_EXCEEDED);
        b.view = view_free(b.view);
        outcome_done(&second);
        assert_int_equal(view_load(other, outcome_take, &second), 0);
        assert_int_equal(bench_wait(&b, &second), 0);
        view_free(other);
        bench_close(&b);
}

static void test_churn(void **state)
{
        _cleanup_outcome_ Outcome first = {};
        int n_fds;
        Bench b;

        /* The loop opens its timer with the first worker and keeps it. */
        bench_open_fake(&b, "sane");
        assert_int_equal(ask_value(&b, &first), 0);
        view_free(b.view);
        assert_int_equal(view_new(&b.view, b.tree), 0);
        for (unsigned i = 0; i < 200 && bench_child() != 0; i++)
                bench_idle(&b, 10);
        n_fds = bench_count_fds();
        for (unsigned i = 0; i < 500; i++) {
                _cleanup_outcome_ Outcome o = {};

                bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
                assert_int_equal(ask_value(&b, &o), 0);
                if (i % 2)
                        kill(bench_child(), SIGKILL);
                view_free(b.view);
                assert_int_equal(view_new(&b.view, b.tree), 0);
        }
        for (unsigned i = 0; i < 200 && bench_child() != 0; i++)
                bench_idle(&b, 10);
        assert_int_equal(bench_count_fds(), n_fds);
        bench_close(&b);
}

static void on_index(int r, Failure *f, LensIndex *index, void *userdata)
{
        int *ret = userdata;

        *ret = r;
}

static void test_index_answers(void **state)
{
        static const char *const modes[] = { "exit", "no-index", "lens-name" };

        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                int r = -1;
                Bench b;

                bench_open_fake(&b, modes[i]);
                tree_get_index(b.tree, on_index, &r);
                for (unsigned n = 0; n < 300 && r == -1; n++)
                        bench_idle(&b, 10);
                assert_int_equal(r, EXM_E_WORKER_FAILED);
                assert_null(tree_index(b.tree));
                bench_close(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sane),
                cmocka_unit_test(test_misdeeds),
                cmocka_unit_test(test_only_file),
                cmocka_unit_test(test_known_error),
                cmocka_unit_test(test_failed_edit),
                cmocka_unit_test(test_answer_twice),
                cmocka_unit_test(test_signal_while_idle),
                cmocka_unit_test(test_what_is_lost_is_repeated_once),
                cmocka_unit_test(test_free_while_asking),
                cmocka_unit_test(test_free_in_callback),
                cmocka_unit_test(test_deadly_file),
                cmocka_unit_test(test_process_limit),
                cmocka_unit_test(test_churn),
                cmocka_unit_test(test_index_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
