/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-diff.c - the broker's end, with shell scripts in the place of exmachina-diff.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "files/diff.h"
#include "files/scratch.h"
#include "util/limits.h"

#define REAL                                                                                       \
        "#!/bin/sh\nexec /usr/bin/diff --text -u --label \"$5\" --label \"$6\" /proc/self/fd/3 "   \
        "/proc/self/fd/4\n"

typedef struct Result {
        sd_event *event;
        Diff *diff;
        bool done;
        int r;
        char *text;
        char *message;
} Result;

static void on_done(int r, Failure *f, const char *text, void *userdata)
{
        Result *result = userdata;

        assert_false(result->done);
        result->done = true;
        result->r = r;
        result->text = text ? strdup(text) : NULL;
        result->message = f->message ? strdup(f->message) : NULL;
        result->diff = diff_free(result->diff);
}

/* `old` and `new` are strings or NULL. */
static void run(Result *result, const char *script, const char *file, const char *old,
                const char *new)
{
        const DiffConfig config = { .program = "/mnt/diff", .uid = 7, .gid = 8, .timeout_sec = 2 };

        *result = (Result){ 0 };
        scratch_write("/mnt/diff", script, 0755);
        assert_int_equal(sd_event_new(&result->event), 0);
        assert_int_equal(diff_start(&result->diff, result->event, &config, file, old,
                                    old ? strlen(old) : 0, new, new ? strlen(new) : 0, on_done,
                                    result),
                         0);
        assert_false(result->done);
        while (!result->done)
                assert_true(sd_event_run(result->event, 10 * 1000000) >= 0);
}

/* A child that was killed is reaped by the loop. */
static void settle(sd_event *event)
{
        while (sd_event_run(event, 200 * 1000) > 0)
                ;
}

static void result_done(Result *result)
{
        settle(result->event);
        free(result->text);
        free(result->message);
        sd_event_unref(result->event);
}

static void assert_diff(const char *file, const char *old, const char *new, const char *expected)
{
        Result result;

        run(&result, REAL, file, old, new);
        assert_int_equal(result.r, 0);
        assert_string_equal(result.text, expected);
        result_done(&result);
}

static void test_texts(void **state)
{
        assert_diff("/etc/a", "1\n2\n", "1\n3\n",
                    "--- /etc/a\n+++ /etc/a\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n");
        assert_diff("/etc/a", NULL, "1\n", "--- /dev/null\n+++ /etc/a\n@@ -0,0 +1 @@\n+1\n");
        assert_diff("/etc/a", "1\n", NULL, "--- /etc/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n");
        assert_diff("/etc/a", "1", "1\n",
                    "--- /etc/a\n+++ /etc/a\n@@ -1 +1 @@\n-1\n\\ No newline at end of file\n+1\n");
        assert_diff("/etc/a", "\xE4\n", "\n",
                    "--- /etc/a\n+++ /etc/a\n@@ -1 +1 @@\n-\xEF\xBF\xBD\n+\n");
        assert_diff("/etc/a\n+++ b", "1\n", "\n",
                    "--- /etc/a\\x0a+++ b\n+++ /etc/a\\x0a+++ b\n@@ -1 +1 @@\n-1\n+\n");
}

/* Equal texts need no child: the program would fail. */
static void test_equal(void **state)
{
        static const char *const texts[] = { "", "same\n", NULL };
        Result result;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                run(&result, "#!/bin/sh\nexit 3\n", "/etc/a", texts[i], texts[i]);
                assert_int_equal(result.r, 0);
                assert_string_equal(result.text, "");
                result_done(&result);
        }
}

static void test_arguments(void **state)
{
        Result result;

        run(&result,
            "#!/bin/sh\necho \"$1 $2 $5 $6\"; env | grep -v -e '^PWD=' -e '^SHLVL=' -e '^_='; "
            "exit 1\n",
            "/etc/a", "1", "2");
        assert_int_equal(result.r, 0);
        assert_string_equal(result.text, "7 8 /etc/a /etc/a\n");
        result_done(&result);
}

/* Sealed: the child cannot write its texts, nor anybody who gets hold of them. */
static void test_sealed(void **state)
{
        Result result;

        run(&result, "#!/bin/sh\n{ echo x >&3 || echo sealed; } 2>/dev/null; cat <&3; exit 0\n",
            "/etc/a", "old\n", "new\n");
        assert_int_equal(result.r, 0);
        assert_string_equal(result.text, "sealed\nold\n");
        result_done(&result);
}

static void test_failures(void **state)
{
        static const struct {
                const char *script;
                int r;
        } cases[] = {
                { "#!/bin/sh\nexit 2\n", -EIO },
                { "#!/bin/sh\nexit 125\n", -EIO },
                { "#!/bin/sh\nkill -9 $$\n", -EIO },
                { "#!/bin/sh\nkill -XCPU $$\n", EXM_E_LIMIT_EXCEEDED },
                { "#!/bin/sh\nexec sleep 60\n", EXM_E_LIMIT_EXCEEDED },
                { "#!/bin/sh\nexec 1>&-\nexec sleep 60\n", EXM_E_LIMIT_EXCEEDED },
                { "#!/bin/sh\nexec cat /dev/zero\n", EXM_E_LIMIT_EXCEEDED },
                { "#!/bin/sh\nhead -c 3000000 /dev/zero\n", EXM_E_LIMIT_EXCEEDED },
        };
        Result result;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                run(&result, cases[i].script, "/etc/a", "1", "2");
                if (result.r != cases[i].r)
                        fail_msg("%s: %d", cases[i].script, result.r);
                assert_null(result.text);
                assert_true(cases[i].r < 0 || result.message);
                result_done(&result);
        }
}

static void test_no_program(void **state)
{
        const DiffConfig config = { .program = "/mnt/none", .timeout_sec = 2 };
        sd_event *event = NULL;
        Diff *diff = NULL;

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(diff_start(&diff, event, &config, "/a", "1", 1, "2", 1, on_done, NULL),
                         -ENOENT);
        assert_null(diff);
        sd_event_unref(event);
}

/* After diff_free() nothing is called, and the child is gone. */
static void test_cancel(void **state)
{
        const DiffConfig config = { .program = "/mnt/diff", .timeout_sec = 60 };
        Result result = { 0 };

        scratch_write("/mnt/diff", "#!/bin/sh\nexec sleep 60\n", 0755);
        assert_int_equal(sd_event_new(&result.event), 0);
        assert_int_equal(diff_start(&result.diff, result.event, &config, "/a", "1", 1, "2", 1,
                                    on_done, &result),
                         0);
        diff_free(result.diff);
        assert_int_equal(diff_start(&result.diff, result.event, &config, "/a", "1", 1, "1", 1,
                                    on_done, &result),
                         0);
        diff_free(result.diff);
        settle(result.event);
        assert_false(result.done);
        sd_event_unref(result.event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_texts, scratch_reset),
                cmocka_unit_test_setup(test_equal, scratch_reset),
                cmocka_unit_test_setup(test_arguments, scratch_reset),
                cmocka_unit_test_setup(test_sealed, scratch_reset),
                cmocka_unit_test_setup(test_failures, scratch_reset),
                cmocka_unit_test_setup(test_no_program, scratch_reset),
                cmocka_unit_test_setup(test_cancel, scratch_reset),
        };
        sigset_t child;

        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigprocmask(SIG_BLOCK, &child, NULL);
        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
