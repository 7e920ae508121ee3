/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * checks.h - all validators that apply to one change, one after another.
 *
 * One applies if its program is installed and one of its globs fits a file of the change.
 */
#pragma once

#include "util/failure.h"
#include "util/task.h"
#include "validate/report.h"
#include "validate/run.h"
#include "validate/validators.h"

typedef struct Checks Checks;

/* Which apply, and with which arguments. Takes over the sealed `future`, also on failure;
 * `validators` outlive the checks. Blocking. Returns: 0 or -errno. */
int checks_new(Checks **ret, const Validators *validators, Future *future);

/* Ends what is running; its `done` does not run any more. */
Checks *checks_free(Checks *checks);

/* r: 0, and a report for each run; -errno. In it the checks may be freed. */
typedef void (*ChecksDone)(int r, void *userdata);

/* Runs them, in turns of `uid`. `done` never runs before this returns. Returns: 0;
 * EXM_E_LIMIT_EXCEEDED with a sentence: so much waits for this uid already; -errno. */
int checks_start(Checks *checks, Jails *jails, TaskPool *pool, uid_t uid, ChecksDone done,
                 void *userdata, Failure *f);

/* Returns: how many runs there are to be. */
size_t checks_count(const Checks *checks);
/* Returns: the name of the validator of run `i`. */
const char *checks_name(const Checks *checks, size_t i);
const Future *checks_future(const Checks *checks);
const Report *checks_reports(const Checks *checks, size_t *ret_n);
