/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-script.c - words and scripts are read as augtool reads them.
 *
 * That augtool makes the same files of the same script is shown by
 * tests/system/suites/test_client.py.
 */
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void words_are_split(void **state)
{
        static const char *const table[][5] = {
                { "set /a b", "set", "/a", "b" },
                { "  set\t/a   b  ", "set", "/a", "b" },
                { "set /a \"b c\"", "set", "/a", "b c" },
                { "set /a 'b \"c\"'", "set", "/a", "b \"c\"" },
                { "set /a b\\ c", "set", "/a", "b c" },
                { "set /a \"b\\tc\\nd\"", "set", "/a", "b\tc\nd" },
                { "set /a \"b\\\"c\"", "set", "/a", "b\"c" },
                { "set /a 'b\\\"c'", "set", "/a", "b\\\"c" },
                { "set /a \"b\\ c\"", "set", "/a", "b\\ c" },
                { "set /a b\\\\c", "set", "/a", "b\\c" },
                { "set /a ''", "set", "/a", "" },
                { "set /a b'c d'e", "set", "/a", "bc de" },
                { "set /a[b = \"c d\"]/e f", "set", "/a[b = \"c d\"]/e", "f" },
                { "set /a[b = 'c'][d] e", "set", "/a[b = 'c'][d]", "e" },
                { "set \"/a[b = 'c']\" e", "set", "/a[b = 'c']", "e" },
                { "set /a\\[b\\] c", "set", "/a\\[b\\]", "c" },
                { "set /a [b]", "set", "/a", "[b]" },
                { "set /a ]", "set", "/a", "]" },
                { "ins a before /b[c or d]", "ins", "a", "before", "/b[c or d]" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char *problem = NULL, **words = NULL;

                assert_int_equal(script_split(table[i][0], &words, &problem), 0);
                for (size_t k = 1; k < 5 && table[i][k]; k++)
                        assert_string_equal(words[k - 1], table[i][k]);
                strv_free(words);
        }
}

static void what_cannot_be_split_is_explained(void **state)
{
        static const char *const table[][2] = {
                { "set /a \"b", "no second \"" },
                { "set /a[b c", "without a ]" },
                { "set /a]b c", "without a [" },
                { "set /a b\\", "backslash" },
                { "set /a b\\xc", "\\x stands for" },
                { "get 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8", "words" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char *problem = NULL, **words = NULL;

                assert_int_equal(script_split(table[i][0], &words, &problem), 1);
                assert_null(words);
                assert_non_null(strstr(problem, table[i][1]));
                free(problem);
        }
}

static void a_script_is_its_edits(void **state)
{
        static const char text[] = "# a comment\n"
                                   "\n"
                                   "set /etc/hosts/1/ipaddr 192.0.2.1\n"
                                   "   # another\n"
                                   "move /etc/a /etc/b\n"
                                   "clear /etc/c\n"
                                   "setm /etc/*[d and /etc/e] /sub v\n"
                                   "defvar x /etc/y\n"
                                   "mode /etc/z 0640\n"
                                   "save\n";
        static const char *const wanted[][4] = {
                { "set", "/files/etc/hosts/1/ipaddr", "192.0.2.1" },
                { "mv", "/files/etc/a", "/files/etc/b" },
                { "clear", "/files/etc/c" },
                { "setm", "/files/etc/*[d and /files/etc/e]", "/sub", "v" },
                { "defvar", "x", "/files/etc/y" },
                { "mode", "/etc/z", "0640" },
        };
        _cleanup_script_ Script script = { 0 };
        char *problem = NULL;
        unsigned line;

        assert_int_equal(script_parse(&script, text, &problem, &line), 0);
        assert_int_equal(script.n, ELEMENTSOF(wanted));
        for (size_t i = 0; i < script.n; i++) {
                assert_string_equal(script.edits[i].verb, wanted[i][0]);
                for (size_t k = 1; k < 4 && wanted[i][k]; k++)
                        assert_string_equal(script.edits[i].arguments[k - 1], wanted[i][k]);
        }
        assert_int_equal(script.edits[0].line, 3);
        assert_int_equal(script.edits[1].line, 5);
}

static void editors_of_other_systems_may_write_it(void **state)
{
        static const char text[] = "\xEF\xBB\xBF# a comment\r\n"
                                   "set /etc/a 'b '\r\n"
                                   "\r\n"
                                   "clear /etc/c \r\n"
                                   "set /etc/d e\rf\r\r\n"
                                   "save\r";
        static const char *const values[] = { "b ", NULL, "e\rf\r" };
        _cleanup_script_ Script script = { 0 };
        char *problem = NULL;
        unsigned line;

        assert_int_equal(script_parse(&script, text, &problem, &line), 0);
        assert_int_equal(script.n, ELEMENTSOF(values));
        for (size_t i = 0; i < script.n; i++)
                if (values[i])
                        assert_string_equal(script.edits[i].arguments[1], values[i]);
        assert_string_equal(script.edits[1].arguments[0], "/files/etc/c");
        assert_null(script.edits[1].arguments[1]);
        script_done(&script);
        assert_int_equal(script_parse(&script, "set /a 'b\r\n", &problem, &line), 1);
        assert_non_null(strstr(problem, "no second '"));
        free(problem);
        assert_int_equal(script_parse(&script, "set /a b\\\r\n", &problem, &line), 1);
        assert_non_null(strstr(problem, "at the end of a line"));
        free(problem);
}

static void what_is_no_edit_names_its_line(void **state)
{
        static const struct {
                const char *text;
                unsigned line;
                const char *says;
        } table[] = {
                { "set /a b\nprint /a\n", 2, "'print' is not an edit" },
                { "clear /a\n\nmv /a\n", 3, "SOURCE DESTINATION" },
                { "set /a b\nset /a\n", 2, "to have no value, 'clear'" },
                { "setm /a b\n", 1, "to have no value, 'clearm'" },
                { "rm /a /b\n", 1, "rm EXPRESSION" },
                { "ins a beside /b\n", 1, "'beside'" },
                { "set /a b\nsave\nset /a c\n", 3, "end a script" },
                { "set /a 'b\nc'\n", 1, "no second '" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_script_ Script script = { 0 };
                char *problem = NULL;
                unsigned line;

                assert_int_equal(script_parse(&script, table[i].text, &problem, &line), 1);
                assert_int_equal(line, table[i].line);
                assert_non_null(strstr(problem, table[i].says));
                free(problem);
        }
}

static void every_verb_takes_what_its_synopsis_says(void **state)
{
        const EditVerb *verb;

        for (size_t i = 0; (verb = edit_verb_at(i)); i++) {
                size_t words = 1;

                for (const char *s = verb->synopsis; *s; s++)
                        words += *s == ' ';
                assert_int_equal(words, strlen(verb->arguments));
                assert_ptr_equal(edit_verb_find(verb->name), verb);
                if (verb->without)
                        assert_non_null(edit_verb_find(verb->without));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_are_split),
                cmocka_unit_test(what_cannot_be_split_is_explained),
                cmocka_unit_test(a_script_is_its_edits),
                cmocka_unit_test(editors_of_other_systems_may_write_it),
                cmocka_unit_test(what_is_no_edit_names_its_line),
                cmocka_unit_test(every_verb_takes_what_its_synopsis_says),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
