/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-text.c - final newlines and bytes that Augeas cannot keep.
 */
#include "worker/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_parsable(void **state)
{
        TextPosition at = { 0 };

        assert_true(text_is_parsable("", 0, &at));
        assert_true(text_is_parsable("a\n\005\xff\x7f", 5, &at));
        assert_int_equal(at.line, 0);
        for (char bad = 0; bad <= 4; bad++) {
                char text[] = "ab\ncdX";

                text[5] = bad;
                assert_false(text_is_parsable(text, 6, &at));
                assert_int_equal(at.line, 2);
                assert_int_equal(at.column, 3);
        }
}

static void check_newline(const char *text, const char *expected)
{
        char *made = text_with_newline(text, strlen(text));

        assert_non_null(made);
        assert_string_equal(made, expected);
        free(made);
}

static void test_newline_is_added_once(void **state)
{
        check_newline("", "\n");
        check_newline("\n", "\n");
        check_newline("a", "a\n");
        check_newline("a\n", "a\n");
        check_newline("a\r", "a\r\n");
}

static void test_newline_is_taken_away(void **state)
{
        /* unchanged, or changed before the last line */
        assert_int_equal(text_rendered_size("a\nb\n", "a\nb\n", strlen("a\nb\n") - 1), 3);
        assert_int_equal(text_rendered_size("x\nb\n", "a\nb\n", strlen("a\nb\n") - 1), 3);
        assert_int_equal(text_rendered_size("b\n", "a\nb\n", strlen("a\nb\n") - 1), 1);
        assert_int_equal(text_rendered_size("\n", "\n", strlen("\n") - 1), 0);
        /* the last line was edited, or another came behind it */
        assert_int_equal(text_rendered_size("a\nc\n", "a\nb\n", strlen("a\nb\n") - 1), 4);
        assert_int_equal(text_rendered_size("a\nb\nc\n", "a\nb\n", strlen("a\nb\n") - 1), 6);
        assert_int_equal(text_rendered_size("ab\n", "b\n", strlen("b\n") - 1), 3);
        /* it was there from the start */
        assert_int_equal(text_rendered_size("a\nb\n", "a\nb\n", strlen("a\nb\n")), 4);
        /* nothing to take away */
        assert_int_equal(text_rendered_size("", "a\n", strlen("a\n") - 1), 0);
        assert_int_equal(text_rendered_size("a", "a\n", strlen("a\n") - 1), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parsable),
                cmocka_unit_test(test_newline_is_added_once),
                cmocka_unit_test(test_newline_is_taken_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
