/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.h - what PackageKit would do, and whether it may.
 */
#pragma once

#include "packages/dpkg.h"
#include "packages/packages.h"
#include "packages/pk-job.h"

typedef struct PlanChange {
        const char *action; /* of PackageChange */
        char *name, *version, *architecture;
} PlanChange;

typedef struct Plan {
        PlanChange *changes;
        size_t n_changes;
        char **removals;  /* packages that go and are not named */
        char **untrusted; /* packages without a signature */
} Plan;

/* Reads a simulation. `verb` says whether a name in `names` may go. Returns: 0 or -ENOMEM. */
int plan_read(Plan *plan, PackagesVerb verb, char *const *names, const PkPackage *packages,
              size_t n_packages);
void plan_done(Plan *plan);

/* Returns: 0; EXM_E_REFUSED (unsigned packages, packages on hold, more removals than named and
 * allowed, what ExMachina itself needs); -ENOMEM. */
int plan_check(const Plan *plan, const DpkgRows *dpkg, bool allow_more_removals, Failure *f);

/* `plan` is of just now, `removals` were agreed to before. Returns: 0; EXM_E_REFUSED if it would
 * remove others too; -ENOMEM. */
int plan_check_agreed(const Plan *plan, char *const *removals, Failure *f);

/* Returns: "a, b and 3 more"; NULL out of memory. */
char *plan_enumerate(char *const *names);
