/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-plan.c - names to ids, ids to states, states to verbs.
 *
 * A unit that the caller names has to fit: it is there, it can be reloaded if that is asked for.
 * One that comes from the data (reload_affected) or from the change that is taken back is left out
 * if it is not active: nobody has asked to start it.
 */
#include "bus/change/unit-plan.h"

#include <errno.h>
#include <string.h>

#include "bus/call/call.h"
#include "bus/right/write-right.h"
#include "commit/record.h"
#include "util/strv.h"

#define MAX_UNITS 32U
#define OUR_UNIT  "exmachina.service"
#define UNIT_DIR  "/etc/systemd/system/"

#define RELOAD  "reload"
#define RESTART "restart"

struct PlannedUnit {
        char *name;       /* as it was given */
        char *id;         /* the real one; NULL: systemd knows no such unit */
        const char *verb; /* RELOAD, RESTART; NULL: reload if it can be */
        bool active_only; /* left out if it is not active */
        bool was_active;
        bool left_out;
        Failure fault; /* why it cannot be; told to who may know */
};

void unit_plan_done(UnitPlan *plan)
{
        for (size_t i = 0; i < plan->n; i++) {
                free(plan->units[i].name);
                free(plan->units[i].id);
                failure_done(&plan->units[i].fault);
        }
        free(plan->units);
        strv_free(plan->files);
        strv_free(plan->made);
        *plan = (UnitPlan){ 0 };
}

/* --- what is asked for --- */

static int check_names(const Option *option, Failure *f)
{
        int r = 0;

        for (size_t i = 0; r == 0 && option && i < option->n_strings; i++)
                r = unit_name_check(option->strings[i], f);
        return r;
}

int unit_plan_check(Call *call)
{
        const Option *reload = args_option(&call->args, "reload");
        const Option *restart = args_option(&call->args, "restart");
        const Option *grace = args_option(&call->args, "grace");
        int r;

        if ((reload ? reload->n_strings : 0) + (restart ? restart->n_strings : 0) > MAX_UNITS)
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "reload, restart: at most %u units in one commit", MAX_UNITS);
        if (grace && grace->u > GRACE_MAX_SEC)
                return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                   "grace: must be at most %u seconds", GRACE_MAX_SEC);
        r = check_names(reload, &call->failure);
        return r == 0 ? check_names(restart, &call->failure) : r;
}

int unit_plan_add_file(Call *call, const char *file, bool made)
{
        int r;

        r = strv_extend(&call->unit_plan->files, file);
        return r == 0 && made ? strv_extend(&call->unit_plan->made, file) : r;
}

static int add_unit(Call *call, const char *name, const char *verb, bool active_only)
{
        UnitPlan *plan = call->unit_plan;
        PlannedUnit *grown;

        grown = reallocarray(plan->units, plan->n + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        plan->units = grown;
        grown[plan->n] =
                (PlannedUnit){ .name = strdup(name), .verb = verb, .active_only = active_only };
        return grown[plan->n++].name ? 0 : -ENOMEM;
}

int unit_plan_inherit(Call *call, const ChangeRecord *record)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_units; i++)
                r = add_unit(call, record->units[i].id,
                             strcmp(record->units[i].verb, RELOAD) == 0 ? RELOAD : RESTART,
                             /* active_only= */ true);
        return r;
}

static int add_options(Call *call)
{
        static const char *const verbs[] = { RELOAD, RESTART };
        int r = 0;

        for (size_t k = 0; k < ELEMENTSOF(verbs); k++) {
                const Option *option = args_option(&call->args, verbs[k]);

                for (size_t i = 0; r == 0 && option && i < option->n_strings; i++)
                        r = add_unit(call, option->strings[i], verbs[k], /* active_only= */ false);
        }
        return r;
}

/* --- what systemd says --- */

static void go_on(Call *call)
{
        call->unit_plan->done(call);
}

/* The same unit by two names, or by both verbs: to restart it does for both. */
static void drop_twins(UnitPlan *plan)
{
        for (size_t i = 0; i < plan->n; i++)
                for (size_t k = i + 1; !plan->units[i].left_out && k < plan->n; k++) {
                        PlannedUnit *a = &plan->units[i], *b = &plan->units[k];

                        if (b->left_out || strcmp(a->id ?: a->name, b->id ?: b->name) != 0)
                                continue;
                        if (b->active_only || (!a->active_only && strcmp(a->verb, RESTART) == 0)) {
                                b->left_out = true;
                        } else {
                                a->left_out = true;
                        }
                }
}

static void finish(Call *call)
{
        drop_twins(call->unit_plan);
        go_on(call);
}

static void ask_next(Call *call);

static void next_unit(Call *call, int r)
{
        if (r < 0) {
                call_fail(call, r);
                return;
        }
        call->unit_plan->next++;
        ask_next(call);
}

/* A restart of the bus ends this service in the middle of it, and so would each recovery. */
static bool carries_us(const PlannedUnit *unit)
{
        static const char *const bus[] = { "dbus.service", "dbus-broker.service", "dbus.socket" };

        for (size_t i = 0; i < ELEMENTSOF(bus); i++)
                if (strcmp(unit->id, bus[i]) == 0)
                        return strcmp(unit->verb, RESTART) == 0;
        return strcmp(unit->id, OUR_UNIT) == 0;
}

static void judge(PlannedUnit *unit, const UnitStatus *status)
{
        const char *id = unit->id;

        if (!unit->verb)
                unit->verb = status->can_reload ? RELOAD : RESTART;
        unit->was_active = strcmp(status->active_state, "active") == 0 ||
                           strcmp(status->active_state, "reloading") == 0 ||
                           strcmp(status->active_state, "activating") == 0;
        unit->left_out = unit->active_only && !unit->was_active;
        if (unit->left_out)
                return;
        if (carries_us(unit))
                failure_set(&unit->fault, EXM_E_REFUSED,
                            "%s: the service that makes the change needs it; nothing was changed. "
                            "Commit without it, then use: systemctl %s %s",
                            id, unit->verb, id);
        else if (strcmp(status->load_state, "masked") == 0)
                failure_set(&unit->fault, EXM_E_UNIT_FAILED,
                            "%s: the unit is masked; nothing was changed", id);
        else if (strcmp(unit->verb, RELOAD) == 0 && !unit->was_active)
                failure_set(&unit->fault, EXM_E_UNIT_FAILED,
                            "%s: is %s and cannot be reloaded; nothing was changed. To have it "
                            "started use option restart",
                            id, status->active_state);
        else if (strcmp(unit->verb, RELOAD) == 0 && !status->can_reload)
                failure_set(&unit->fault, EXM_E_UNIT_FAILED,
                            "%s: cannot be reloaded (it has no ExecReload=); nothing was changed. "
                            "Use option restart",
                            id);
}

static void on_status(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        Call *call = userdata;
        PlannedUnit *unit = &call->unit_plan->units[call->unit_plan->next];

        call->request = units_request_free(call->request);
        if (r == 0)
                judge(unit, result->status);
        else if (r > 0)
                failure_move(&unit->fault, f);
        next_unit(call, r < 0 ? r : 0);
}

/* Its unit file is among the files: systemd will know it after daemon-reload. */
static bool is_made(const UnitPlan *plan, const char *name)
{
        _cleanup_free_ char *file = NULL, *template = NULL;
        const char *at = strchr(name, '@'), *suffix = strrchr(name, '.');

        if (asprintf(&file, UNIT_DIR "%s", name) < 0) {
                file = NULL;
                return false;
        }
        if (strv_contains(plan->made, file))
                return true;
        if (!at || asprintf(&template, UNIT_DIR "%.*s%s", (int)(at + 1 - name), name, suffix) < 0) {
                template = NULL;
                return false;
        }
        return strv_contains(plan->made, template);
}

static int take_new(UnitPlan *plan, PlannedUnit *unit, Failure *f)
{
        unit->left_out = unit->active_only;
        if (unit->left_out)
                return 0;
        if (!is_made(plan, unit->name) || strcmp(unit->verb, RESTART) != 0) {
                failure_move(&unit->fault, f);
                return 0;
        }
        if (!unit->id)
                unit->id = strdup(unit->name);
        return unit->id ? 0 : -ENOMEM;
}

static void on_resolved(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        Call *call = userdata;
        PlannedUnit *unit = &call->unit_plan->units[call->unit_plan->next];

        call->request = units_request_free(call->request);
        if (r == 0 && unit->id && strcmp(unit->id, result->id) != 0) {
                failure_set(&unit->fault, EXM_E_CONFLICT,
                            "%s: has become another unit, %s, just now; nothing was changed. Try "
                            "again",
                            unit->id, result->id);
        } else if (r == 0) {
                if (!unit->id)
                        unit->id = strdup(result->id);
                r = unit->id ? units_status(call->manager->units, unit->id, on_status, call,
                                            &call->request)
                             : -ENOMEM;
                if (r == 0)
                        return;
        } else if (r == EXM_E_NO_SUCH_UNIT) {
                r = take_new(call->unit_plan, unit, f);
        } else if (r > 0) {
                failure_move(&unit->fault, f);
                r = 0;
        }
        next_unit(call, r);
}

/* What was left out stays so; what was not found is told as it is. */
static bool is_settled(const UnitPlan *plan, const PlannedUnit *unit)
{
        return plan->again && (unit->left_out || !unit->id);
}

static void ask_next(Call *call)
{
        UnitPlan *plan = call->unit_plan;
        int r;

        while (plan->next < plan->n && is_settled(plan, &plan->units[plan->next]))
                plan->next++;
        if (plan->next == plan->n) {
                finish(call);
                return;
        }
        r = units_resolve(call->manager->units, plan->units[plan->next].name, on_resolved, call,
                          &call->request);
        if (r < 0)
                call_fail(call, r);
}

/* --- the data --- */

static bool is_up(const UnitRow *row)
{
        return strcmp(row->active_state, "active") == 0 ||
               strcmp(row->active_state, "reloading") == 0;
}

static void on_candidates(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        Call *call = userdata;

        call->request = units_request_free(call->request);
        if (r != 0)
                failure_move(&call->failure, f);
        for (size_t i = 0; r == 0 && i < result->n_rows; i++) {
                if (!is_up(&result->rows[i]))
                        continue;
                if (call->unit_plan->n >= MAX_UNITS)
                        r = failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                                        "more than %u active units use the files: name those that "
                                        "are to follow in options reload and restart",
                                        MAX_UNITS);
                else
                        r = add_unit(call, result->rows[i].id, NULL, /* active_only= */ true);
        }
        if (r == 0)
                ask_next(call);
        else
                call_fail(call, r);
}

static void add_affected(Call *call)
{
        const Validators *validators = call->manager->validators;
        _cleanup_strv_ char **candidates = NULL;
        int r;

        r = validators_units(validators, call->unit_plan->files, &candidates);
        if (r == 0 && strv_length(candidates) == 0) {
                ask_next(call);
                return;
        }
        if (r == 0)
                r = units_list(call->manager->units, candidates, on_candidates, call,
                               &call->request, &call->failure);
        if (r != 0)
                call_fail(call, r);
}

void unit_plan_make(Call *call, void (*done)(Call *call))
{
        const Option *affected = args_option(&call->args, "reload_affected");
        int r;

        call->unit_plan->done = done;
        r = add_options(call);
        if (r < 0)
                call_fail(call, r);
        else if (affected && affected->b)
                add_affected(call);
        else
                ask_next(call);
}

void unit_plan_refresh(Call *call, void (*done)(Call *call))
{
        UnitPlan *plan = call->unit_plan;

        plan->done = done;
        plan->again = true;
        plan->next = 0;
        ask_next(call);
}

void unit_plan_affected(Call *call, void (*done)(Call *call))
{
        call->unit_plan->done = done;
        add_affected(call);
}

/* --- what comes of it --- */

static int note_for_audit(Call *call, const char *unit)
{
        char *joined;

        if (asprintf(&joined, "%s%s%s", call->about_unit ?: "", call->about_unit ? ", " : "",
                     unit) < 0)
                return -ENOMEM;
        free(call->about_unit);
        call->about_unit = joined;
        return 0;
}

int unit_plan_add_rights(Call *call)
{
        UnitPlan *plan = call->unit_plan;
        int r = 0;

        for (size_t i = 0; r == 0 && i < plan->n; i++) {
                const PlannedUnit *unit = &plan->units[i];
                const char *id = unit->id ?: unit->name;

                if (unit->left_out)
                        continue;
                r = note_for_audit(call, id);
                if (r == 0)
                        r = write_right_add_unit(call, id, unit->verb ?: RESTART);
        }
        return r;
}

int unit_plan_settle(Call *call)
{
        UnitPlan *plan = call->unit_plan;

        for (size_t i = 0; i < plan->n; i++) {
                Failure *fault = &plan->units[i].fault;
                Condition condition = fault->condition;

                if (plan->units[i].left_out || condition == EXM_E_NONE)
                        continue;
                failure_move(&call->failure, fault);
                return (int)condition;
        }
        return 0;
}

int unit_plan_record(const Call *call, ChangeRecord *record)
{
        const Option *grace = args_option(&call->args, "grace");
        const UnitPlan *plan = call->unit_plan;
        int r = 0;

        record->grace = grace ? grace->u : GRACE_DEFAULT_SEC;
        for (size_t i = 0; r == 0 && i < plan->n; i++) {
                const PlannedUnit *unit = &plan->units[i];

                if (!unit->left_out)
                        r = change_record_add_unit(record, unit->id, unit->verb, unit->was_active);
        }
        return r;
}

const char *unit_plan_next(const Call *call, size_t *i)
{
        const UnitPlan *plan = call->unit_plan;

        while (*i < plan->n && plan->units[*i].left_out)
                (*i)++;
        return *i < plan->n ? plan->units[(*i)++].id : NULL;
}
