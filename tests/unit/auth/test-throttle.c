/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-throttle.c - by a clock of its own: a burst, then a wait that is told exactly, and no more.
 */
#include "auth/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

enum { SECOND = 1000000, START = 50 * SECOND };

static int setup(void **state)
{
        return throttle_new((Throttle **)state, 3, SECOND);
}

static int teardown(void **state)
{
        *state = throttle_free(*state);
        return 0;
}

static void a_burst_and_then_a_wait(void **state)
{
        Throttle *t = *state;
        uint64_t wait = 0;

        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(throttle_take(t, 1, START, &wait), 0);
        assert_true(throttle_take(t, 1, START, &wait) > 0);
        assert_int_equal(wait, SECOND);
        assert_true(throttle_take(t, 1, START + SECOND / 4, &wait) > 0);
        assert_int_equal(wait, SECOND * 3 / 4);
        /* Asking too early moves nothing: who asks without end still gets one each second. */
        for (unsigned i = 0; i < 100; i++)
                assert_true(throttle_take(t, 1, START + SECOND - 1, &wait) > 0);
        assert_int_equal(wait, 1);
        assert_int_equal(throttle_take(t, 1, START + SECOND, &wait), 0);
        assert_true(throttle_take(t, 1, START + SECOND, &wait) > 0);
        assert_int_equal(wait, SECOND);
}

static void others_are_not_affected(void **state)
{
        Throttle *t = *state;
        uint64_t wait;

        while (throttle_take(t, 1, START, &wait) == 0)
                ;
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(throttle_take(t, 2, START, &wait), 0);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(throttle_take(t, (uid_t)-2, START, &wait), 0);
        assert_true(throttle_take(t, 2, START, &wait) > 0);
}

static void what_was_in_order_costs_nothing(void **state)
{
        Throttle *t = *state;
        uint64_t wait;

        for (unsigned i = 0; i < 100; i++) {
                assert_int_equal(throttle_take(t, 1, START, &wait), 0);
                throttle_give_back(t, 1, START);
        }
        /* No more than is full. */
        throttle_give_back(t, 1, START);
        throttle_give_back(t, 7, START);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(throttle_take(t, 1, START, &wait), 0);
        assert_true(throttle_take(t, 1, START, &wait) > 0);
}

static void full_ones_are_forgotten(void **state)
{
        Throttle *t = *state;
        uint64_t wait;

        for (uid_t uid = 0; uid < 1000; uid++)
                assert_int_equal(throttle_take(t, uid, START, &wait), 0);
        assert_int_equal(throttle_count(t), 1000);
        assert_int_equal(throttle_take(t, 5000, START + SECOND, &wait), 0);
        assert_int_equal(throttle_count(t), 1);
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(throttle_take(t, 5000, START + SECOND, &wait), 0);
        assert_true(throttle_take(t, 5000, START + SECOND, &wait) > 0);
        /* However long it was quiet, the burst does not grow. */
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(throttle_take(t, 5000, START + 900ULL * SECOND, &wait), 0);
        assert_true(throttle_take(t, 5000, START + 900ULL * SECOND, &wait) > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_burst_and_then_a_wait, setup, teardown),
                cmocka_unit_test_setup_teardown(others_are_not_affected, setup, teardown),
                cmocka_unit_test_setup_teardown(what_was_in_order_costs_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(full_ones_are_forgotten, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
