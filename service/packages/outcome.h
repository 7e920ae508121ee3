/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * outcome.h - what a change of packages has really come to, whatever was planned: dpkg's word right
 * before it and after it.
 */
#pragma once

#include "packages/dpkg.h"
#include "packages/packages.h"
#include "packages/plan.h"

typedef struct Outcome {
        PackageChange *changes; /* strings of plan, before and after */
        size_t n_changes;
        char **unfinished; /* "foo 1.0 (half-configured)": all that are there now */
} Outcome;

/* The plan gives the words: whether another version is an upgrade or a downgrade. On a system
 * without dpkg it is all that is known, and is taken if the change has `succeeded`. Returns: 0 or
 * -ENOMEM; `ret` is to be freed in both cases. */
int outcome_read(Outcome *ret, const Plan *plan, const DpkgRows *before, const DpkgRows *after,
                 bool succeeded);
void outcome_done(Outcome *outcome);

/* Adds to the words of `f` what was changed nevertheless, what is unfinished and how that is ended.
 */
void outcome_tell(const Outcome *outcome, Failure *f);

/* And what scripts have written; NULL is allowed. */
void outcome_tell_output(Failure *f, const char *output);

/* After PackageKit has said that all went well. Returns: 0; EXM_E_PACKAGE_FAILED if not all of the
 * plan was done, or something that was named is unfinished; -ENOMEM. */
int outcome_check(const Outcome *outcome, const Plan *plan, char *const *names,
                  const DpkgRows *after, Failure *f);
