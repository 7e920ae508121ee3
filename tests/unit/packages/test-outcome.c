/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-outcome.c - dpkg's lists are read, and what lies between two of them is told.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "packages/outcome.h"
#include "util/macro.h"
#include "util/strv.h"

#define ROW(name, version, state) name "\tall\t" version "\tinstall\t" state "\tok\n"
#define IN(name, version)         ROW(name, version, "installed")

static void rows_of(DpkgRows *rows, const char *text)
{
        char *copy = strdup(text);

        assert_non_null(copy);
        assert_int_equal(dpkg_rows_parse(rows, copy), 0);
}

static void rows_are_read(void **state)
{
        _cleanup_(dpkg_rows_done) DpkgRows rows = { 0 };
        const DpkgRow *row;

        rows_of(&rows, "b\tamd64\t1\thold\tinstalled\tok\n"
                       "no row\n\n"
                       "a\tamd64\t2:1~x\tinstall\tinstalled\treinstreq\n"
                       "b\tall\t3\tdeinstall\tconfig-files\tok\n"
                       "c\tall\t\tpurge\tnot-installed\tok\n"
                       "half a row\tall\t1\tinst");
        assert_int_equal(rows.n, 4);
        row = dpkg_row_find(&rows, "a", "amd64");
        assert_non_null(row);
        assert_string_equal(row->version, "2:1~x");
        assert_string_equal(row->state, "reinst-required");
        assert_true(dpkg_row_is_unfinished(row));
        row = dpkg_row_find(&rows, "b", "amd64");
        assert_true(row->held && dpkg_row_is_there(row) && !dpkg_row_is_unfinished(row));
        row = dpkg_row_find(&rows, "b", "all");
        assert_false(row->held || dpkg_row_is_there(row) || dpkg_row_is_unfinished(row));
        assert_false(dpkg_row_is_there(dpkg_row_find(&rows, "c", "all")));
        assert_null(dpkg_row_find(&rows, "c", "amd64"));
        assert_false(dpkg_row_is_there(NULL));
}

static void what_has_changed_is_told(void **state)
{
        static const struct {
                const char *before, *after, *planned, *action;
        } cases[] = {
                { "", IN("a", "1"), NULL, "install" },
                { ROW("a", "1", "config-files"), IN("a", "1"), "install", "install" },
                { IN("a", "1"), "", "remove", "remove" },
                { IN("a", "1"), ROW("a", "1", "config-files"), NULL, "remove" },
                { ROW("a", "1", "half-installed"), ROW("a", "1", "not-installed"), NULL, "remove" },
                { IN("a", "1"), IN("a", "2"), NULL, "upgrade" },
                { IN("a", "2"), IN("a", "1"), "downgrade", "downgrade" },
                { ROW("a", "1", "unpacked"), IN("a", "1"), NULL, "configure" },
                { ROW("a", "1", "unpacked"), IN("a", "2"), "upgrade", "upgrade" },
                { IN("a", "1"), IN("a", "1"), "reinstall", "reinstall" },
                { IN("a", "1"), IN("a", "1"), "upgrade", NULL },
                { IN("a", "1"), ROW("a", "2", "half-configured"), "upgrade", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(dpkg_rows_done) DpkgRows before = { 0 }, after = { 0 };
                _cleanup_free_ char *old = NULL, *new = NULL;
                PlanChange change = { .action = cases[i].planned,
                                      .name = (char *)"a",
                                      .version = (char *)"2",
                                      .architecture = (char *)"all" };
                const Plan plan = { .changes = &change, .n_changes = cases[i].planned ? 1 : 0 };
                _cleanup_(outcome_done) Outcome outcome = { 0 };

                /* On both sides of it are others that stay. */
                assert_true(asprintf(&old, "%s%s%s", IN("Z", "1"), cases[i].before, IN("b", "1")) >
                            0);
                assert_true(asprintf(&new, "%s%s%s", IN("Z", "1"), cases[i].after, IN("b", "1")) >
                            0);
                rows_of(&before, old);
                rows_of(&after, new);
                assert_int_equal(outcome_read(&outcome, &plan, &before, &after, true), 0);
                assert_int_equal(outcome.n_changes, cases[i].action ? 1 : 0);
                if (cases[i].action) {
                        assert_string_equal(outcome.changes[0].action, cases[i].action);
                        assert_string_equal(outcome.changes[0].name, "a");
                }
        }
}

static void another_architecture_is_no_other_package(void **state)
{
        static const struct {
                const char *before, *after, *actions;
        } cases[] = {
                { "a\tall\t1\tinstall\tinstalled\tok\n", "a\tamd64\t2\tinstall\tinstalled\tok\n",
                  "upgrade a 2;" },
                { "a\tamd64\t1\tinstall\tinstalled\tok\n", "a\tall\t2\tinstall\tinstalled\tok\n",
                  "upgrade a 2;" },
                /* A second one beside it, and gone again. */
                { "a\tamd64\t1\tinstall\tinstalled\tok\n",
                  "a\tamd64\t1\tinstall\tinstalled\tok\na\ti386\t1\tinstall\tinstalled\tok\n",
                  "install a 1;" },
                { "a\tamd64\t1\tinstall\tinstalled\tok\na\ti386\t1\tinstall\tinstalled\tok\n",
                  "a\tamd64\t1\tinstall\tinstalled\tok\n", "remove a 1;" },
        };
        const Plan plan = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(dpkg_rows_done) DpkgRows before = { 0 }, after = { 0 };
                _cleanup_(outcome_done) Outcome outcome = { 0 };
                char told[100] = "";

                rows_of(&before, cases[i].before);
                rows_of(&after, cases[i].after);
                assert_int_equal(outcome_read(&outcome, &plan, &before, &after, true), 0);
                for (size_t k = 0; k < outcome.n_changes; k++)
                        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s %s %s;",
                                 outcome.changes[k].action, outcome.changes[k].name,
                                 outcome.changes[k].version);
                assert_string_equal(told, cases[i].actions);
        }
}

static void what_is_unfinished_is_told(void **state)
{
        _cleanup_(dpkg_rows_done) DpkgRows before = { 0 }, after = { 0 };
        _cleanup_(outcome_done) Outcome outcome = { 0 };
        _cleanup_failure_ Failure f = { 0 };
        const Plan plan = { 0 };

        rows_of(&before, IN("b", "1"));
        rows_of(&after, IN("a", "1") ROW("c", "2", "half-configured"));
        assert_int_equal(outcome_read(&outcome, &plan, &before, &after, false), 0);
        (void)failure_set(&f, EXM_E_PACKAGE_FAILED, "it failed");
        outcome_tell(&outcome, &f);
        assert_string_equal(f.message,
                            "it failed. This was done nevertheless: install a 1, remove b 1. "
                            "Unfinished: c 2 (half-configured); dpkg --configure -a, or apt-get "
                            "--fix-broken install, ends that");
}

static void a_plan_that_was_not_done_is_a_failure(void **state)
{
        PlanChange changes[] = {
                { "install", (char *)"a", (char *)"1", (char *)"all" },
                { "remove", (char *)"b", (char *)"1", (char *)"all" },
        };
        const Plan plan = { .changes = changes, .n_changes = 2 };
        static const struct {
                const char *after, *missing;
        } cases[] = {
                { IN("a", "1"), NULL },
                { IN("a", "2"), "done: a" },
                { IN("c", "1"), "done: a" },
                { IN("a", "1") IN("b", "1"), "done: b" },
                { ROW("a", "1", "unpacked"), "done: a" },
                { IN("a", "1") ROW("named", "1", "half-installed"), "done: named" },
                { IN("a", "1") ROW("other", "1", "half-installed"), NULL },
                { "", NULL }, /* a system without dpkg */
        };
        char *names[] = { (char *)"named", NULL };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(dpkg_rows_done) DpkgRows after = { 0 };
                _cleanup_(outcome_done) Outcome outcome = { 0 };
                _cleanup_failure_ Failure f = { 0 };

                rows_of(&after, cases[i].after);
                assert_int_equal(outcome_check(&outcome, &plan, names, &after, &f),
                                 cases[i].missing ? EXM_E_PACKAGE_FAILED : 0);
                if (cases[i].missing)
                        assert_non_null(strstr(f.message, cases[i].missing));
        }
}

static void without_dpkg_the_plan_counts(void **state)
{
        PlanChange change = { "install", (char *)"a", (char *)"1", (char *)"all" };
        const Plan plan = { .changes = &change, .n_changes = 1 };
        const DpkgRows none = { 0 };

        for (int succeeded = 0; succeeded < 2; succeeded++) {
                _cleanup_(outcome_done) Outcome outcome = { 0 };

                assert_int_equal(outcome_read(&outcome, &plan, &none, &none, succeeded), 0);
                assert_int_equal(outcome.n_changes, succeeded);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_are_read),
                cmocka_unit_test(what_has_changed_is_told),
                cmocka_unit_test(another_architecture_is_no_other_package),
                cmocka_unit_test(what_is_unfinished_is_told),
                cmocka_unit_test(a_plan_that_was_not_done_is_a_failure),
                cmocka_unit_test(without_dpkg_the_plan_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
