/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-rows.c - loaded units and unit files as one list; and which patterns are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "units/unit-rows.h"

static void add(UnitRows *r, const char *id)
{
        const UnitRow row = { .id = id,
                              .description = "words",
                              .load_state = "loaded",
                              .active_state = "active",
                              .sub_state = "running" };

        assert_int_equal(unit_rows_add(r, &row), 0);
}

static void add_all(UnitRows *r)
{
        add(r, "ssh.service");
        add(r, "getty@tty1.service");
        add(r, "cron.service");
        assert_int_equal(unit_rows_add_file(r, "/lib/systemd/system/zoo.service", "disabled"), 0);
        assert_int_equal(unit_rows_add_file(r, "/lib/systemd/system/ssh.service", "enabled"), 0);
        assert_int_equal(unit_rows_add_file(r, "/etc/systemd/system/sshd.service", "alias"), 0);
        assert_int_equal(unit_rows_add_file(r, "/lib/systemd/system/getty@.service", "enabled"), 0);
        assert_int_equal(unit_rows_add_file(r, "/lib/systemd/system/cron.service", "static"), 0);
        assert_int_equal(unit_rows_add_file(r, "/etc/systemd/system/apt.timer", "masked"), 0);
        assert_int_equal(unit_rows_add_file(r, "/run/systemd/system/apt.timer", "masked"), 0);
}

static void assert_row(const UnitRow *row, const char *id, const char *load, const char *file)
{
        assert_string_equal(row->id, id);
        assert_string_equal(row->load_state, load);
        assert_string_equal(row->unit_file_state, file);
}

static void merges_sorted_without_aliases_and_templates(void **state)
{
        UnitRows r = { 0 };

        add_all(&r);
        assert_int_equal(unit_rows_merge(&r, NULL), 0);
        assert_int_equal(r.n_rows, 5);
        assert_row(&r.rows[0], "apt.timer", "not-loaded", "masked");
        assert_string_equal(r.rows[0].active_state, "inactive");
        assert_string_equal(r.rows[0].sub_state, "dead");
        assert_string_equal(r.rows[0].description, "");
        assert_row(&r.rows[1], "cron.service", "loaded", "static");
        assert_row(&r.rows[2], "getty@tty1.service", "loaded", "");
        assert_row(&r.rows[3], "ssh.service", "loaded", "enabled");
        assert_string_equal(r.rows[3].description, "words");
        assert_row(&r.rows[4], "zoo.service", "not-loaded", "disabled");
        unit_rows_done(&r);
}

static void patterns_choose_among_files(void **state)
{
        char *const patterns[] = { (char *)"*.timer", (char *)"z??.service", NULL };
        UnitRows r = { 0 };

        add_all(&r);
        assert_int_equal(unit_rows_merge(&r, patterns), 0);
        /* The three that systemd chose stay, whatever the patterns say: it knows their aliases. */
        assert_int_equal(r.n_rows, 5);
        unit_rows_done(&r);

        assert_int_equal(unit_rows_add_file(&r, "/lib/systemd/system/zoo.service", "disabled"), 0);
        assert_int_equal(unit_rows_add_file(&r, "/lib/systemd/system/ant.service", "disabled"), 0);
        assert_int_equal(unit_rows_merge(&r, patterns), 0);
        assert_int_equal(r.n_rows, 1);
        assert_string_equal(r.rows[0].id, "zoo.service");
        unit_rows_done(&r);
}

static void nothing_is_an_empty_list(void **state)
{
        UnitRows r = { 0 };

        assert_int_equal(unit_rows_merge(&r, NULL), 0);
        assert_int_equal(r.n_rows, 0);
        unit_rows_done(&r);
}

static void costly_patterns_are_refused(void **state)
{
        char *many[PATTERNS_MAX + 2] = { 0 };
        char longest[PATTERN_BYTES_MAX + 2];
        char *one[] = { longest, NULL };

        for (size_t i = 0; i < PATTERNS_MAX; i++)
                many[i] = (char *)"*";
        assert_int_equal(unit_patterns_check(many, NULL), 0);
        many[PATTERNS_MAX] = (char *)"*";
        assert_int_equal(unit_patterns_check(many, NULL), EXM_E_LIMIT_EXCEEDED);

        memset(longest, 'a', sizeof(longest));
        longest[PATTERN_BYTES_MAX] = 0;
        assert_int_equal(unit_patterns_check(one, NULL), 0);
        longest[PATTERN_BYTES_MAX] = 'a';
        longest[PATTERN_BYTES_MAX + 1] = 0;
        assert_int_equal(unit_patterns_check(one, NULL), EXM_E_INVALID_ARGS);

        one[0] = (char *)"*a*a*a*a*a*a*a*";
        assert_int_equal(unit_patterns_check(one, NULL), 0);
        one[0] = (char *)"*a*a*a*a*a*a*a*a*";
        assert_int_equal(unit_patterns_check(one, NULL), EXM_E_LIMIT_EXCEEDED);
        assert_int_equal(unit_patterns_check(NULL, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(merges_sorted_without_aliases_and_templates),
                cmocka_unit_test(patterns_choose_among_files),
                cmocka_unit_test(nothing_is_an_empty_list),
                cmocka_unit_test(costly_patterns_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
