/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-plan.c - what PackageKit tells is read, and which plans are refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "packages/known.h"
#include "packages/plan.h"
#include "util/macro.h"
#include "util/strv.h"

#define ID(name) (char *)name ";1.0;all;x"

static int judge(PackagesVerb verb, const char *name, const PkPackage *packages, size_t n,
                 bool allow, Plan *plan, Failure *f)
{
        char *names[] = { (char *)name, NULL };
        const DpkgRows none = { 0 };
        int r = plan_read(plan, verb, names, packages, n);

        return r == 0 ? plan_check(plan, &none, allow, f) : r;
}

static void changes_are_read(void **state)
{
        const PkPackage packages[] = {
                { PK_INFO_REMOVING, ID("gone") },       { PK_INFO_OBSOLETING, ID("old") },
                { PK_INFO_DOWNGRADING, ID("down") },    { PK_INFO_INSTALLING, ID("new") },
                { PK_INFO_UPDATING, ID("up") },         { PK_INFO_REINSTALLING, ID("again") },
                { PK_INFO_DOWNLOADING, ID("ignored") },
        };
        static const char *const actions[] = { "remove",  "remove",  "downgrade",
                                               "install", "upgrade", "reinstall" };
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_(plan_done) Plan plan = { 0 };

        assert_int_equal(
                judge(PACKAGES_REMOVE, "gone", packages, ELEMENTSOF(packages), true, &plan, &f), 0);
        assert_int_equal(plan.n_changes, ELEMENTSOF(actions));
        for (size_t i = 0; i < plan.n_changes; i++) {
                assert_string_equal(plan.changes[i].action, actions[i]);
                assert_string_equal(plan.changes[i].version, "1.0");
        }
        assert_int_equal(strv_length(plan.removals), 1);
        assert_string_equal(plan.removals[0], "old");
}

static void plans_are_refused(void **state)
{
        static const struct {
                PackagesVerb verb;
                const char *name;
                PkPackage package;
                bool allow;
                const char *says; /* NULL: it is allowed */
        } cases[] = {
                { PACKAGES_INSTALL, "a", { PK_INFO_INSTALLING, ID("a") }, false, NULL },
                { PACKAGES_INSTALL, "a", { PK_INFO_REMOVING, ID("b") }, false, "remove b;" },
                { PACKAGES_INSTALL, "a", { PK_INFO_REMOVING, ID("b") }, true, NULL },
                /* The name alone does not make a removal of an installation a named one. */
                { PACKAGES_INSTALL, "b", { PK_INFO_REMOVING, ID("b") }, false, "remove b;" },
                { PACKAGES_REMOVE, "b", { PK_INFO_REMOVING, ID("b") }, false, NULL },
                { PACKAGES_REMOVE, "b", { PK_INFO_REMOVING, ID("bb") }, false, "remove bb;" },
                { PACKAGES_INSTALL, "a", { PK_INFO_UNTRUSTED, ID("a") }, true, "signature" },
                { PACKAGES_REMOVE, "systemd", { PK_INFO_REMOVING, ID("systemd") }, true, "itself" },
                { PACKAGES_INSTALL, "a", { PK_INFO_OBSOLETING, ID("exmachina") }, true, "itself" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_failure_ Failure f = { 0 };
                _cleanup_(plan_done) Plan plan = { 0 };
                int r = judge(cases[i].verb, cases[i].name, &cases[i].package, 1, cases[i].allow,
                              &plan, &f);

                assert_int_equal(r, cases[i].says ? EXM_E_REFUSED : 0);
                if (cases[i].says)
                        assert_non_null(strstr(f.message, cases[i].says));
        }
}

static void rows_of(DpkgRows *rows, const char *text)
{
        char *copy = strdup(text);

        assert_non_null(copy);
        assert_int_equal(dpkg_rows_parse(rows, copy), 0);
}

static void several_own_needs_are_all_named(void **state)
{
        const PkPackage packages[] = { { PK_INFO_REMOVING, ID("dbus") },
                                       { PK_INFO_REMOVING, ID("other") },
                                       { PK_INFO_REMOVING, ID("tzdata") } };
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_(plan_done) Plan plan = { 0 };

        assert_int_equal(judge(PACKAGES_REMOVE, "other", packages, 3, true, &plan, &f),
                         EXM_E_REFUSED);
        assert_non_null(strstr(f.message, "dbus, tzdata: "));
}

static void holds_are_kept(void **state)
{
        static const struct {
                const char *dpkg;
                PkPackage package;
                bool held;
        } cases[] = {
                { "a\tall\t1\thold\tinstalled\tok\n", { PK_INFO_UPDATING, ID("a") }, true },
                { "a\tall\t1\thold\tinstalled\tok\n", { PK_INFO_REMOVING, ID("a") }, true },
                { "a\tall\t1\tinstall\tinstalled\tok\n", { PK_INFO_UPDATING, ID("a") }, false },
                { "b\tall\t1\thold\tinstalled\tok\n", { PK_INFO_UPDATING, ID("a") }, false },
                /* The next version is for another architecture; a second one comes beside it. */
                { "a\ti386\t1\thold\tinstalled\tok\n", { PK_INFO_UPDATING, ID("a") }, true },
                { "a\ti386\t1\thold\tinstalled\tok\n", { PK_INFO_INSTALLING, ID("a") }, false },
        };
        char *names[] = { (char *)"a", NULL };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(dpkg_rows_done) DpkgRows rows = { 0 };
                _cleanup_(plan_done) Plan plan = { 0 };
                _cleanup_failure_ Failure f = { 0 };

                rows_of(&rows, cases[i].dpkg);
                assert_int_equal(plan_read(&plan, PACKAGES_INSTALL, names, &cases[i].package, 1),
                                 0);
                assert_int_equal(plan_check(&plan, &rows, true, &f),
                                 cases[i].held ? EXM_E_REFUSED : 0);
                if (cases[i].held)
                        assert_non_null(strstr(f.message, "a: on hold"));
        }
}

static void removals_beyond_the_agreed_are_refused(void **state)
{
        const PkPackage packages[] = { { PK_INFO_REMOVING, ID("b") },
                                       { PK_INFO_REMOVING, ID("c") } };
        char *all[] = { (char *)"b", (char *)"c", NULL }, *one[] = { (char *)"c", NULL };
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_(plan_done) Plan plan = { 0 };

        assert_int_equal(plan_read(&plan, PACKAGES_INSTALL, NULL, packages, 2), 0);
        assert_int_equal(plan_check_agreed(&plan, all, &f), 0);
        assert_int_equal(plan_check_agreed(&plan, one, &f), EXM_E_REFUSED);
        assert_non_null(strstr(f.message, "remove b;"));
}

static void long_lists_are_cut(void **state)
{
        PkPackage packages[60];
        char ids[60][16];
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_(plan_done) Plan plan = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(packages); i++) {
                snprintf(ids[i], sizeof(ids[i]), "p%zu;1;all;", i);
                packages[i] = (PkPackage){ PK_INFO_REMOVING, ids[i] };
        }
        assert_int_equal(
                judge(PACKAGES_INSTALL, "a", packages, ELEMENTSOF(packages), false, &plan, &f),
                EXM_E_REFUSED);
        assert_non_null(strstr(f.message, "p49 and 10 more;"));
}

static void what_is_known_is_sorted_out(void **state)
{
        const PkPackage packages[] = {
                { PK_INFO_AVAILABLE, (char *)"foo;2.0;all;stable" },
                { PK_INFO_INSTALLED, (char *)"foo;1.0;all;auto:stable" },
                { PK_INFO_AVAILABLE, (char *)"foo;3.0;all;stable" },
                { PK_INFO_INSTALLED, (char *)"bar;1.5;all;manual:stable" },
                { PK_INFO_AVAILABLE, (char *)"foobar;9;all;stable" },
                { PK_INFO_AVAILABLE, (char *)"damaged" },
        };
        char *names[] = { (char *)"foo", (char *)"bar", (char *)"nowhere", NULL };
        Known *rows = calloc(3, sizeof(*rows));
        const DpkgRows none = { 0 };

        assert_non_null(rows);
        assert_int_equal(known_fill(rows, names, 3, packages, ELEMENTSOF(packages), &none), 0);
        assert_string_equal(rows[0].installed, "1.0");
        assert_string_equal(rows[0].candidate, "2.0");
        assert_ptr_equal(rows[0].candidate_id, packages[0].id);
        assert_true(rows[0].automatic);
        assert_string_equal(rows[1].installed, "1.5");
        assert_null(rows[1].candidate);
        assert_false(rows[1].automatic);
        assert_null(rows[2].installed);
        assert_null(rows[2].candidate);
        known_free(rows, 3);
}

/* What is unfinished is told as available, and what may mend it is better. */
static void a_newer_version_comes_before_an_unfinished_one(void **state)
{
        static const char *const orders[][2] = { { "foo;1.0;all;x", "foo;2.0;all;x" },
                                                 { "foo;2.0;all;x", "foo;1.0;all;x" } };
        char *names[] = { (char *)"foo", NULL };

        for (size_t i = 0; i < ELEMENTSOF(orders); i++)
                for (size_t n = 1; n <= 2; n++) {
                        const PkPackage packages[] = {
                                { PK_INFO_AVAILABLE, (char *)orders[i][0] },
                                { PK_INFO_AVAILABLE, (char *)orders[i][1] },
                        };
                        _cleanup_(dpkg_rows_done) DpkgRows rows = { 0 };
                        _cleanup_strv_ char **ids = NULL;
                        Known *known = calloc(1, sizeof(*known));
                        bool finishes = false;

                        rows_of(&rows, "foo\tall\t1.0\tinstall\thalf-configured\tok\n");
                        assert_non_null(known);
                        assert_int_equal(known_fill(known, names, 1, packages, n, &rows), 0);
                        assert_int_equal(
                                known_choose_ids(known, 1, PACKAGES_INSTALL, &ids, &finishes), 0);
                        assert_int_equal(finishes, n == 2 || i == 0);
                        assert_string_equal(ids[0], n == 2 ? "foo;2.0;all;x" : orders[i][0]);
                        known_free(known, 1);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(changes_are_read),
                cmocka_unit_test(plans_are_refused),
                cmocka_unit_test(several_own_needs_are_all_named),
                cmocka_unit_test(holds_are_kept),
                cmocka_unit_test(removals_beyond_the_agreed_are_refused),
                cmocka_unit_test(a_newer_version_comes_before_an_unfinished_one),
                cmocka_unit_test(long_lists_are_cut),
                cmocka_unit_test(what_is_known_is_sorted_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
