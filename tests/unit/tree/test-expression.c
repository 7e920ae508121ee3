/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-expression.c - expressions and the prefixes that they must give.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tree/expression.h"
#include "util/limits.h"
#include "util/strv.h"

typedef struct Case {
        const char *expression;
        const char *prefixes; /* joined with "|"; "" for none */
} Case;

static const Case good[] = {
        /* plain paths */
        { "/files/etc/hosts", "/etc/hosts" },
        { "/files/etc/hosts/1/ipaddr", "/etc/hosts/1/ipaddr" },
        { "  /files/etc/hosts  ", "/etc/hosts" },
        { "/files / etc / hosts", "/etc/hosts" },
        { "/files/etc/hosts/", "/etc/hosts" },
        { "/files", "/" },
        { "/files/", "/" },
        { "/", "/" },
        { "/files/etc", "/etc" },
        { "/files/etc/hosts/1", "/etc/hosts/1" },
        { "/files/etc/my file", "/etc/my file" },
        { "/files/etc/hosts\n", "/etc/hosts" },
        /* what a name may hold */
        { "/files/etc/a\\ b", "/etc/a b" },
        { "/files/etc/a\\ ", "/etc/a " },
        { "/files/etc/a\\\\", "/etc/a\\" },
        { "/files/etc/a\\[1\\]", "/etc/a[1]" },
        { "/files/etc/a\\|b", "/etc/a|b" },
        { "/files/etc/a\\=b", "/etc/a=b" },
        { "/files/etc/a\\(b\\)", "/etc/a(b)" },
        { "/files/etc/a\\,b\\!c", "/etc/a,b!c" },
        { "/files/etc/it's", "/etc/it's" },
        { "/files/etc/a\"b", "/etc/a\"b" },
        { "/files/etc/a*", "/etc/a*" },
        { "/files/etc/a<b>c+d-e", "/etc/a<b>c+d-e" },
        { "/files/etc/$x", "/etc/$x" },
        { "/files/etc/foo::bar", "/etc/foo::bar" },
        { "/files/etc/orchard/and/else", "/etc/orchard/and/else" },
        { "/files/etc/x frob y", "/etc/x frob y" },
        { "/files/etc/\xc3\xa4", "/etc/\xc3\xa4" },
        { "/files/etc/crontab/a\\/b/c", "/etc/crontab" },
        { "/files/etc/init\\.d", "/etc/init.d" },
        /* where a prefix stops */
        { "/files/etc/ssh/*", "/etc/ssh" },
        { "/files/etc/ssh/*/Port", "/etc/ssh" },
        { "/files/etc//ipaddr", "/etc" },
        { "/files//ipaddr", "/" },
        { "//*", "/" },
        { "//ipaddr", "/" },
        { "/*", "/" },
        { "/*/etc/hosts", "/" },
        { "/files/*/hosts", "/" },
        { "/files/etc/hosts/1/../2/ipaddr", "/etc/hosts/1" },
        { "/files/etc/hosts/.", "/etc/hosts" },
        { "/files/etc/hosts/..", "/etc/hosts" },
        { "/files/etc/\\../shadow", "/etc" },
        { "/./files/etc/hosts", "/" },
        { "/../files/etc/hosts", "/" },
        { "/files/etc/child::hosts", "/etc" },
        { "/child::files/etc/hosts", "/" },
        { "/descendant-or-self::*", "/" },
        { "/files/descendant::ipaddr", "/" },
        { "/files/etc/hosts/self::*", "/etc/hosts" },
        { "/files/etc/hosts/1/following-sibling :: *", "/etc/hosts/1" },
        { "/files/etc/hosts/2/preceding-sibling::*[1]", "/etc/hosts/2" },
        { "/files/etc/hosts/seq::*", "/etc/hosts" },
        { "/files/etc/hosts/1/ancestor::etc", "/etc/hosts/1" },
        /* predicates */
        { "/files/etc/hosts/*[ipaddr='127.0.0.1']/canonical", "/etc/hosts" },
        { "/files/etc/hosts[1]/1/ipaddr", "/etc/hosts/1/ipaddr" },
        { "/files/etc/hosts/1[ipaddr][canonical = \"a]b\"]/alias", "/etc/hosts/1/alias" },
        { "/files/etc[1]/hosts[ 1 ] /1", "/etc/hosts/1" },
        { "/files[1]/etc/hosts", "/etc/hosts" },
        { "/files/etc/hosts/*[ipaddr=/files/etc/resolv.conf/nameserver]",
          "/etc/resolv.conf/nameserver|/etc/hosts" },
        { "/files/etc/hosts/*[count(/files/etc/fstab/*[spec = /files/etc/mtab/1/spec]) > 1]/alias",
          "/etc/mtab/1/spec|/etc/fstab|/etc/hosts" },
        { "/files/etc/hosts/*[../../passwd]", "/etc/hosts" },
        { "/files/etc/hosts/*[label() != '#comment'][last()]", "/etc/hosts" },
        { "/files/etc/hosts/*[position() = last() - 1]", "/etc/hosts" },
        { "/files/etc/hosts/*[alias =~ regexp('x.*', 'i')]", "/etc/hosts" },
        { "/files/etc/hosts/*[alias !~ glob(\"/files/etc/*\")]", "/etc/hosts" },
        { "/files/etc/hosts/*[ipaddr and canonical or not(alias)]", "/etc/hosts" },
        { "/files/etc/hosts/*[ipaddr = 'x' and /files/etc/fstab]", "/etc/fstab|/etc/hosts" },
        { "/files/etc/hosts/*[int(ipaddr) * 2 >= 4]", "/etc/hosts" },
        { "/files/etc/hosts/*[. = '/files/etc/shadow']", "/etc/hosts" },
        { "/files/etc/hosts/*[. = \"it's | /files/etc/shadow\"]", "/etc/hosts" },
        { "/files/etc/hosts/*[. = 'say \"/files/etc/shadow\"']", "/etc/hosts" },
        { "/files/etc/hosts/*[it's = /files/etc/fstab]", "/etc/fstab|/etc/hosts" },
        { "/files/etc/hosts/*[modified()]", "/etc/hosts" },
        /* several paths */
        { "/files/etc/hosts | /files/etc/fstab", "/etc/hosts|/etc/fstab" },
        { "/files/etc/hosts|/files/etc/hosts", "/etc/hosts" },
        { "(/files/etc/hosts | /files/etc/fstab)/1/ipaddr", "/etc/hosts|/etc/fstab" },
        { "(/files/etc/hosts/*)[1]//ipaddr", "/etc/hosts" },
        { "/files/etc/hosts else /files/etc/fstab", "/etc/hosts|/etc/fstab" },
        { "/files/etc/hosts/* or /files/etc/fstab", "/etc/hosts|/etc/fstab" },
        { "count(/files/etc/hosts/*)", "/etc/hosts" },
        { "/augeas//error | /files/etc/hosts", "/etc/hosts" },
        /* nothing to load */
        { "/augeas/files/etc/shadow/path", "" },
        { "/augeas[/files/etc/fstab]/x", "/etc/fstab" },
        { "/variables", "" },
        { "/filesystem", "" },
        { "$hosts", "" },
        { "$hosts/1/ipaddr", "" },
        { "$hosts[ipaddr = /files/etc/fstab/1/spec]//x", "/etc/fstab/1/spec" },
        { "'/files/etc/hosts'", "" },
        { "42", "" },
};

static void test_good(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_failure_ Failure f = {};
                _cleanup_strv_ char **prefixes = NULL;
                _cleanup_free_ char *joined = NULL;
                int r;

                r = expression_prefixes(good[i].expression, &prefixes, &f);
                if (r != 0)
                        print_error("%s: %s\n", good[i].expression, f.message);
                assert_int_equal(r, 0);
                joined = strv_join(prefixes, "|");
                if (strcmp(joined, good[i].prefixes) != 0)
                        print_error("%s\n", good[i].expression);
                assert_string_equal(joined, good[i].prefixes);
        }
}

static void test_bad(void **state)
{
        static const char *const bad[] = {
                "",
                " ",
                "etc/hosts",
                ".",
                "..",
                "*",
                "./files/etc/hosts",
                "hosts | /files/etc/fstab",
                "/files/etc/hosts | fstab",
                "count(fstab)",
                "child::files",
                "(fstab)/1",
                "/files/etc/hosts[",
                "/files/etc/hosts[1",
                "/files/etc/hosts[1]]",
                "/files/etc)",
                "/files/etc/hosts[a='x]",
                "/files/etc/hosts[a=\"x']",
                "/files/etc/a\\",
                "(/files/etc",
                "count(/files/etc",
                "/files/etc/hosts[]",
                "$",
                "$1",
                "/files/*x",
                "/files/etc/hosts |",
                "/files/etc/hosts, /files/etc/fstab",
                "'a' 'b'",
                "/files/etc!hosts",
                "/files/etc/\x01",
                "/files/etc/\x04hosts",
                "/files/etc/a\rb",
                "/files/etc/\x7f",
                "/files/etc/\xc2\x85",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_failure_ Failure f = {};
                char **prefixes = (char **)1;
                int r;

                r = expression_prefixes(bad[i], &prefixes, &f);
                if (r != EXM_E_INVALID_PATH)
                        print_error("taken: %s\n", bad[i]);
                assert_int_equal(r, EXM_E_INVALID_PATH);
                assert_int_equal(f.condition, EXM_E_INVALID_PATH);
                assert_non_null(f.message);
                assert_ptr_equal(prefixes, (char **)1);
        }
}

static void test_relative_says_what_to_do(void **state)
{
        _cleanup_failure_ Failure f = {};
        char **prefixes;

        assert_int_equal(expression_prefixes("etc/hosts", &prefixes, &f), EXM_E_INVALID_PATH);
        assert_non_null(strstr(f.message, "start it with /files/"));
}

static int try_nested(unsigned depth, char open, char close)
{
        _cleanup_failure_ Failure f = {};
        _cleanup_strv_ char **prefixes = NULL;
        char text[LIMIT_EXPRESSION_BYTES + 1], *q = text;

        if (open == '[')
                q = stpcpy(q, "/files/etc/hosts");
        for (unsigned i = 0; i < depth; i++) {
                *q++ = open;
                if (open == '[')
                        *q++ = 'a';
        }
        if (open == '(')
                q = stpcpy(q, "/files/etc/hosts");
        for (unsigned i = 0; i < depth; i++)
                *q++ = close;
        *q = '\0';
        return expression_prefixes(text, &prefixes, &f);
}

static void test_nesting(void **state)
{
        assert_int_equal(try_nested(LIMIT_EXPRESSION_NESTING, '[', ']'), 0);
        assert_int_equal(try_nested(LIMIT_EXPRESSION_NESTING + 1, '[', ']'), EXM_E_INVALID_PATH);
        assert_int_equal(try_nested(LIMIT_EXPRESSION_NESTING, '(', ')'), 0);
        assert_int_equal(try_nested(LIMIT_EXPRESSION_NESTING + 1, '(', ')'), EXM_E_INVALID_PATH);
        assert_int_equal(try_nested(1000, '(', ')'), EXM_E_INVALID_PATH);
}

static void test_length(void **state)
{
        char text[LIMIT_EXPRESSION_BYTES + 2] = "/files/";
        _cleanup_failure_ Failure f = {};
        _cleanup_strv_ char **prefixes = NULL;
        char **none;

        memset(text + strlen("/files/"), 'a', LIMIT_EXPRESSION_BYTES - strlen("/files/"));
        text[LIMIT_EXPRESSION_BYTES] = '\0';
        assert_int_equal(expression_prefixes(text, &prefixes, &f), 0);
        assert_int_equal(strlen(prefixes[0]), LIMIT_EXPRESSION_BYTES - strlen("/files"));

        text[LIMIT_EXPRESSION_BYTES] = 'a';
        text[LIMIT_EXPRESSION_BYTES + 1] = '\0';
        assert_int_equal(expression_prefixes(text, &none, &f), EXM_E_INVALID_PATH);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),
                cmocka_unit_test(test_nesting), cmocka_unit_test(test_relative_says_what_to_do),
                cmocka_unit_test(test_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
