/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units-methods.c - org.exmachina1.Units: thin; the gate has resolved the unit (call->about_unit is
 * its real id) and authorised the verb on it.
 */
#include <errno.h>
#include <string.h>

#include "bus/reach/query.h"
#include "bus/right/permission.h"

#define OUR_UNIT        "exmachina.service"
#define MAX_LISTS_USER  2U
#define MAX_LISTS_TOTAL 8U

static UnitVerb verb_of(const Call *call)
{
        UnitVerb verb = 0;

        while (verb < _UNIT_VERB_MAX && strcmp(unit_verb_to_string(verb), call->method->verb) != 0)
                verb++;
        return verb;
}

static int append_rows(Call *call, sd_bus_message *reply, const UnitsResult *result)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ssssss)");
        for (size_t i = 0; r >= 0 && i < result->n_rows; i++) {
                const UnitRow *row = &result->rows[i];

                r = call_budget(call, strlen(row->id) + strlen(row->description) + 128);
                if (r != 0)
                        return r;
                r = sd_bus_message_append(reply, "(ssssss)", row->id, row->description,
                                          row->load_state, row->active_state, row->sub_state,
                                          row->unit_file_state);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Takes the end of a request apart: the failure, or a fresh reply to be filled. */
static bool take_result(Call *call, int r, Failure *f, sd_bus_message **ret)
{
        call->request = units_request_free(call->request);
        if (r == 0)
                r = call_new_reply(call, ret);
        else
                failure_move(&call->failure, f);
        if (r >= 0 && call->failure.condition == EXM_E_NONE)
                return true;
        call_fail(call, r);
        return false;
}

static void on_list(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;

        if (!take_result(call, r, f, &reply))
                return;
        r = append_rows(call, reply, result);
        query_finish(call,
                     call->failure.condition != EXM_E_NONE ? (int)call->failure.condition
                     : r < 0                               ? r
                                                           : 0,
                     reply);
}

/* A list of all units is work for systemd that everybody waits for: one user has few of them made
 * at a time. */
static int check_few_lists(Call *call)
{
        unsigned n_user = 0, n_total = 0;
        const Call *other;

        LIST_FOREACH(other, &call->manager->calls, entry) {
                if (other->method != call->method || !other->request)
                        continue;
                n_total++;
                if (other->uid == call->uid)
                        n_user++;
        }
        if (n_user < MAX_LISTS_USER && n_total < MAX_LISTS_TOTAL)
                return 0;
        return failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                           "too many lists of units are being made (at most %u of one user, %u in "
                           "all): wait for an answer",
                           MAX_LISTS_USER, MAX_LISTS_TOTAL);
}

static int list_units(Call *call)
{
        const Arg *patterns = &call->args.arg[0];
        _cleanup_free_ char **list = calloc(patterns->n_strings + 1, sizeof(char *));

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < patterns->n_strings; i++)
                list[i] = (char *)patterns->strings[i];
        return units_list(call->manager->units, list, on_list, call, &call->request,
                          &call->failure);
}

int method_units_list_units(Call *call)
{
        int r = check_few_lists(call);

        return r != 0 ? r : list_units(call);
}

static int append_status(sd_bus_message *reply, const UnitStatus *status)
{
        const struct {
                const char *key, *value;
        } rows[] = {
                { "id", status->id },
                { "description", status->description },
                { "load_state", status->load_state },
                { "active_state", status->active_state },
                { "sub_state", status->sub_state },
                { "unit_file_state", status->unit_file_state },
        };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(rows); i++)
                r = sd_bus_message_append(reply, "{sv}", rows[i].key, "s", rows[i].value ?: "");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}", "main_pid", "u", status->main_pid,
                                          "changed", "t", status->changed);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', "names");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, status->names);
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static void on_status(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;

        if (!take_result(call, r, f, &reply))
                return;
        r = append_status(reply, result->status);
        query_finish(call, r < 0 ? r : 0, reply);
}

int method_units_status(Call *call)
{
        return units_status(call->manager->units, call->about_unit, on_status, call,
                            &call->request);
}

/* A call that ends the service that carries it out could never be answered. */
static int check_not_ourselves(Call *call, UnitVerb verb, bool now)
{
        bool stops = verb == UNIT_STOP || verb == UNIT_RESTART || verb == UNIT_RELOAD_OR_RESTART ||
                     verb == UNIT_MASK || verb == UNIT_DISABLE || now;

        if (!stops || strcmp(call->about_unit, OUR_UNIT) != 0)
                return 0;
        return failure_set(&call->failure, EXM_E_REFUSED,
                           OUR_UNIT ": is not stopped through itself; use: systemctl %s " OUR_UNIT,
                           call->method->verb);
}

static void on_job(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;

        if (!take_result(call, r, f, &reply))
                return;
        r = sd_bus_message_append(reply, "ss", result->result, result->active_state);
        query_finish(call, r < 0 ? r : 0, reply);
}

static int run_job(Call *call)
{
        UnitVerb verb = verb_of(call);
        int r;

        r = check_not_ourselves(call, verb, /* now= */ false);
        if (r != 0)
                return r;
        return units_job(call->manager->units, call->about_unit, verb, on_job, call,
                         &call->request);
}

int method_units_start(Call *call)
{
        return run_job(call);
}

int method_units_stop(Call *call)
{
        return run_job(call);
}

int method_units_restart(Call *call)
{
        return run_job(call);
}

int method_units_reload(Call *call)
{
        return run_job(call);
}

int method_units_reload_or_restart(Call *call)
{
        return run_job(call);
}

/* --- unit files --- */

static void on_now_done(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;

        if (!take_result(call, r, f, &reply))
                return;
        sd_bus_message_unref(reply);
        reply = call->state;
        call->state = NULL;
        call_send(call, reply);
}

static void reply_free(void *reply)
{
        sd_bus_message_unref(reply);
}

static void on_files_changed(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        const Option *now;
        sd_bus_message *reply = NULL;
        Call *call = userdata;

        if (!take_result(call, r, f, &reply))
                return;
        now = args_option(&call->args, "now");
        r = sd_bus_message_open_container(reply, 'a', "(sss)");
        for (size_t i = 0; r >= 0 && i < result->n_changes; i++)
                r = sd_bus_message_append(reply, "(sss)", result->changes[i].type,
                                          result->changes[i].file, result->changes[i].source);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r < 0 || !now || !now->b) {
                query_finish(call, r < 0 ? r : 0, reply);
                return;
        }
        call_set_state(call, reply, reply_free);
        r = units_job(call->manager->units, call->about_unit,
                      verb_of(call) == UNIT_ENABLE ? UNIT_START : UNIT_STOP, on_now_done, call,
                      &call->request);
        if (r < 0)
                call_fail(call, r);
}

static void change_files(Call *call)
{
        int r;

        r = units_change_files(call->manager->units, call->about_unit, verb_of(call),
                               on_files_changed, call, &call->request);
        if (r < 0)
                call_fail(call, r);
}

/* Option `now` is a job too and needs that right as well, before anything has changed. */
static int run_change(Call *call)
{
        const Option *now = args_option(&call->args, "now");
        UnitVerb verb = verb_of(call);
        int r;

        r = check_not_ourselves(call, verb, now && now->b && verb != UNIT_ENABLE);
        if (r != 0)
                return r;
        if (now && now->b)
                call_authorise(call,
                               &(AuthQuestion){ .action = "org.exmachina1.manage-units",
                                                .unit = call->about_unit,
                                                .verb = verb == UNIT_ENABLE ? "start" : "stop" },
                               change_files);
        else
                change_files(call);
        return 0;
}

int method_units_enable(Call *call)
{
        return run_change(call);
}

int method_units_disable(Call *call)
{
        return run_change(call);
}

int method_units_mask(Call *call)
{
        return run_change(call);
}

int method_units_unmask(Call *call)
{
        return run_change(call);
}
