/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-turns.c - whose checker runs next, and how many may wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "validate/turns.h"

#define N 32

enum { ALICE = 1, BOB, CAROL };

static Turns turns;
static Turn list[N];

static int setup(void **state)
{
        turns_init(&turns);
        return 0;
}

/* `uids` wait, one after the other. */
static void all_wait(const char *uids)
{
        for (size_t i = 0; uids[i]; i++)
                turns_wait(&turns, &list[i], (uid_t)(uids[i] - 'a' + ALICE));
}

static void assert_next(Turn *turn)
{
        assert_ptr_equal(turns_next(&turns), turn);
}

static void test_one_of_each_uid_at_a_time(void **state)
{
        all_wait("aaab");
        assert_next(&list[0]);
        assert_next(&list[3]);
        assert_next(NULL);
        turns_end(&turns, &list[3]);
        assert_next(NULL); /* alice is running one */
        turns_end(&turns, &list[0]);
        assert_next(&list[1]);
        assert_next(NULL);
}

static void test_round_robin(void **state)
{
        static const unsigned order[] = { 0, 3, 5, 1, 4, 2 };

        all_wait("aaabbc");
        for (size_t i = 0; i < 6; i++) {
                assert_next(&list[order[i]]);
                turns_end(&turns, &list[order[i]]);
        }
        assert_next(NULL);
}

/* Two who always have one waiting do not keep out a third. */
static void test_nobody_starves(void **state)
{
        all_wait("aabbaabbc");
        assert_next(&list[0]);
        assert_next(&list[2]);
        turns_end(&turns, &list[0]);
        assert_next(&list[8]);
}

static void test_who_leaves_frees_his_place(void **state)
{
        all_wait("abc");
        assert_next(&list[0]);
        assert_next(&list[1]);
        turns_end(&turns, &list[2]);
        turns_end(&turns, &list[1]);
        turns_end(&turns, &list[1]);
        assert_next(NULL);
        assert_int_equal(turns.n_running, 1);
}

static void test_waiting_is_bounded_for_each_uid(void **state)
{
        size_t n = 0;

        while (n < N && !turns_full(&turns, ALICE))
                turns_wait(&turns, &list[n++], ALICE);
        assert_int_equal(n, 16);
        assert_false(turns_full(&turns, BOB));
        assert_next(&list[0]);
        assert_false(turns_full(&turns, ALICE));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_one_of_each_uid_at_a_time, setup),
                cmocka_unit_test_setup(test_round_robin, setup),
                cmocka_unit_test_setup(test_nobody_starves, setup),
                cmocka_unit_test_setup(test_who_leaves_frees_his_place, setup),
                cmocka_unit_test_setup(test_waiting_is_bounded_for_each_uid, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
