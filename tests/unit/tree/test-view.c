/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-view.c - views over the real worker: load, read, edit, render, and replay after its death.
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

#define FSTAB "/dev/sda1 / ext4 defaults 0 1\n"

static void open_hosts(Bench *b)
{
        bench_open_real(b);
        bench_put(b, "/etc/hosts", HOSTS, "Hosts.lns");
}

static void kill_worker(Bench *b)
{
        pid_t pid = bench_child();

        assert_true(pid > 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
}

static void test_get_value(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2/ipaddr"), 0);
        assert_true(o.has_value);
        assert_string_equal(o.value, "192.0.2.1");
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2"), 0);
        assert_false(o.has_value);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/9"), EXM_E_NO_MATCH);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/*"), EXM_E_MANY_MATCHES);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/["), EXM_E_INVALID_PATH);
        assert_true(view_is_alive(b.view));
        bench_close(&b);
}

static void test_match_and_read(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_match(&b, &o, "/files/etc/hosts/*[ipaddr='192.0.2.1']/*"), 0);
        assert_int_equal(strv_length(o.paths), 3);
        assert_string_equal(o.paths[0], "/files/etc/hosts/2/ipaddr");
        assert_string_equal(o.paths[2], "/files/etc/hosts/2/alias");

        assert_int_equal(bench_read(&b, &o, "/files/etc/hosts/*/*", 1, 2), 0);
        assert_int_equal(o.total, 5);
        assert_int_equal(strv_length(o.paths), 2);
        assert_string_equal(o.paths[0], "/files/etc/hosts/1/canonical");
        assert_string_equal(o.values[0], "localhost");

        assert_int_equal(bench_match(&b, &o, "//*"), 0);
        assert_true(strv_contains(o.paths, "/files/etc"));
        assert_int_equal(bench_match(&b, &o, "/augeas//*"), 0);
        assert_int_equal(strv_length(o.paths), 0);
        bench_close(&b);
}

/* Every character that Augeas escapes in a label. */
static void test_strange_names(void **state)
{
        static const char *const names[] = {
                "/etc/a b", "/etc/a[1]", "/etc/a=b",      "/etc/a,b!c", "/etc/(x)",
                "/etc/a|b", "/etc/a\\b", "/etc/\xc3\xa4", "/etc/it's",  "/etc/a*b",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_outcome_ Outcome o = {};
                Bench b;

                bench_open_real(&b);
                bench_put(&b, names[i], HOSTS, "Hosts.lns");
                assert_int_equal(bench_read(&b, &o, "/files//ipaddr", 0, 0), 0);
                assert_int_equal(o.total, 2);
                assert_string_equal(o.values[0], "127.0.0.1");
                bench_close(&b);
        }
}

static void test_parse_error(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        const ViewFile *file;
        Bench b;

        open_hosts(&b);
        bench_put(&b, "/etc/fstab", "# fine\nno-fstab\n", "Fstab.lns");
        assert_int_equal(bench_load(&b, &o), 0);
        file = view_file(b.view, 0);
        assert_true(file->loaded);
        assert_null(file->error_kind);
        file = view_file(b.view, 1);
        assert_false(file->loaded);
        assert_string_equal(file->error_kind, "parse_failed");
        assert_non_null(file->error_message);
        assert_true(file->error_line > 0);
        assert_true(view_is_alive(b.view));

        /* Put anew, the error is gone. */
        bench_put(&b, "/etc/fstab", FSTAB, "Fstab.lns");
        assert_false(view_is_alive(b.view));
        assert_int_equal(bench_get(&b, &o, "/files/etc/fstab/1/spec"), 0);
        assert_string_equal(o.value, "/dev/sda1");
        assert_null(view_file(b.view, 1)->error_kind);
        bench_close(&b);
}

static void test_conflicting_lens(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        FileImage *image = image_make("/etc/hosts", HOSTS);
        const ViewFile *file;
        Bench b;

        bench_open_real(&b);
        assert_int_equal(view_put(b.view, image, "Hosts.lns", "Fstab.lns", NULL), 0);
        file_image_unref(image);
        assert_int_equal(bench_match(&b, &o, "/files//*"), 0);
        assert_int_equal(strv_length(o.paths), 0);
        file = view_file(b.view, 0);
        assert_string_equal(file->error_kind, "mxfm_load");
        assert_string_equal(file->error_message,
                            "Lenses Hosts.lns and Fstab.lns could be used to load this file");
        bench_close(&b);
}

static void test_no_lens(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        bench_put(&b, "/etc/x", "x\n", "Nothing.lns");
        assert_int_equal(bench_load(&b, &o), 0);
        assert_string_equal(view_file(b.view, 1)->error_kind, VIEW_NO_LENS);
        assert_non_null(strstr(view_file(b.view, 1)->error_message, "Nothing.lns"));
        assert_false(view_file(b.view, 1)->loaded);
        /* The other file of the view is there. */
        assert_null(view_file(b.view, 0)->error_kind);
        assert_true(view_file(b.view, 0)->loaded);
        bench_close(&b);
}

static void test_remove(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        pid_t pid;
        Bench b;

        open_hosts(&b);
        bench_put(&b, "/etc/fstab", FSTAB, "Fstab.lns");
        assert_int_equal(bench_load(&b, &o), 0);
        pid = bench_child();
        view_remove(b.view, "/etc/hosts");
        assert_int_equal(view_n_files(b.view), 1);
        assert_int_equal(view_find(b.view, "/etc/hosts"), -1);
        assert_int_equal(bench_match(&b, &o, "/files/etc/*"), 0);
        assert_int_equal(strv_length(o.paths), 1);
        assert_string_equal(o.paths[0], "/files/etc/fstab");
        assert_int_equal(bench_child(), pid);
        assert_int_equal(view_bytes(b.view), strlen(FSTAB));
        bench_close(&b);
}

static void assert_renders_uno(Bench *b)
{
        _cleanup_outcome_ Outcome o = {};

        assert_int_equal(bench_render(b, &o), 0);
        assert_int_equal(o.n_texts, 1);
        assert_string_equal(o.text_files[0], "/etc/hosts");
        assert_string_equal(o.texts[0], "127.0.0.1 localhost\n192.0.2.9 one uno\n");
}

static void test_edit_and_render(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        bench_put(&b, "/etc/fstab", FSTAB, "Fstab.lns");
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 0);
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/2/ipaddr", "192.0.2.9", NULL),
                         0);
        assert_int_equal(o.n_counts, 1);
        assert_int_equal(o.counts[0], 1);
        assert_int_equal(view_n_edits(b.view), 1);
        assert_true(view_bytes(b.view) > strlen(HOSTS FSTAB));
        assert_renders_uno(&b);

        /* Set back: the same bytes, so nothing differs. */
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/2/ipaddr", "192.0.2.1", NULL),
                         0);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 0);
        bench_close(&b);
}

/* Of a view's only file it need not be told which was edited. */
static void test_render_the_only_file(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 0);
        assert_int_equal(bench_edit(&b, &o, "defvar", "v", "/files/etc/hosts/1", NULL), 0);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 0);
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/1/ipaddr", "::1", NULL), 0);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 1);
        assert_string_equal(o.texts[0], "::1 localhost\n192.0.2.1 one uno\n");
        bench_close(&b);

        bench_open_real(&b);
        bench_put(&b, "/etc/hosts", "no hosts\n", "Hosts.lns");
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 0);
        assert_int_equal(bench_edit(&b, &o, "text", "/etc/hosts", "127.0.0.1 a\n", NULL), 0);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 1);
        bench_close(&b);
}

static void test_make_and_remove_file(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        bench_put(&b, "/etc/fstab", NULL, "Fstab.lns");
        assert_int_equal(bench_edit(&b, &o, "text", "/etc/fstab", FSTAB, NULL), 0);
        assert_int_equal(bench_edit(&b, &o, "rm", "/files/etc/hosts", NULL, NULL), 0);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 2);
        assert_string_equal(o.text_files[0], "/etc/fstab");
        assert_string_equal(o.texts[0], FSTAB);
        assert_string_equal(o.text_files[1], "/etc/hosts");
        assert_null(o.texts[1]);
        bench_close(&b);
}

static void test_failed_edit_changes_nothing(void **state)
{
        char *good[] = { (char *)"/files/etc/hosts/1/ipaddr", (char *)"198.51.100.1", NULL };
        char *bad[] = { (char *)"/files/etc/hosts/*/ipaddr", (char *)"x", NULL };
        const Edit edits[] = { { (char *)"set", good }, { (char *)"set", bad } };
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/2/ipaddr", "192.0.2.9", NULL),
                         0);
        outcome_done(&o);
        assert_int_equal(view_edit(b.view, edits, 2, outcome_take, &o), 0);
        assert_int_equal(bench_wait(&b, &o), EXM_E_MANY_MATCHES);
        assert_memory_equal(o.f.message, "edit 1: ", strlen("edit 1: "));
        assert_int_equal(view_n_edits(b.view), 1);
        assert_renders_uno(&b);
        bench_close(&b);
}

static void test_replay_after_kill(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        pid_t pid;
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/2/ipaddr", "192.0.2.9", NULL),
                         0);
        assert_true(view_is_alive(b.view));
        pid = bench_child();
        kill_worker(&b);
        bench_idle(&b, 50);
        assert_false(view_is_alive(b.view));
        assert_renders_uno(&b);
        assert_int_not_equal(bench_child(), pid);

        /* Killed with a read in the queue, not noticed yet. */
        kill_worker(&b);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2/ipaddr"), 0);
        assert_string_equal(o.value, "192.0.2.9");

        /* And an edit that was not sent yet is made on the fresh one. */
        kill_worker(&b);
        bench_idle(&b, 50);
        assert_int_equal(bench_edit(&b, &o, "rm", "/files/etc/hosts/1", NULL, NULL), 0);
        kill_worker(&b);
        bench_idle(&b, 50);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_string_equal(o.texts[0], "192.0.2.9 one uno\n");
        bench_close(&b);
}

/* Files and edits come back in the order in which they came: the first "rm" saw no fstab. */
static void test_replay_keeps_order(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_edit(&b, &o, "rm", "/files/etc/*/1", NULL, NULL), 0);
        bench_put(&b, "/etc/fstab", FSTAB, "Fstab.lns");
        assert_int_equal(bench_edit(&b, &o, "defvar", "f", "/files/etc/fstab/1", NULL), 0);
        assert_int_equal(bench_edit(&b, &o, "set", "$f/dump", "1", NULL), 0);
        kill_worker(&b);
        bench_idle(&b, 50);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_int_equal(o.n_texts, 2);
        assert_string_equal(o.texts[0], "192.0.2.1 one uno\n");
        assert_string_equal(o.texts[1], "/dev/sda1 / ext4 defaults 1 1\n");
        bench_close(&b);
}

static void test_replay_of_many(void **state)
{
        enum { N = 1001 };
        static char values[N][16];
        static char *args[N][3];
        static Edit edits[N];
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        for (unsigned i = 0; i < N; i++) {
                snprintf(values[i], sizeof(values[i]), "10.0.%u.%u", i / 250, i % 250);
                args[i][0] = (char *)"/files/etc/hosts/2/ipaddr";
                args[i][1] = values[i];
                edits[i] = (Edit){ .verb = (char *)"set", .args = args[i] };
        }
        open_hosts(&b);
        assert_int_equal(view_edit(b.view, edits, N, outcome_take, &o), 0);
        assert_int_equal(bench_wait(&b, &o), 0);
        assert_int_equal(o.n_counts, N);
        kill_worker(&b);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/2/ipaddr"), 0);
        assert_string_equal(o.value, "10.0.4.0");
        bench_close(&b);
}

static int rebase(Bench *b, Outcome *o, const char *content)
{
        FileImage *image = image_make("/etc/hosts", content);

        outcome_done(o);
        assert_int_equal(view_rebase(b->view, &image, 1, outcome_take, o), 0);
        file_image_unref(image);
        return bench_wait(b, o);
}

static void test_rebase(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        FileImage *stranger = image_make("/etc/passwd", "");
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/1/canonical", "lo", NULL), 0);
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/*[canonical='one']/ipaddr",
                                    "192.0.2.9", NULL),
                         0);
        assert_int_equal(rebase(&b, &o, "127.0.0.1 localhost # added\n192.0.2.1 one uno\n"), 0);
        assert_int_equal(bench_render(&b, &o), 0);
        assert_string_equal(o.texts[0], "127.0.0.1 lo # added\n192.0.2.9 one uno\n");

        /* Two match now: the second edit cannot be made, and everything is as before. */
        assert_int_equal(rebase(&b, &o, "127.0.0.1 localhost\n192.0.2.1 one\n192.0.2.2 one\n"),
                         EXM_E_MANY_MATCHES);
        assert_memory_equal(o.f.message, "edit 1: ", strlen("edit 1: "));
        assert_int_equal(bench_render(&b, &o), 0);
        assert_string_equal(o.texts[0], "127.0.0.1 lo # added\n192.0.2.9 one uno\n");
        assert_int_equal(view_n_edits(b.view), 2);

        assert_int_equal(view_rebase(b.view, &stranger, 1, outcome_take, &o), -ENOENT);
        file_image_unref(stranger);
        bench_close(&b);
}

/* view_put() of a new image is not checked before the next operation, which then says what is
 * wrong. */
static void test_put_breaks_replay(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(bench_edit(&b, &o, "set", "/files/etc/hosts/1/canonical", "lo", NULL), 0);
        assert_int_equal(
                bench_edit(&b, &o, "mv", "/files/etc/hosts/2", "/files/etc/hosts/1/x", NULL), 0);
        bench_put(&b, "/etc/hosts", "127.0.0.1 localhost\n", "Hosts.lns");
        assert_int_equal(bench_load(&b, &o), EXM_E_NO_MATCH);
        assert_memory_equal(o.f.message, "edit 1: ", strlen("edit 1: "));
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(bench_load(&b, &o), 0);
        bench_close(&b);
}

static void test_volatile(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        Bench b;

        open_hosts(&b);
        view_set_volatile(b.view);
        assert_int_equal(bench_load(&b, &o), 0);
        assert_null(view_file(b.view, 0)->image->content);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/1/ipaddr"), 0);
        assert_true(view_is_alive(b.view));
        kill_worker(&b);
        bench_idle(&b, 50);
        assert_false(view_is_alive(b.view));
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/1/ipaddr"), EXM_E_WORKER_FAILED);
        bench_put(&b, "/etc/hosts", HOSTS, "Hosts.lns");
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/1/ipaddr"), 0);
        assert_true(view_is_alive(b.view));
        bench_close(&b);
}

static void test_limits(void **state)
{
        FileImage *image = image_make("/etc/fstab", FSTAB);
        _cleanup_failure_ Failure f = {}, g = {};
        _cleanup_outcome_ Outcome o = {};
        pid_t pid;
        Bench b;

        open_hosts(&b);
        b.limits.view_files = 1;
        assert_int_equal(view_put(b.view, image, "Fstab.lns", NULL, &f), EXM_E_LIMIT_EXCEEDED);
        assert_memory_equal(f.message, "/etc/fstab: ", strlen("/etc/fstab: "));
        b.limits.view_files = 2;
        b.limits.view_bytes = strlen(HOSTS FSTAB) - 1;
        assert_int_equal(view_put(b.view, image, "Fstab.lns", NULL, &g), EXM_E_LIMIT_EXCEEDED);
        b.limits.view_bytes++;
        assert_int_equal(view_put(b.view, image, "Fstab.lns", NULL, NULL), 0);
        file_image_unref(image);

        b.limits.edits = 1;
        assert_int_equal(bench_edit(&b, &o, "rm", "/files/etc/fstab/1", NULL, NULL), 0);
        pid = bench_child();
        assert_int_equal(bench_edit(&b, &o, "rm", "/files/etc/hosts/1", NULL, NULL),
                         EXM_E_LIMIT_EXCEEDED);
        b.limits.edits = 2;
        b.limits.staged_bytes = view_bytes(b.view) + 10;
        assert_int_equal(bench_edit(&b, &o, "rm", "/files/etc/hosts/1", NULL, NULL),
                         EXM_E_LIMIT_EXCEEDED);
        assert_int_equal(view_n_edits(b.view), 1);
        assert_int_equal(bench_child(), pid);
        bench_close(&b);
}

/* Whoever brings a file holds it while it is loaded. */
static void test_forget(void **state)
{
        _cleanup_outcome_ Outcome o = {};
        _cleanup_failure_ Failure f = {};
        FileImage *image;
        Bench b;

        bench_open_real(&b);
        view_set_volatile(b.view);
        image = image_make("/etc/hosts", HOSTS);
        assert_int_equal(view_put(b.view, image, "Hosts.lns", NULL, &f), 0);
        view_forget(b.view);
        assert_non_null(image->content);
        assert_int_equal(bench_load(&b, &o), 0);
        view_forget(b.view);
        assert_non_null(image->content);
        file_image_unref(image);
        view_forget(b.view);
        assert_null(view_file(b.view, 0)->image->content);
        assert_int_equal(bench_get(&b, &o, "/files/etc/hosts/1/ipaddr"), 0);
        bench_close(&b);

        /* Of one that can be edited it is what a fresh worker begins with. */
        open_hosts(&b);
        assert_int_equal(bench_load(&b, &o), 0);
        view_forget(b.view);
        assert_non_null(view_file(b.view, 0)->image->content);
        bench_close(&b);
}

/* Operations wait for each other, and each is answered. */
static void test_queue(void **state)
{
        char *args[] = { (char *)"/files/etc/hosts/1/ipaddr", (char *)"::1", NULL };
        const Edit edit = { (char *)"set", args };
        _cleanup_outcome_ Outcome before = {}, edited = {}, after = {};
        Bench b;

        open_hosts(&b);
        assert_int_equal(view_get_value(b.view, args[0], outcome_take, &before), 0);
        assert_int_equal(view_edit(b.view, &edit, 1, outcome_take, &edited), 0);
        assert_int_equal(view_get_value(b.view, args[0], outcome_take, &after), 0);
        assert_int_equal(bench_wait(&b, &after), 0);
        assert_true(before.done && edited.done);
        assert_string_equal(before.value, "127.0.0.1");
        assert_string_equal(after.value, "::1");
        bench_close(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_get_value),
                cmocka_unit_test(test_match_and_read),
                cmocka_unit_test(test_strange_names),
                cmocka_unit_test(test_parse_error),
                cmocka_unit_test(test_conflicting_lens),
                cmocka_unit_test(test_no_lens),
                cmocka_unit_test(test_remove),
                cmocka_unit_test(test_edit_and_render),
                cmocka_unit_test(test_render_the_only_file),
                cmocka_unit_test(test_make_and_remove_file),
                cmocka_unit_test(test_failed_edit_changes_nothing),
                cmocka_unit_test(test_replay_after_kill),
                cmocka_unit_test(test_replay_keeps_order),
                cmocka_unit_test(test_replay_of_many),
                cmocka_unit_test(test_rebase),
                cmocka_unit_test(test_put_breaks_replay),
                cmocka_unit_test(test_volatile),
                cmocka_unit_test(test_forget),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_queue),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
