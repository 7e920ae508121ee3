/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.h - what PackageKit has told about packages, as rows and as changes; and whether a plan may
 * be carried out.
 */
#pragma once

#include "packages/packages.h"
#include "packages/pk-job.h"

/* Of each name what is installed and what could be; `rows` has n elements. Of one that is not known
 * both versions are NULL. */
typedef struct Known {
        char *name, *installed, *candidate;      /* owned */
        const char *installed_id, *candidate_id; /* of `packages`, which live as long as the job */
        bool automatic;
} Known;

/* Returns: 0 or -ENOMEM; `rows` are to be freed with known_free() in both cases. */
int known_fill(Known *rows, char *const *names, size_t n, const PkPackage *packages,
               size_t n_packages);
void known_free(Known *rows, size_t n);

typedef struct Plan {
        PackageChange *changes; /* strings owned */
        size_t n_changes;
        char **removals;  /* packages that go and are not named */
        char **untrusted; /* packages without a signature */
} Plan;

/* Reads a simulation. `verb` says whether a name in `names` may go. Returns: 0 or -ENOMEM. */
int plan_read(Plan *plan, PackagesVerb verb, char *const *names, const PkPackage *packages,
              size_t n_packages);
void plan_done(Plan *plan);

/* Returns: 0; EXM_E_REFUSED (unsigned packages, more removals than named and allowed, what
 * ExMachina itself needs); -ENOMEM. */
int plan_check(const Plan *plan, bool allow_more_removals, Failure *f);
