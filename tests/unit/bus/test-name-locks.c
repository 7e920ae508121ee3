/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-name-locks.c - which locks are held, which wait, and in which order.
 */
#include "bus/change/name-locks.h"
#include "util/strv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static sd_event *event;
static NameLocks *locks;
static char order[512]; /* the names of those that have come to be held, each once */

static void on_begun(void *userdata)
{
        const char *name = userdata;

        strcat(order, name);
}

static const char *begun(void)
{
        while (sd_event_run(event, 0) > 0) {
        }
        return order;
}

/* `names`: one letter each. */
static NameLock *take_as(uid_t uid, const char *who, const char *names, bool first)
{
        char **list = NULL;
        NameLock *lock = NULL;

        for (const char *c = names; *c; c++)
                assert_int_equal(strv_extend(&list, (char[]){ *c, '\0' }), 0);
        assert_int_equal(
                name_locks_take(locks, uid, list, first, on_begun, (void *)who, &lock, NULL), 0);
        return lock;
}

static NameLock *take(const char *who, const char *names)
{
        return take_as(1, who, names, /* first= */ false);
}

static int setup(void **state)
{
        *order = '\0';
        return sd_event_new(&event) < 0 || name_locks_new(&locks, event) < 0;
}

static int teardown(void **state)
{
        locks = name_locks_free(locks);
        event = sd_event_unref(event);
        return 0;
}

static void who_shares_a_name_follows(void **state)
{
        NameLock *a = take("A", "xy"), *b = take("B", "y"), *c = take("C", "z"),
                 *d = take("D", "yz");
        NameLock *e = take("E", "");

        assert_string_equal(order, "");
        assert_string_equal(begun(), "ACE");
        name_lock_end(a);
        assert_string_equal(begun(), "ACEB");
        name_lock_end(b);
        assert_string_equal(begun(), "ACEB");
        name_lock_end(c);
        assert_string_equal(begun(), "ACEBD");
        name_lock_end(d);
        name_lock_end(e);
}

/* Who came later does not overtake one that waits for what he needs too. */
static void nobody_is_overtaken(void **state)
{
        NameLock *a = take("A", "x"), *b = take("B", "xy"), *c = take("C", "y");

        assert_string_equal(begun(), "A");
        name_lock_end(a);
        assert_string_equal(begun(), "AB");
        name_lock_end(b);
        assert_string_equal(begun(), "ABC");
        name_lock_end(c);
}

static void first_goes_before_those_that_wait(void **state)
{
        NameLock *a = take("A", "x"), *b = take("B", "x"), *c = take("C", "y");
        NameLock *d = take_as(0, "D", "xy", true), *e = take_as(0, "E", "x", true);

        assert_string_equal(begun(), "AC");
        name_lock_end(a);
        assert_string_equal(begun(), "AC");
        name_lock_end(c);
        assert_string_equal(begun(), "ACD");
        name_lock_end(d);
        assert_string_equal(begun(), "ACDE");
        name_lock_end(e);
        assert_string_equal(begun(), "ACDEB");
        name_lock_end(b);
}

static void who_leaves_is_not_waited_for(void **state)
{
        NameLock *a = take("A", "x"), *b = take("B", "xy"), *c = take("C", "y");

        name_lock_end(b);
        assert_string_equal(begun(), "AC");
        name_lock_end(a);
        name_lock_end(c);
        b = take("B", "x");
        name_lock_end(b);
        assert_string_equal(begun(), "AC");
}

static void waiting_has_a_limit(void **state)
{
        NameLock *held = take_as(7, "H", "x", false), *waiting[16], *other, *first;
        _cleanup_failure_ Failure f = { 0 };
        char **names = NULL;

        for (size_t i = 0; i < 16; i++)
                waiting[i] = take_as(1, "W", "x", false);
        assert_int_equal(strv_extend(&names, "x"), 0);
        assert_int_equal(name_locks_take(locks, 1, names, false, on_begun, NULL, &other, &f),
                         EXM_E_LIMIT_EXCEEDED);
        assert_non_null(strstr(f.message, "16 of one user"));
        other = take_as(2, "O", "x", false);
        first = take_as(1, "F", "x", true);
        name_lock_end(held);
        assert_string_equal(begun(), "F");
        for (size_t i = 0; i < 16; i++)
                name_lock_end(waiting[i]);
        name_lock_end(first);
        assert_string_equal(begun(), "FO");
        name_lock_end(other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(who_shares_a_name_follows, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_is_overtaken, setup, teardown),
                cmocka_unit_test_setup_teardown(first_goes_before_those_that_wait, setup, teardown),
                cmocka_unit_test_setup_teardown(who_leaves_is_not_waited_for, setup, teardown),
                cmocka_unit_test_setup_teardown(waiting_has_a_limit, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
