/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-plan.h - which units follow a change, and by which verb: found out before anything is
 * changed.
 *
 * From options `reload`, `restart` and `reload_affected`, and of a Revert from the change that it
 * takes back. What systemd says of a unit is told to the caller only when he may manage it, so
 * faults are kept until then: unit_plan_make(), unit_plan_add_rights(), write_right_ask(),
 * unit_plan_settle().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Call Call;
typedef struct ChangeRecord ChangeRecord;
typedef struct PlannedUnit PlannedUnit;

#define GRACE_MAX_SEC     300U
#define GRACE_DEFAULT_SEC 2U

typedef struct UnitPlan {
        PlannedUnit *units;
        size_t n, next;
        char **files; /* names that the change writes, makes or removes */
        char **made;  /* those of them that become regular files */
        bool again;   /* unit_plan_refresh() is at work */
        void (*done)(Call *call);
} UnitPlan;

/* The options: names and counts. Returns: 0 or EXM_E_INVALID_ARGS in call->failure. */
int unit_plan_check(Call *call);

/* What the change acts on. `made`: it is a regular file afterwards. Both: 0 or -ENOMEM. */
int unit_plan_add_file(Call *call, const char *file, bool made);
int unit_plan_inherit(Call *call, const ChangeRecord *record);

/* Asks systemd about all of them, then runs `done`; or the call has failed. */
void unit_plan_make(Call *call, void (*done)(Call *call));

/* Asks systemd once more about those that were found, whose states others may have changed since;
 * no unit is added. Runs `done`, or the call has failed. */
void unit_plan_refresh(Call *call, void (*done)(Call *call));

/* manage-units for each: to write_right_add_unit(). Returns: 0 or -ENOMEM. */
int unit_plan_add_rights(Call *call);

/* May it be done? Returns: 0; EXM_E_NO_SUCH_UNIT, EXM_E_REFUSED, EXM_E_UNIT_FAILED in
 * call->failure. */
int unit_plan_settle(Call *call);

/* Adds units and grace. Returns: 0 or -ENOMEM. */
int unit_plan_record(const Call *call, ChangeRecord *record);

/* The active units that use one of the plan's files become the plan's, then runs `done`. */
void unit_plan_affected(Call *call, void (*done)(Call *call));
/* For a loop over the units from *i = 0 on. Returns: the id of the next, or NULL. */
const char *unit_plan_next(const Call *call, size_t *i);

void unit_plan_done(UnitPlan *plan);
