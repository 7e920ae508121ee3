/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-text.c - UTF-8 rules, string arrays, digests and limits.
 */
#include "util/digest.h"
#include "util/hide-key.h"
#include "util/limits.h"
#include "util/strv.h"
#include "util/utf8.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void validity_follows_rfc3629(void **state)
{
        static const struct {
                const char *text;
                size_t size;
                bool valid;
        } table[] = {
                { "", 0, true },
                { "plain", 5, true },
                { "\xC3\xA9", 2, true },
                { "\xE2\x82\xAC", 3, true },
                { "\xF0\x9F\x98\x80", 4, true },
                { "\xF4\x8F\xBF\xBF", 4, true },
                { "\xC0\xAF", 2, false },         /* overlong */
                { "\xE0\x80\xAF", 3, false },     /* overlong */
                { "\xED\xA0\x80", 3, false },     /* surrogate */
                { "\xF4\x90\x80\x80", 4, false }, /* past U+10FFFF */
                { "\xE9", 1, false },             /* Latin-1 */
                { "\xC3", 1, false },             /* cut */
                { "a\0b", 3, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(utf8_is_valid(table[i].text, table[i].size), table[i].valid);
}

static void lossy_text_is_not_writable(void **state)
{
        char *shown = utf8_sanitise("caf\xE9 \0x", 7);

        assert_string_equal(shown, "caf\xEF\xBF\xBD \xEF\xBF\xBDx");
        assert_true(utf8_is_valid(shown, strlen(shown)));
        assert_false(utf8_is_writable(shown));
        free(shown);
        assert_true(utf8_is_writable("tab\t newline\n caf\xC3\xA9"));
        assert_false(utf8_is_writable("\x04"));
        assert_false(utf8_is_writable("a\rb"));
        assert_false(utf8_is_writable("\x7F"));
        assert_false(utf8_is_writable("\xC2\x85"));
}

static void escaping_shows_what_deceives(void **state)
{
        static const struct {
                const char *text;
                size_t max;
                const char *shown;
        } table[] = {
                { "plain", 100, "plain" },
                { "a\nb", 100, "a\\x0ab" },
                { "back\\slash", 100, "back\\\\slash" },
                { "\xE2\x80\xAE gpj", 100, "\\u202e gpj" },
                { "\xE9", 100, "\\xe9" },
                { "0123456789", 4, "0123..." },
                { "\xC3\xA9\xC3\xA9", 3, "\xC3\xA9..." },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char *shown = utf8_escape(table[i].text, table[i].max);

                assert_string_equal(shown, table[i].shown);
                free(shown);
        }
}

static void arrays_grow_and_sort(void **state)
{
        char **l = NULL, **copy, *joined, text[8];

        for (int i = 99; i >= 0; i--) {
                snprintf(text, sizeof(text), "%02d", i);
                assert_int_equal(strv_extend_unique(&l, text), 0);
                assert_int_equal(strv_extend_unique(&l, text), 0);
        }
        assert_int_equal(strv_length(l), 100);
        strv_sort(l);
        copy = strv_copy(l);
        assert_string_equal(copy[0], "00");
        assert_string_equal(copy[99], "99");
        strv_free(copy);
        strv_free(l);

        l = NULL;
        strv_extend(&l, "a");
        strv_extend(&l, "b");
        joined = strv_join(l, ", ");
        assert_string_equal(joined, "a, b");
        free(joined);
        strv_free(l);
}

static void digest_is_sha256(void **state)
{
        char hex[DIGEST_HEX_SIZE];
        Digest *d = digest_new();

        digest_add(d, "abc", 3);
        digest_finish(d, hex);
        /* FIPS 180-4, example 1 */
        assert_string_equal(hex,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void keys_are_hidden(void **state)
{
        static const char *const pairs[][2] = {
                { "there is no verb 'exm1_web_Zm9v-_YmFy'", "there is no verb 'exm1_...'" },
                { "exm1_abcd", "exm1_..." },
                { "a=exm1_web_x y exm1_other_zz.", "a=exm1_... y exm1_...." },
                { "exm1_exm1_web_Zm9v", "exm1_..." },
                { "those begin with exm1_", "those begin with exm1_" },
                { "exm1_ab", "exm1_ab" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                _cleanup_free_ char *text = strdup(pairs[i][0]);

                hide_keys(text);
                assert_string_equal(text, pairs[i][1]);
        }
}

static void limits_have_names_and_ranges(void **state)
{
        Limits limits;

        limits_default(&limits);
        assert_int_equal(limits.file_bytes, 16 * 1024 * 1024);
        assert_int_equal(limits.views_user, 4);
        assert_int_equal(limits_set(&limits, "ViewsUser", 7), 0);
        assert_int_equal(limits.views_user, 7);
        assert_int_equal(limits.views_total, 16);
        assert_int_equal(limits_set(&limits, "ViewsUser", 0), -ERANGE);
        assert_int_equal(limits_set(&limits, "ViewsUser", UINT64_MAX), -ERANGE);
        assert_int_equal(limits_set(&limits, "viewsuser", 1), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(validity_follows_rfc3629),
                cmocka_unit_test(lossy_text_is_not_writable),
                cmocka_unit_test(escaping_shows_what_deceives),
                cmocka_unit_test(arrays_grow_and_sort),
                cmocka_unit_test(digest_is_sha256),
                cmocka_unit_test(keys_are_hidden),
                cmocka_unit_test(limits_have_names_and_ranges),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
