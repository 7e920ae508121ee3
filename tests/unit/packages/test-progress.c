/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-progress.c - what is told is new, not too often, and the last word is not lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "packages/progress.h"

typedef struct Heard {
        unsigned n, percent;
        char detail[32];
} Heard;

static void on_tell(unsigned percent, const char *detail, void *userdata)
{
        Heard *heard = userdata;

        heard->n++;
        heard->percent = percent;
        snprintf(heard->detail, sizeof(heard->detail), "%s", detail);
}

static uint64_t now_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void make(sd_event **event, Progress *progress, Heard *heard)
{
        assert_true(sd_event_new(event) >= 0);
        progress_init(progress, *event, on_tell, heard);
}

/* What PackageKit does with two packages at a time. */
static void turns_are_told_at_a_bounded_rate(void **state)
{
        sd_event *event = NULL;
        Heard heard = { 0 };
        Progress progress;
        uint64_t begun = now_usec(), took;

        make(&event, &progress, &heard);
        for (unsigned i = 0; i < 10000; i++)
                progress_set(&progress, i / 200, i % 2 ? "install b" : "install a");
        took = now_usec() - begun;
        assert_in_range(heard.n, 1, 1 + took / PROGRESS_USEC);
        /* What was held back comes by itself. */
        while (strcmp(heard.detail, "install b") != 0 || heard.percent != 49)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        took = now_usec() - begun;
        assert_in_range(heard.n, 2, 1 + took / PROGRESS_USEC);
        assert_null(progress.timer);
        progress_done(&progress);
        sd_event_unref(event);
}

static void nothing_is_told_twice(void **state)
{
        sd_event *event = NULL;
        Heard heard = { 0 };
        Progress progress;

        make(&event, &progress, &heard);
        progress_set_now(&progress, 5, "plan");
        progress_set_now(&progress, 5, "plan");
        progress_set_now(&progress, 3, "plan");
        assert_int_equal(heard.n, 1);
        progress_set_now(&progress, 3, "download");
        assert_int_equal(heard.n, 2);
        assert_int_equal(heard.percent, 5);
        progress_set(&progress, 6, "download");
        progress_set_now(&progress, 100, "done");
        assert_int_equal(heard.n, 3);
        assert_string_equal(heard.detail, "done");
        progress_done(&progress);
        sd_event_unref(event);
}

static void nobody_listens(void **state)
{
        Progress progress;

        progress_init(&progress, NULL, NULL, NULL);
        progress_set(&progress, 1, "a");
        progress_set_now(&progress, 2, "b");
        progress_done(&progress);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(turns_are_told_at_a_bounded_rate),
                cmocka_unit_test(nothing_is_told_twice),
                cmocka_unit_test(nobody_listens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
