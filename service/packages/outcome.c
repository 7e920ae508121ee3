/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * outcome.c - two lists in the same order, compared.
 */
#include "packages/outcome.h"

#include <errno.h>
#include <string.h>

#include "util/strv.h"

void outcome_done(Outcome *outcome)
{
        free(outcome->changes);
        strv_free(outcome->unfinished);
        *outcome = (Outcome){ 0 };
}

static int add(Outcome *outcome, const char *action, const char *name, const char *version)
{
        size_t n = outcome->n_changes;
        PackageChange *grown;

        if ((n & (n - 1)) == 0) {
                grown = reallocarray(outcome->changes, n == 0 ? 1 : 2 * n, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                outcome->changes = grown;
        }
        outcome->changes[outcome->n_changes++] = (PackageChange){ action, name, version };
        return 0;
}

static int add_unfinished(Outcome *outcome, const DpkgRow *row)
{
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "%s %s (%s)", row->name, row->version, row->state) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return strv_extend(&outcome->unfinished, text);
}

/* Returns: the action that was planned for it; NULL if none was. */
static const char *planned(const Plan *plan, const DpkgRow *row)
{
        for (size_t i = 0; i < plan->n_changes; i++)
                if (strcmp(plan->changes[i].name, row->name) == 0 &&
                    strcmp(plan->changes[i].architecture, row->architecture) == 0)
                        return plan->changes[i].action;
        return NULL;
}

/* Returns: what has become of a package that is installed now; NULL: nothing. */
static const char *action_of(const Plan *plan, const DpkgRow *before, const DpkgRow *after)
{
        const char *plan_says;

        if (!dpkg_row_is_there(before))
                return "install";
        if (strcmp(before->version, after->version) != 0) {
                plan_says = planned(plan, after);
                return plan_says && strcmp(plan_says, "remove") != 0 ? plan_says : "upgrade";
        }
        if (dpkg_row_is_unfinished(before))
                return "configure";
        plan_says = planned(plan, after);
        return plan_says && strcmp(plan_says, "reinstall") == 0 ? plan_says : NULL;
}

/* A package may change its architecture with its version (all, amd64), and is one package still.
 * Returns: the row of `row`'s name that is there in `rows` and not in `others`; NULL. */
static const DpkgRow *counterpart(const DpkgRow *row, const DpkgRows *rows, const DpkgRows *others)
{
        for (size_t i = 0; i < rows->n; i++) {
                const DpkgRow *candidate = &rows->rows[i];

                if (strcmp(candidate->name, row->name) == 0 && dpkg_row_is_there(candidate) &&
                    !dpkg_row_is_there(
                            dpkg_row_find(others, candidate->name, candidate->architecture)))
                        return candidate;
        }
        return NULL;
}

/* Rows of one name and architecture; NULL: there was none, there is none. */
static int compare(Outcome *outcome, const Plan *plan, const DpkgRows *all_before,
                   const DpkgRows *all_after, const DpkgRow *before, const DpkgRow *after)
{
        const char *action;

        if (dpkg_row_is_unfinished(after))
                return add_unfinished(outcome, after);
        if (dpkg_row_is_there(after)) {
                if (!dpkg_row_is_there(before))
                        before = counterpart(after, all_before, all_after);
                action = action_of(plan, before, after);
                return action ? add(outcome, action, after->name, after->version) : 0;
        }
        if (!dpkg_row_is_there(before) || counterpart(before, all_after, all_before))
                return 0;
        return add(outcome, "remove", before->name, before->version);
}

static int take_plan(Outcome *outcome, const Plan *plan)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < plan->n_changes; i++)
                r = add(outcome, plan->changes[i].action, plan->changes[i].name,
                        plan->changes[i].version);
        return r;
}

int outcome_read(Outcome *ret, const Plan *plan, const DpkgRows *before, const DpkgRows *after,
                 bool succeeded)
{
        size_t i = 0, k = 0;
        int r = 0;

        if (after->n == 0)
                return succeeded ? take_plan(ret, plan) : 0;
        while (r == 0 && (i < before->n || k < after->n)) {
                const DpkgRow *old = i < before->n ? &before->rows[i] : NULL;
                const DpkgRow *new = k < after->n ? &after->rows[k] : NULL;
                int order = !old ? 1 : !new ? -1 : dpkg_row_compare(old, new);

                r = compare(ret, plan, before, after, order <= 0 ? old : NULL,
                            order >= 0 ? new : NULL);
                i += order <= 0;
                k += order >= 0;
        }
        return r;
}

/* Returns: ". WORDS LIST", "" for an empty one; NULL out of memory. */
static char *sentence(const char *words, char *const *list, const char *end)
{
        _cleanup_free_ char *joined = NULL;
        char *text;

        if (strv_length(list) == 0)
                return strdup("");
        joined = plan_enumerate(list);
        if (!joined || asprintf(&text, ". %s%s%s", words, joined, end) < 0)
                return NULL;
        return text;
}

static void append(Failure *f, const char *more, const char *text)
{
        char *joined;

        if (!f->message || asprintf(&joined, "%s%s%s", f->message, more, text) < 0)
                return;
        free(f->message);
        f->message = joined;
}

#define HOW_TO_FINISH "; dpkg --configure -a, or apt-get --fix-broken install, ends that"

void outcome_tell(const Outcome *outcome, Failure *f)
{
        _cleanup_free_ char *changed = NULL, *unfinished = NULL;
        _cleanup_strv_ char **list = NULL;

        for (size_t i = 0; i < outcome->n_changes; i++) {
                const PackageChange *change = &outcome->changes[i];
                _cleanup_free_ char *text = NULL;

                if (asprintf(&text, "%s %s %s", change->action, change->name, change->version) < 0)
                        text = NULL;
                if (!text || strv_extend(&list, text) < 0)
                        return;
        }
        changed = sentence("This was done nevertheless: ", list, "");
        unfinished = sentence("Unfinished: ", outcome->unfinished, HOW_TO_FINISH);
        if (changed && unfinished)
                append(f, changed, unfinished);
}

void outcome_tell_output(Failure *f, const char *output)
{
        if (output)
                append(f, ". The end of the output:\n", output);
}

static bool is_done(const PlanChange *change, const DpkgRows *after)
{
        const DpkgRow *row = dpkg_row_find(after, change->name, change->architecture);

        if (strcmp(change->action, "remove") == 0)
                return !dpkg_row_is_there(row);
        return dpkg_row_is_there(row) && !dpkg_row_is_unfinished(row) &&
               strcmp(row->version, change->version) == 0;
}

int outcome_check(const Outcome *outcome, const Plan *plan, char *const *names,
                  const DpkgRows *after, Failure *f)
{
        _cleanup_strv_ char **missing = NULL;
        _cleanup_free_ char *list = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && after->n > 0 && i < plan->n_changes; i++)
                if (!is_done(&plan->changes[i], after))
                        r = strv_extend_unique(&missing, plan->changes[i].name);
        for (size_t i = 0; r == 0 && i < after->n; i++)
                if (dpkg_row_is_unfinished(&after->rows[i]) &&
                    strv_contains(names, after->rows[i].name))
                        r = strv_extend_unique(&missing, after->rows[i].name);
        if (r < 0 || !missing)
                return r;
        list = plan_enumerate(missing);
        if (!list)
                return -ENOMEM;
        (void)failure_set(f, EXM_E_PACKAGE_FAILED,
                          "PackageKit has ended without an error, and yet this was not done: %s",
                          list);
        outcome_tell(outcome, f);
        return EXM_E_PACKAGE_FAILED;
}
