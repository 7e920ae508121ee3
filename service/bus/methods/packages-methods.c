/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * packages-methods.c - org.exmachina1.Packages: thin; the gate has checked the names and authorised
 * the verb on each of them.
 */
#include <errno.h>
#include <string.h>

#include "bus/reach/query.h"
#include "bus/right/write-right.h"
#include "util/log.h"
#include "util/strv.h"
#include "util/utf8.h"

#define INTERFACE           "org.exmachina1.Packages"
#define OPERATION_MAX_BYTES 64U
#define MAX_STATUS_USER     2U
#define MAX_STATUS_TOTAL    4U

static const char *operation_of(const Call *call)
{
        const Option *operation = args_option(&call->args, "operation");

        return operation ? operation->s : "";
}

/* To the caller alone; who has gone is told nothing. */
static void on_progress(unsigned percent, const char *detail, void *userdata)
{
        sd_bus_message *signal = NULL;
        const Call *call = userdata;
        int r;

        if (call->dead || !call->peer)
                return;
        r = sd_bus_message_new_signal(call->manager->bus, &signal, MANAGER_PATH, INTERFACE,
                                      "Progress");
        if (r >= 0)
                r = sd_bus_message_append(signal, "sus", operation_of(call), percent, detail);
        if (r >= 0)
                r = sd_bus_message_set_destination(signal,
                                                   sd_bus_message_get_sender(call->message));
        if (r >= 0)
                r = sd_bus_send(call->manager->bus, signal, NULL);
        sd_bus_message_unref(signal);
        if (r < 0)
                log_warning("The signal Progress cannot be sent: %s", strerror(-r));
}

static int append_rows(Call *call, sd_bus_message *reply, const PackagesResult *result)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < result->n_rows; i++) {
                const PackageRow *row = &result->rows[i];

                r = sd_bus_message_append(reply, "a{sv}", 4, "name", "s", row->name, "installed",
                                          "s", row->installed, "candidate", "s", row->candidate,
                                          "automatic", "b", row->automatic);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_changes(Call *call, sd_bus_message *reply, const PackagesResult *result)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sss)");
        for (size_t i = 0; r >= 0 && i < result->n_changes; i++) {
                const PackageChange *change = &result->changes[i];

                r = call_budget(call, strlen(change->name) + strlen(change->version) + 64);
                if (r != 0)
                        return r;
                r = sd_bus_message_append(reply, "(sss)", change->action, change->name,
                                          change->version);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* call_end() frees the request. */
static void on_done(int r, Failure *f, const PackagesResult *result, void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;

        if (r == 0)
                r = call_new_reply(call, &reply);
        else if (f)
                failure_move(&call->failure, f);
        if (r >= 0 && reply && result->rows)
                r = append_rows(call, reply, result);
        else if (r >= 0 && reply && strcmp(call->method->member, "Refresh") != 0)
                r = append_changes(call, reply, result);
        query_finish(call, r, reply);
}

/* --- removals that were not named --- */

static void go_on(Call *call)
{
        int r = packages_go_on(call->packages, &call->failure);

        if (r != 0)
                call_fail(call, r);
}

/* Each is asked for as if it had been named. */
static void on_judge(char *const *removals, void *userdata)
{
        Call *call = userdata;
        int r = 0;

        write_right_done(call->right);
        for (char *const *name = removals; r == 0 && name && *name; name++)
                r = write_right_add_package(call, *name, "remove");
        if (r == 0)
                write_right_ask(call, go_on);
        else
                call_fail(call, r);
}

static void on_committing(void *userdata)
{
        Call *call = userdata;

        call->past_return = true;
        call_note_begun(call);
}

/* --- methods --- */

static int check_operation(Call *call)
{
        const char *operation = operation_of(call);

        if (strlen(operation) <= OPERATION_MAX_BYTES && utf8_is_plain(operation))
                return 0;
        return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                           "operation: must be at most %u bytes without control characters",
                           OPERATION_MAX_BYTES);
}

static int start(Call *call, PackagesVerb verb)
{
        const PackagesOwner owner = { .done = on_done,
                                      .progress = verb == PACKAGES_STATUS ? NULL : on_progress,
                                      .judge = on_judge,
                                      .committing = on_committing,
                                      .userdata = call };
        const Option *allow = args_option(&call->args, "allow_more_removals");
        const Arg *names = &call->args.arg[0];
        int r = check_operation(call);

        if (r != 0)
                return r;
        return packages_start(call->manager->packages, verb, names->strings, names->n_strings,
                              allow && allow->b, &owner, &call->packages, &call->failure);
}

/* Each is a load of PackageKit's cache that others wait for. */
static int check_few(Call *call)
{
        unsigned n_user = 0, n_total = 0;
        const Call *other;

        LIST_FOREACH(other, &call->manager->calls, entry) {
                if (other->method != call->method || !other->packages)
                        continue;
                n_total++;
                if (other->uid == call->uid)
                        n_user++;
        }
        if (n_user < MAX_STATUS_USER && n_total < MAX_STATUS_TOTAL)
                return 0;
        return failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                           "too many questions about packages are open (at most %u of one user, %u "
                           "in all): wait for an answer",
                           MAX_STATUS_USER, MAX_STATUS_TOTAL);
}

int method_packages_package_status(Call *call)
{
        int r = check_few(call);

        return r != 0 ? r : start(call, PACKAGES_STATUS);
}

int method_packages_refresh(Call *call)
{
        return start(call, PACKAGES_REFRESH);
}

int method_packages_install(Call *call)
{
        return start(call, PACKAGES_INSTALL);
}

int method_packages_remove(Call *call)
{
        return start(call, PACKAGES_REMOVE);
}
