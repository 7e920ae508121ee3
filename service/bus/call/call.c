/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call.c - life, reply and record of a call.
 */
#include "bus/call/call.h"

#include <errno.h>
#include <string.h>

#include "bus/call/idle.h"
#include "bus/call/peer.h"
#include "util/log.h"
#include "util/strv.h"
#include "util/utf8.h"

#define MAX_ERROR_BYTES 8192U
#define MAX_AUDIT_BYTES 1024U /* audit.h cuts there */
#define PREFIX          "org.exmachina1."

Call *call_new(Peer *peer, const Method *method, sd_bus_message *message)
{
        Call *call;

        call = calloc(1, sizeof(*call));
        if (!call)
                return NULL;
        call->n_ref = 1;
        call->manager = peer->manager;
        call->peer = peer;
        call->uid = (uid_t)-1;
        call->wants_parsed = true;
        call->method = method;
        call->message = sd_bus_message_ref(message);
        LIST_INSERT_HEAD(&peer->manager->calls, call, entry);
        return call;
}

Call *call_ref(Call *call)
{
        call->n_ref++;
        return call;
}

Call *call_unref(Call *call)
{
        if (!call || --call->n_ref > 0)
                return NULL;

        if (call->hooks)
                call->hooks->freed(call);
        warm_view_release(call->warm);
        call_set_state(call, NULL, NULL);
        strv_free(call->public_files);
        if (call->plan)
                call->plan_free(call->plan);
        if (call->history)
                call->history_free(call->history);
        auth_check_free(call->check);
        units_request_free(call->request);
        packages_request_free(call->packages);
        diff_free(call->diff);
        args_done(&call->args);
        failure_done(&call->failure);
        free(call->authority);
        free(call->about_file);
        free(call->about_unit);
        free(call->about_key);
        key_unref(call->key);
        if (call->method->sensitive)
                args_wipe(call->message);
        sd_bus_message_unref(call->message);
        free(call);
        return NULL;
}

void call_set_state(Call *call, void *state, void (*state_free)(void *state))
{
        if (call->state)
                call->state_free(call->state);
        call->state = state;
        call->state_free = state_free;
}

int call_set_authority(Call *call, const char *authority)
{
        char *copy;

        if (call->authority && strcmp(call->authority, authority) == 0)
                return 0;
        copy = strdup(authority);
        if (!copy)
                return -ENOMEM;
        free(call->authority);
        call->authority = copy;
        return 0;
}

static bool holds_authority(const char *all, const char *authority)
{
        const char *found = strstr(all, authority);

        return found && strchr(",", found[strlen(authority)]);
}

int call_add_authority(Call *call, const char *authority)
{
        bool first = strncmp(authority, "key:", 4) == 0;
        char *joined;

        if (!call->authority)
                return call_set_authority(call, authority);
        if (holds_authority(call->authority, authority))
                return 0;
        if (asprintf(&joined, "%s, %s", first ? authority : call->authority,
                     first ? call->authority : authority) < 0)
                return -ENOMEM;
        free(call->authority);
        call->authority = joined;
        return 0;
}

int call_add_file(Call *call, const char *file)
{
        char *joined;

        if (call->about_file && strlen(call->about_file) > MAX_AUDIT_BYTES)
                return 0;
        if (asprintf(&joined, "%s%s%s", call->about_file ?: "", call->about_file ? ", " : "",
                     file) < 0)
                return -ENOMEM;
        free(call->about_file);
        call->about_file = joined;
        return 0;
}

int call_budget(Call *call, size_t bytes)
{
        call->reply_bytes += bytes;
        if (call->reply_bytes <= LIMIT_MESSAGE_BYTES)
                return 0;
        return failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                           "the answer is larger than %u bytes: narrow the expression, page with "
                           "offset and limit, or ask for one file",
                           LIMIT_MESSAGE_BYTES);
}

char *call_method_name(const Call *call)
{
        char *name;

        if (asprintf(&name, "%s.%s", call->method->interface + strlen(PREFIX),
                     call->method->member) < 0)
                return NULL;
        return name;
}

static bool is_denial(const char *outcome)
{
        return strcmp(outcome, condition_to_dbus_name(EXM_E_ACCESS_DENIED)) == 0 ||
               strcmp(outcome, condition_to_dbus_name(EXM_E_INTERACTION_REQUIRED)) == 0 ||
               strcmp(outcome, condition_to_dbus_name(EXM_E_BAD_KEY)) == 0;
}

static bool changes_something(const Method *method)
{
        return method->needs == NEEDS_WRITE || method->needs == NEEDS_OWN_OR_WRITE ||
               (method->needs == NEEDS_ACTION &&
                strncmp(method->action, PREFIX "read-", strlen(PREFIX "read-")) != 0);
}

/* The name of the key that is to be made or revoked; Unlock's argument is a key. */
static const char *key_asked_for(const Call *call)
{
        int index = call->method->about_args[0];
        const char *name = index >= 0 ? call->args.arg[index].s : NULL;

        return name && key_name_is_valid(name) ? name : NULL;
}

/* Returns: the names, as many as a record holds; NULL if it is about no packages. */
static char *packages_asked_for(const Call *call)
{
        const Arg *names = &call->args.arg[0];
        char *text = NULL;
        size_t size = 0;
        FILE *out;

        if (call->method->about != ABOUT_PACKAGES || !(out = open_memstream(&text, &size)))
                return NULL;
        for (size_t i = 0; i < names->n_strings && ftell(out) <= (long)MAX_AUDIT_BYTES; i++)
                fprintf(out, "%s%s", i > 0 ? ", " : "", names->strings[i]);
        fclose(out);
        return text;
}

/* Calls that only read are recorded when they were denied; those that may change something always,
 * and what was done about a key (about_key is set by then). */
static void call_audit(Call *call, const char *outcome)
{
        _cleanup_free_ char *method = call_method_name(call);
        bool is_unit = call->method->about == ABOUT_UNIT, is_key = call->method->about == ABOUT_KEY;
        bool is_zone = call->method->about == ABOUT_ZONE, denied = is_denial(outcome);
        _cleanup_free_ char *packages = packages_asked_for(call);
        const char *asked = is_key ? NULL : call->args.arg[0].s;

        if (!denied && !(is_key ? call->about_key != NULL : changes_something(call->method)))
                return;
        audit_write(call->manager->audit,
                    &(AuditRecord){
                            .uid = call->uid,
                            .sender = sd_bus_message_get_sender(call->message),
                            .method = method ?: call->method->member,
                            .file = call->about_file ?: (is_unit || is_zone ? NULL : asked),
                            .unit = call->about_unit ?: (is_unit ? asked : NULL),
                            .zone = is_zone ? asked : NULL,
                            .packages = packages,
                            .key = call->about_key
                                           ?: is_key ? key_asked_for(call)
                                                     : NULL,
                            .authority = denied ? NULL : call->authority,
                            .outcome = outcome,
                            .message = call->about_message,
                            .change = call->change,
                    });
}

void call_note_begun(Call *call)
{
        call_audit(call, "begun");
}

/* From here on nothing that comes back is used; the transaction serves its next call. */
static void call_end(Call *call)
{
        Manager *m = call->manager;

        call->dead = true;
        call->peer = NULL;
        call->check = auth_check_free(call->check);
        call->request = units_request_free(call->request);
        call->packages = packages_request_free(call->packages);
        call->diff = diff_free(call->diff);
        LIST_REMOVE(call, entry);
        if (call->hooks)
                call->hooks->ended(call);
        call_unref(call);
        idle_touch(m->idle);
}

int call_new_reply(Call *call, sd_bus_message **ret)
{
        return sd_bus_message_new_method_return(call->message, ret);
}

void call_send(Call *call, sd_bus_message *reply)
{
        int r;

        if (call->dead) {
                sd_bus_message_unref(reply);
                return;
        }
        if (!call->authority) {
                log_error("%s.%s: a reply without an authorisation on record was held back",
                          call->method->interface, call->method->member);
                sd_bus_message_unref(reply);
                call_fail(call, EXM_E_ACCESS_DENIED);
                return;
        }
        r = sd_bus_send(call->manager->bus, reply, NULL);
        sd_bus_message_unref(reply);
        if (r < 0)
                log_warning("%s.%s: the reply cannot be sent: %s", call->method->interface,
                            call->method->member, strerror(-r));
        call_audit(call, "done");
        call_end(call);
}

void call_reply(Call *call, const char *types, ...)
{
        sd_bus_message *reply = NULL;
        va_list ap;
        int r;

        if (call->dead)
                return;
        r = call_new_reply(call, &reply);
        if (r >= 0 && *types) {
                va_start(ap, types);
                r = sd_bus_message_appendv(reply, types, ap);
                va_end(ap);
        }
        if (r < 0) {
                sd_bus_message_unref(reply);
                call_fail(call, r);
                return;
        }
        call_send(call, reply);
}

void call_cancel(Call *call)
{
        if (call->past_return)
                call->peer = NULL;
        else
                call_end(call);
}

static const char *default_text(int r)
{
        switch (r) {
        case EXM_E_ACCESS_DENIED:
                return "not authorised";
        case EXM_E_INTERACTION_REQUIRED:
                return "authentication is required: call again with interaction allowed";
        case EXM_E_WORKER_FAILED:
                return "the worker process failed on this call: try again";
        default:
                return "internal error; see: journalctl -u exmachina";
        }
}

void call_fail(Call *call, int r)
{
        _cleanup_free_ char *clean = NULL;
        const char *name, *text;
        int s;

        if (call->dead)
                return;
        if (r <= 0) {
                log_error("%s.%s: %s", call->method->interface, call->method->member,
                          strerror(r == 0 ? EPROTO : -r));
                failure_done(&call->failure);
        } else if (call->failure.condition != EXM_E_NONE) {
                r = call->failure.condition;
        }
        name = condition_to_dbus_name(r);
        text = call->failure.message ?: default_text(r);
        clean = utf8_sanitise(text, strnlen(text, MAX_ERROR_BYTES));
        s = sd_bus_reply_method_errorf(call->message, name, "%s", clean ?: "out of memory");
        if (s < 0)
                log_warning("%s.%s: the error cannot be sent: %s", call->method->interface,
                            call->method->member, strerror(-s));
        call_audit(call, name);
        call_end(call);
}
