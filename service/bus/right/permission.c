/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * permission.c - what a key covers, what polkit is asked, what goes on record.
 */
#include "bus/right/permission.h"

#include <errno.h>
#include <string.h>

#include "bus/right/binding.h"

#define PREFIX "org.exmachina1."

static bool is_action(const AuthQuestion *question, const char *name)
{
        return strcmp(question->action, name) == 0;
}

bool permission_covers(const Grants *grants, const AuthQuestion *question)
{
        if (is_action(question, PREFIX "read-config"))
                return question->file ? grants_read(grants, question->file, /* is_public= */ true)
                                      : grants_any_file(grants);
        if (is_action(question, PREFIX "read-units"))
                return question->unit && grants_any_verb(grants, question->unit);
        if (is_action(question, PREFIX "manage-units") ||
            is_action(question, PREFIX "manage-unit-files"))
                return question->unit && question->verb &&
                       grants_unit(grants, question->unit, question->verb);
        if (is_action(question, PREFIX "set-timezone"))
                return grants->timezone;
        if (is_action(question, PREFIX "manage-packages"))
                return question->package && grants_package(grants, question->package);
        if (is_action(question, PREFIX "read-packages") ||
            is_action(question, PREFIX "refresh-packages"))
                return grants_any_package(grants);
        if (!question->file)
                return false;
        if (is_action(question, PREFIX "read-secret-config"))
                return grants_read(grants, question->file, /* is_public= */ false);
        if (is_action(question, PREFIX "write-config"))
                return grants_write(grants, question->file, /* is_ordinary= */ true,
                                    question->only_text);
        if (is_action(question, PREFIX "write-sensitive-config"))
                return grants_write(grants, question->file, /* is_ordinary= */ false,
                                    question->only_text);
        return false;
}

/* --- on record --- */

/* The rights by which something is changed stand together, the key's first: it owns the change.
 * Beside them those to read do not count. */
static int put_on_record(Call *call, const char *action, const char *authority)
{
        bool acts = strncmp(action, PREFIX "read-", strlen(PREFIX "read-")) != 0;

        if (!acts)
                return call->acts ? 0 : call_set_authority(call, authority);
        if (call->acts)
                return call_add_authority(call, authority);
        call->acts = true;
        return call_set_authority(call, authority);
}

int permission_record(Call *call)
{
        _cleanup_free_ char *authority = NULL;

        if (asprintf(&authority, "polkit:%s", call->asked) < 0) {
                authority = NULL;
                return -ENOMEM;
        }
        return put_on_record(call, call->asked, authority);
}

/* --- the key --- */

/* From here on the call rests on the key. */
static void use_key(Call *call, Key *key)
{
        if (call->key == key)
                return;
        key_unref(call->key);
        call->key = key_ref(key);
}

const Key *permission_hold_key(Call *call)
{
        Key *key = call_key(call);

        if (key)
                use_key(call, key);
        return key;
}

bool permission_by_key(Call *call, const AuthQuestion *question)
{
        _cleanup_free_ char *authority = NULL;
        Key *key = call_key(call);

        if (!key || !permission_covers(&key->grants, question))
                return false;
        authority = key_authority(key);
        if (!authority || put_on_record(call, question->action, authority) < 0)
                return false;
        use_key(call, key);
        return true;
}

bool permission_may_look(Call *call, const char *file)
{
        Key *key = call_key(call);

        if (!key || !grants_may_look(&key->grants, file))
                return false;
        use_key(call, key);
        return true;
}

bool permission_may_walk(Call *call, const char *prefix)
{
        Key *key = call_key(call);

        if (!key || !grants_may_walk(&key->grants, prefix))
                return false;
        use_key(call, key);
        return true;
}

/* --- polkit --- */

static void on_verdict(int r, Failure *f, AuthVerdict verdict, void *userdata)
{
        Call *call = userdata;

        call->by_dialog = auth_check_had_dialog(call->check);
        call->check = auth_check_free(call->check);
        call->answered(call, r, f, verdict);
}

void permission_ask_polkit(Call *call, const AuthQuestion *question, bool interactive,
                           PermissionDone done)
{
        _cleanup_free_ char *method = call_method_name(call);
        AuthQuestion full = *question;
        int r;

        full.sender = sd_bus_message_get_sender(call->message);
        full.uid = call->uid;
        full.method = method;
        full.interactive = interactive &&
                           sd_bus_message_get_allow_interactive_authorization(call->message) > 0;
        call->asked = question->action;
        call->answered = done;
        r = !method ? -ENOMEM
                    : authoriser_ask(call->manager->authoriser, &full, on_verdict, call,
                                     &call->check);
        if (r < 0)
                call_fail(call, r);
}

int call_wants_interaction(Call *call, const char *action)
{
        return failure_set(&call->failure, EXM_E_INTERACTION_REQUIRED,
                           "%s: authentication is required: call again with interaction allowed "
                           "(busctl --allow-interactive-authorization=yes), or ask the "
                           "administrator for a polkit rule",
                           action);
}

static void on_required(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        if (r == 0 && verdict == AUTH_YES) {
                r = permission_record(call);
                if (r == 0)
                        call->next(call);
                else
                        call_fail(call, r);
                return;
        }
        /* Whatever was found out before is not for this caller. */
        failure_done(&call->failure);
        if (f)
                failure_move(&call->failure, f);
        if (r == 0 && verdict == AUTH_CHALLENGE)
                r = call_wants_interaction(call, call->asked);
        else if (r == 0)
                r = failure_set(&call->failure, EXM_E_ACCESS_DENIED, "%s: not authorised",
                                call->asked);
        call_fail(call, r);
}

void call_authorise_by_polkit(Call *call, const AuthQuestion *question, void (*next)(Call *call))
{
        call->next = next;
        permission_ask_polkit(call, question, /* interactive= */ true, on_required);
}

void call_authorise(Call *call, const AuthQuestion *question, void (*next)(Call *call))
{
        if (permission_by_key(call, question))
                next(call);
        else
                call_authorise_by_polkit(call, question, next);
}
