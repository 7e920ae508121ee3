/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.c - the one way in: decode, validate, authorise, run. Read it from its end:
 *
 *   gate_on_method()  every method of every vtable: finds the row, decodes, checks limits
 *   admit()           the caller's uid is known: its turn in its transaction
 *   check_key()       the connection's key is still what it was
 *   start()           authorise by what the row needs
 *   run()             the method
 *
 * A method that is not in the table is denied; one whose row names no right does not build. Nothing
 * here or in a method asks who the caller says it is.
 *
 * The order matters: arguments are decoded and their syntax checked before anybody is asked, so
 * that a call that could never work costs no dialog; nothing on disk is looked at before polkit has
 * been asked for the name that the caller gave (reach.c); the decoded arguments are what runs.
 */
#include "bus/call/method.h"

#include <errno.h>
#include <string.h>

#include "bus/call-parts.h"
#include "bus/call/calls.h"
#include "bus/call/idle.h"
#include "bus/call/peer.h"
#include "bus/call/transaction.h"
#include "bus/change/history.h"
#include "bus/reach/reach.h"
#include "bus/right/binding.h"
#include "bus/right/permission.h"
#include "bus/right/write-right.h"
#include "files/localtime.h"
#include "util/log.h"

static const Method *method_find(const char *interface, const char *member)
{
        for (size_t i = 0; interface && member && i < n_methods; i++)
                if (strcmp(methods[i].interface, interface) == 0 &&
                    strcmp(methods[i].member, member) == 0)
                        return &methods[i];
        return NULL;
}

static int refuse(sd_bus_message *message, Condition condition, const char *text)
{
        return sd_bus_reply_method_errorf(message, condition_to_dbus_name(condition), "%s", text);
}

static void run(Call *call)
{
        int r;

        if (call->dead)
                return;
        call_ref(call);
        r = call->method->run(call);
        if (r != 0)
                call_fail(call, r);
        call_unref(call);
}

/* A name that systemd does not know is told only to who may ask for it. */
static void on_unknown_unit_authorised(Call *call)
{
        call_fail(call, EXM_E_NO_SUCH_UNIT);
}

static void ask_for_unit(Call *call, const char *unit, void (*next)(Call *call))
{
        call_authorise(call,
                       &(AuthQuestion){ .action = call->method->action,
                                        .unit = unit,
                                        .verb = call->method->verb },
                       next);
}

static void on_unit_resolved(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        Call *call = userdata;

        call->request = units_request_free(call->request);
        if (r == 0) {
                call->about_unit = strdup(result->id);
                if (call->about_unit)
                        ask_for_unit(call, call->about_unit, run);
                else
                        call_fail(call, -ENOMEM);
                return;
        }
        failure_move(&call->failure, f);
        if (r == EXM_E_NO_SUCH_UNIT)
                ask_for_unit(call, call->args.arg[call->method->about_args[0]].s,
                             on_unknown_unit_authorised);
        else
                call_fail(call, r);
}

static void start_unit_call(Call *call)
{
        const char *name = call->args.arg[call->method->about_args[0]].s;
        int r;

        r = unit_name_check(name, &call->failure);
        if (r == 0)
                r = units_resolve(call->manager->units, name, on_unit_resolved, call,
                                  &call->request);
        if (r != 0)
                call_fail(call, r);
}

static void start_zone_call(Call *call)
{
        const char *zone = call->args.arg[call->method->about_args[0]].s;

        if (zone_name_is_valid(zone))
                call_authorise(
                        call, &(AuthQuestion){ .action = call->method->action, .zone = zone }, run);
        else
                call_fail(call, failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                            "timezone: must be a name as Europe/Berlin; see "
                                            "ListTimezones"));
}

/* Who wants to change some is asked for each by itself; knowing of them is one right. */
static void start_packages_call(Call *call)
{
        const Arg *names = &call->args.arg[call->method->about_args[0]];
        int r;

        r = packages_check_names(names->strings, names->n_strings, &call->failure);
        for (size_t i = 0; r == 0 && call->method->verb && i < names->n_strings; i++)
                r = write_right_add_package(call, names->strings[i], call->method->verb);
        if (r != 0)
                call_fail(call, r);
        else if (call->method->verb)
                write_right_ask(call, run);
        else
                call_authorise(call, &(AuthQuestion){ .action = call->method->action }, run);
}

static void start(Call *call)
{
        const Method *method = call->method;
        int r;

        switch (method->needs) {
        case NEEDS_PUBLIC:
                r = call_set_authority(call, "public");
                if (r == 0)
                        run(call);
                else
                        call_fail(call, r);
                return;
        case NEEDS_READ:
        case NEEDS_WRITE:
                if (method->about == ABOUT_CHANGE)
                        history_start(call, run);
                else
                        reach_start(call, run);
                return;
        case NEEDS_OWN_OR_HISTORY:
        case NEEDS_OWN_OR_WRITE:
                history_start(call, run);
                return;
        case NEEDS_ACTION:
                if (method->about == ABOUT_UNIT)
                        start_unit_call(call);
                else if (method->about == ABOUT_ZONE)
                        start_zone_call(call);
                else if (method->about == ABOUT_PACKAGES)
                        start_packages_call(call);
                else
                        call_authorise(call, &(AuthQuestion){ .action = method->action }, run);
                return;
        }
        call_fail(call, EXM_E_ACCESS_DENIED);
}

static void check_key(Call *call)
{
        binding_refresh(call, start);
}

static void admit(Call *call)
{
        const Limits *limits = call->manager->limits;
        unsigned n_user, n_total;

        call->admitted = true;
        if (call->peer->state != PEER_KNOWN) {
                failure_done(&call->failure);
                failure_set(&call->failure, EXM_E_ACCESS_DENIED,
                            "not authorised: the bus could not say who calls");
                call_fail(call, EXM_E_ACCESS_DENIED);
                return;
        }
        call->uid = call->peer->uid;
        calls_count(call->manager, call->uid, &n_user, &n_total);
        if (n_user > limits->calls_user) {
                failure_done(&call->failure);
                failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                            "more than %u calls of one user are under way: wait for an answer",
                            limits->calls_user);
                call_fail(call, EXM_E_LIMIT_EXCEEDED);
                return;
        }
        if (call->fault != 0)
                call_fail(call, call->fault);
        else if (call->transaction)
                transaction_take_turn(call->transaction, call);
        else
                call->start(call);
}

static Call *first_waiting(const Peer *peer)
{
        Call *call;

        LIST_FOREACH(call, &peer->manager->calls, entry)
                if (call->peer == peer && !call->admitted)
                        return call;
        return NULL;
}

/* The calls that waited for the answer go on, or are denied. */
static void on_settled(Peer *peer)
{
        Call *call;

        while ((call = first_waiting(peer)))
                admit(call);
}

int gate_on_method(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const Method *method = method_find(sd_bus_message_get_interface(message),
                                           sd_bus_message_get_member(message));
        Transaction *transaction = NULL;
        unsigned n_user, n_total;
        Manager *m = userdata;
        Peer *peer;
        Call *call;
        int r;

        if (!sd_bus_message_get_interface(message))
                return refuse(message, EXM_E_INVALID_ARGS, "name the interface of the method");
        if (!method || !sd_bus_message_get_sender(message))
                return refuse(message, EXM_E_ACCESS_DENIED, "not authorised");
        if (strcmp(method->interface, "org.exmachina1.Transaction") == 0) {
                transaction = userdata;
                m = transaction_manager(transaction);
        }
        calls_count(m, (uid_t)-1, &n_user, &n_total);
        if (n_total >= m->limits->calls_total) {
                if (method->sensitive)
                        args_wipe(message);
                return refuse(message, EXM_E_LIMIT_EXCEEDED,
                              "too many calls are under way: try again later");
        }

        r = peer_get(m, sd_bus_message_get_sender(message), on_settled, &peer);
        if (r < 0)
                return r;
        call = call_new(peer, method, message);
        if (!call)
                return -ENOMEM;
        call->start = check_key;
        r = call_parts_add(call, transaction);
        if (r < 0) {
                call_fail(call, r);
                return 1;
        }
        idle_touch(m->idle);
        call->fault = args_decode(&call->args, method, message, m->limits, &call->failure);
        if (peer->state != PEER_ASKING)
                admit(call);
        return 1;
}
