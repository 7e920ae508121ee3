/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run.h - one checker in one transient unit, from its start to its end.
 *
 * Asynchronous on the service's own system bus connection. Only so many run at once, one for each
 * uid (turns.h); the others wait. What exmachina-validate says on its own pipe is the verdict; what
 * the checker prints is bounded. A run that is freed is stopped, with all that it has started.
 */
#pragma once

#include "validate/jail.h"
#include "validate/report.h"

typedef struct Jails Jails;
typedef struct CheckRun CheckRun;

/* `bus` is attached to an event loop; `config->program` and `bus` outlive the jails. */
int jails_new(Jails **ret, sd_bus *bus, const JailConfig *config);
/* After all runs were freed. */
Jails *jails_free(Jails *jails);

/* Does so much wait for `uid` that no more should? */
bool jails_full(const Jails *jails, uid_t uid);

/* `result` is valid during the call, in which the run may be freed. */
typedef void (*RunDone)(const RunResult *result, void *userdata);

/* `uid`: whose turn it takes. `run`: validator and future; its pipes are made here; the validator,
 * the command and the future's descriptor outlive the run. `done` never runs before this returns,
 * and once, unless the run is freed before. Returns: 0 or -errno. */
int check_run_start(CheckRun **ret, Jails *jails, uid_t uid, const JailRun *run, RunDone done,
                    void *userdata);
CheckRun *check_run_free(CheckRun *run);
