/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-text.c - short paths, what is shown of others' text, moments and numbers.
 */
#include "text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void short_paths_are_made_long(void **state)
{
        static const char *const table[][2] = {
                { "/etc/hosts/1/ipaddr", "/files/etc/hosts/1/ipaddr" },
                { "/files/etc/hosts", "/files/etc/hosts" },
                { "/filesystem", "/files/filesystem" },
                { "/", "/files" },
                { "/etc/hosts/", "/files/etc/hosts" },
                { "/etc/hosts  ", "/files/etc/hosts" },
                { "//alias", "//alias" },
                { "/augeas//error", "/augeas//error" },
                { "$x/alias", "$x/alias" },
                { "/etc/hosts/1 | /etc/hosts/2", "/files/etc/hosts/1 | /files/etc/hosts/2" },
                { "(/etc/a|/files/etc/b)/c", "(/files/etc/a|/files/etc/b)/c" },
                { "/etc/hosts/*[ipaddr=/etc/x/y]", "/files/etc/hosts/*[ipaddr=/files/etc/x/y]" },
                { "/etc/hosts/*[ipaddr = \"/etc/x\"]", "/files/etc/hosts/*[ipaddr = \"/etc/x\"]" },
                { "/etc/h/*[. =~ regexp('/a|/b')]", "/files/etc/h/*[. =~ regexp('/a|/b')]" },
                { "/etc/h/*[a and /etc/b]", "/files/etc/h/*[a and /files/etc/b]" },
                { "/etc/h/*[a/b or count(/etc/c) > 1]",
                  "/files/etc/h/*[a/b or count(/files/etc/c) > 1]" },
                { "/etc/it's/a/b", "/files/etc/it's/a/b" },
                { "/etc/a\\[b/c", "/files/etc/a\\[b/c" },
                { "/etc/a\\ /", "/files/etc/a\\ " },
                { "/etc/<a/b", "/files/etc/<a/b" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char *expanded = path_expand(table[i][0]);

                assert_string_equal(expanded, table[i][1]);
                free(expanded);
        }
}

static void what_was_shortened_is_the_same_path_again(void **state)
{
        static const char *const table[][2] = {
                { "/files/etc/hosts/1", "/etc/hosts/1" }, { "/files", "/" },
                { "/files/files/x", "/files/files/x" },   { "/augeas/x", "/augeas/x" },
                { "/filesystem", "/filesystem" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_string_equal(path_shorten(table[i][0]), table[i][1]);
        for (size_t i = 0; i < 3; i++) {
                char *again = path_expand(path_shorten(table[i][0]));

                assert_string_equal(again, table[i][0]);
                free(again);
        }
}

static void a_terminal_gets_no_control_characters(void **state)
{
        static const struct {
                const char *text;
                bool lines;
                const char *shown;
        } table[] = {
                { "plain \\ text", true, "plain \\ text" },
                { "a\x1b[31mb", true, "a\\x1b[31mb" },
                { "one\ntwo\tthree\r", true, "one\ntwo\tthree\\x0d" },
                { "one\ntwo\t\\n", false, "one\\ntwo\t\\n" },
                { "\x1b \\", false, "\\x1b \\" },
                { "\xC2\x9B"
                  "31m",
                  true, "\\x9b31m" },
                { "\xE2\x80\xAE gpj", true, "\\u202e gpj" },
                { "\xF3\xA0\x80\x81", true, "\\U000e0001" },
                { "\xC3\xBC", true, "\xC3\xBC" },
                { "\xFF\n", true, "\\xff\n" },
                { "", true, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char *shown = text_for_terminal(table[i].text, table[i].lines);

                assert_string_equal(shown, table[i].shown);
                free(shown);
        }
}

static void what_is_on_a_line_stays_on_it(void **state)
{
        static const struct {
                const char *text, *line, *cell, *cell_on_terminal;
        } table[] = {
                { "plain", "plain", "plain", "plain" },
                { "a\nb\tc\\n", "a\\nb\tc\\n", "a\\nb\\tc\\\\n", "a\\nb\\tc\\n" },
                { "\x1b[1m\r", "\x1b[1m\r", "\x1b[1m\r", "\\x1b[1m\\x0d" },
                { "", "", "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char *shown[] = { text_for_line(table[i].text), text_for_cell(table[i].text, false),
                                  text_for_cell(table[i].text, true) };

                assert_string_equal(shown[0], table[i].line);
                assert_string_equal(shown[1], table[i].cell);
                assert_string_equal(shown[2], table[i].cell_on_terminal);
                for (size_t k = 0; k < ELEMENTSOF(shown); k++)
                        free(shown[k]);
        }
}

static void what_is_too_long_loses_its_middle(void **state)
{
        static const char plain[] = "two words\nand a line";
        char *shown = text_shorten(plain), word[1001], words[20001];

        assert_string_equal(shown, plain);
        free(shown);
        for (size_t i = 0; i < 500; i++)
                memcpy(word + 2 * i, "\xC3\xBC", 2); /* of two bytes each */
        word[1000] = '\0';
        shown = text_shorten(word);
        assert_int_equal(strlen(shown), TEXT_WORD_MAX / 2 + strlen("[...]") + TEXT_WORD_MAX / 4);
        assert_memory_equal(shown + TEXT_WORD_MAX / 2, "[...]\xC3\xBC", 7);
        free(shown);
        shown = text_shorten(word + 1); /* cut between two characters here, too */
        assert_memory_equal(strstr(shown, "[...]") - 2, "\xC3\xBC[...]\xC3\xBC", 9);
        free(shown);
        memset(words, ' ', 20000);
        words[20000] = '\0';
        shown = text_shorten(words);
        assert_in_range(strlen(shown), TEXT_SENTENCE_MAX / 2, TEXT_SENTENCE_MAX);
        free(shown);
}

static void positions_are_those_of_what_was_typed(void **state)
{
        static const struct {
                const char *typed;
                size_t long_one, short_one;
        } table[] = {
                { "/etc/hosts/)", 18, 12 },
                { "/etc/hosts/[", 40, 13 },
                { "/files/etc/)", 12, 12 },
                { "/a|/b|)", 19, 7 },
                { "/a|/files/b|)", 19, 13 },
                { "//a[/b", 12, 6 },
                { "/a[b=/c/)]", 21, 9 },
                { "hosts", 1, 1 },
                { "/etc", 3, 1 },
                { "", 1, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(path_position(table[i].typed, table[i].long_one),
                                 table[i].short_one);
}

static void values_are_quoted(void **state)
{
        char *quoted = text_quote("a \"b\" \\ c\nd\t");

        assert_string_equal(quoted, "\"a \\\"b\\\" \\\\ c\\nd\\t\"");
        free(quoted);
}

static void moments_are_read(void **state)
{
        const uint64_t now = 1000000000000000, second = 1000000;
        uint64_t t = 7;

        setenv("TZ", "UTC", 1);
        tzset();
        assert_int_equal(time_parse("@5", now, false, &t), 0);
        assert_int_equal(t, 5 * second);
        assert_int_equal(time_parse("2026-11-23 07:30", now, false, &t), 0);
        assert_int_equal(t, 1795419000 * second);
        assert_int_equal(time_parse("2026-11-23", now, true, &t), 0);
        assert_int_equal(t, 1795392000 * second);
        assert_int_equal(time_parse("2h", now, false, &t), 0);
        assert_int_equal(t, now - 7200 * second);
        assert_int_equal(time_parse("30d", now, true, &t), 0);
        assert_int_equal(t, now + 30 * 86400 * second);
        assert_int_equal(time_parse("+90m", now, true, &t), 0);
        assert_int_equal(t, now + 5400 * second);
        assert_int_equal(time_parse("2026-11-23T07:30:00Z", now, true, &t), 0);
        assert_int_equal(t, 1795419000 * second);
        assert_int_equal(time_parse("+90m", now, false, &t), -EINVAL);
        t = 7;
        static const char *const bad[] = { "",           "soon",        "5",   "d",
                                           "2026-13-01", "2026-11-23x", "-5s", "99999999999w",
                                           "@",          "@-1" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(time_parse(bad[i], now, true, &t), -EINVAL);
        assert_int_equal(time_parse("1000000000s", 5, false, &t), -EINVAL);
        assert_int_equal(t, 7);
}

static void numbers_are_nothing_but_digits(void **state)
{
        static const char *const bad[] = { "",   "-1",  "+1", " 1",
                                           "1 ", "0x1", "11", "99999999999999999999" };
        uint64_t n;

        assert_int_equal(number_parse("10", 1, 10, &n), 0);
        assert_int_equal(n, 10);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(number_parse(bad[i], 1, 10, &n), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(short_paths_are_made_long),
                cmocka_unit_test(what_was_shortened_is_the_same_path_again),
                cmocka_unit_test(a_terminal_gets_no_control_characters),
                cmocka_unit_test(what_is_on_a_line_stays_on_it),
                cmocka_unit_test(what_is_too_long_loses_its_middle),
                cmocka_unit_test(positions_are_those_of_what_was_typed),
                cmocka_unit_test(values_are_quoted),
                cmocka_unit_test(moments_are_read),
                cmocka_unit_test(numbers_are_nothing_but_digits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
