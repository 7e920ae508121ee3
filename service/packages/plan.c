/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.c - a simulation read and judged.
 */
#include "packages/plan.h"

#include <errno.h>
#include <string.h>

#include "packages/package-id.h"
#include "util/strv.h"

#define MAX_SHOWN 50U

/* Who removes one of these could never be answered, or nobody after him; or a method has nothing
 * left to work with (tzdata: SetTimezone). What they need goes with them in a plan, so it need not
 * be here. */
static const char *const own_needs[] = {
        "exmachina", "packagekit",   "dbus",          "dbus-broker", "dbus-daemon", "systemd",
        "polkitd",   "libc6",        "augeas-lenses", "libaugeas0",  "libnettle8",  "libsodium23",
        "diffutils", "libsqlite3-0", "libseccomp2",   "tzdata",
};

static const char *action_of(uint32_t info)
{
        switch (info) {
        case PK_INFO_INSTALLING:
                return "install";
        case PK_INFO_UPDATING:
                return "upgrade";
        case PK_INFO_DOWNGRADING:
                return "downgrade";
        case PK_INFO_REINSTALLING:
                return "reinstall";
        case PK_INFO_REMOVING:
        case PK_INFO_OBSOLETING:
                return "remove";
        default:
                return NULL;
        }
}

static int plan_add(Plan *plan, const char *action, PackageId *id)
{
        size_t n = plan->n_changes;
        PlanChange *grown;

        if ((n & (n - 1)) == 0) {
                grown = reallocarray(plan->changes, n == 0 ? 1 : 2 * n, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                plan->changes = grown;
        }
        plan->changes[plan->n_changes++] =
                (PlanChange){ .action = action,
                              .name = TAKE_PTR(id->name),
                              .version = TAKE_PTR(id->version),
                              .architecture = TAKE_PTR(id->architecture) };
        return 0;
}

static int plan_take(Plan *plan, PackagesVerb verb, char *const *names, const PkPackage *package)
{
        const char *action = action_of(package->info);
        _cleanup_package_id_ PackageId id = { 0 };
        bool named;
        int r;

        if (!action && package->info != PK_INFO_UNTRUSTED)
                return 0;
        r = package_id_split(&id, package->id);
        if (r < 0)
                return r;
        if (!action)
                return strv_extend_unique(&plan->untrusted, id.name);
        named = verb == PACKAGES_REMOVE && strv_contains(names, id.name);
        if (strcmp(action, "remove") == 0 && !named)
                r = strv_extend(&plan->removals, id.name);
        return r < 0 ? r : plan_add(plan, action, &id);
}

int plan_read(Plan *plan, PackagesVerb verb, char *const *names, const PkPackage *packages,
              size_t n_packages)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n_packages; i++)
                r = plan_take(plan, verb, names, &packages[i]);
        return r;
}

void plan_done(Plan *plan)
{
        for (size_t i = 0; i < plan->n_changes; i++) {
                free(plan->changes[i].name);
                free(plan->changes[i].version);
                free(plan->changes[i].architecture);
        }
        free(plan->changes);
        strv_free(plan->removals);
        strv_free(plan->untrusted);
        *plan = (Plan){ 0 };
}

char *plan_enumerate(char *const *names)
{
        _cleanup_strv_ char **shown = NULL;
        _cleanup_free_ char *joined = NULL;
        size_t n = strv_length(names);
        char *text;

        for (size_t i = 0; i < n && i < MAX_SHOWN; i++)
                if (strv_extend(&shown, names[i]) < 0)
                        return NULL;
        joined = strv_join(shown, ", ");
        if (!joined || n <= MAX_SHOWN)
                return TAKE_PTR(joined);
        return asprintf(&text, "%s and %zu more", joined, n - MAX_SHOWN) < 0 ? NULL : text;
}

/* Returns: 0 if there are none; EXM_E_REFUSED; -ENOMEM. */
static int refuse(Failure *f, char *const *names, const char *before, const char *after)
{
        _cleanup_free_ char *list = NULL;

        if (strv_length(names) == 0)
                return 0;
        list = plan_enumerate(names);
        return list ? failure_set(f, EXM_E_REFUSED, "%s%s%s", before, list, after) : -ENOMEM;
}

static bool is_own_need(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(own_needs); i++)
                if (strcmp(name, own_needs[i]) == 0)
                        return true;
        return false;
}

static int check_own_needs(const Plan *plan, Failure *f)
{
        _cleanup_strv_ char **names = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < plan->n_changes; i++)
                if (strcmp(plan->changes[i].action, "remove") == 0 &&
                    is_own_need(plan->changes[i].name))
                        r = strv_extend_unique(&names, plan->changes[i].name);
        return r < 0 ? r
                     : refuse(f, names, "",
                              ": ExMachina itself needs it, and does not remove it; use apt-get");
}

/* The row of what the plan changes; another architecture only if the package changes that. */
static const DpkgRow *row_of(const PlanChange *change, const DpkgRows *dpkg)
{
        const DpkgRow *row = dpkg_row_find(dpkg, change->name, change->architecture);

        for (size_t i = 0; !row && strcmp(change->action, "install") != 0 && i < dpkg->n; i++)
                if (strcmp(dpkg->rows[i].name, change->name) == 0)
                        row = &dpkg->rows[i];
        return row;
}

/* apt-get asks, and an answer that nobody sees is no agreement. */
static int check_holds(const Plan *plan, const DpkgRows *dpkg, Failure *f)
{
        _cleanup_strv_ char **names = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < plan->n_changes; i++) {
                const DpkgRow *row = row_of(&plan->changes[i], dpkg);

                if (row && row->held)
                        r = strv_extend_unique(&names, row->name);
        }
        return r < 0 ? r
                     : refuse(f, names, "",
                              ": on hold by the administrator, and so neither changed nor removed; "
                              "apt-mark unhold ends that");
}

int plan_check(const Plan *plan, const DpkgRows *dpkg, bool allow_more_removals, Failure *f)
{
        int r;

        r = refuse(f, plan->untrusted, "no trusted signature covers these packages: ", "");
        if (r == 0)
                r = check_own_needs(plan, f);
        if (r == 0)
                r = check_holds(plan, dpkg, f);
        if (r == 0 && !allow_more_removals)
                r = refuse(f, plan->removals, "this would also remove ",
                           "; nothing was changed. Option allow_more_removals agrees to that");
        return r;
}

int plan_check_agreed(const Plan *plan, char *const *removals, Failure *f)
{
        _cleanup_strv_ char **more = NULL;
        char *const *name;
        int r = 0;

        STRV_FOREACH(name, plan->removals)
                if (r == 0 && !strv_contains(removals, *name))
                        r = strv_extend(&more, *name);
        return r < 0 ? r
                     : refuse(f, more,
                              "something else has changed meanwhile, and this would now "
                              "also remove ",
                              "; nothing was changed");
}
