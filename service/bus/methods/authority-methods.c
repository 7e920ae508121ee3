/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * authority-methods.c - org.exmachina1.Authority but for Unlock (unlock.c) and Permitted
 * (permitted.c): give up, who am I, make, list, revoke.
 */
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "auth/key-warnings.h"
#include "bus/call/peer.h"
#include "bus/reach/query.h"
#include "bus/right/binding.h"
#include "bus/right/key-watch.h"
#include "util/strv.h"

static int run_task(Call *call, TaskFn work, TaskFn done)
{
        int r;

        r = task_run(call->manager->pool, work, done, call_ref(call));
        if (r < 0)
                call_unref(call);
        return r;
}

static int append_list(sd_bus_message *reply, const char *name, char **list)
{
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', name);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, list);
        for (int i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

/* What WhoAmI and ListKeys tell of a key. */
static int append_grants(sd_bus_message *reply, const Grants *grants)
{
        int r;

        r = append_list(reply, "read", grants->read);
        if (r >= 0)
                r = append_list(reply, "write", grants->write);
        if (r >= 0)
                r = append_list(reply, "units", grants->units);
        if (r >= 0)
                r = append_list(reply, "packages", grants->packages);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "timezone", "b", grants->timezone);
        return r < 0 ? r : sd_bus_message_append(reply, "{sv}", "expires", "t", grants->expires);
}

/* --- Lock, WhoAmI --- */

int method_authority_lock(Call *call)
{
        const Key *key = call->peer->key;
        _cleanup_free_ char *authority = key ? key_authority(key) : NULL;
        int r = 0;

        if (key) {
                call->about_key = strdup(key->name);
                r = authority && call->about_key ? call_set_authority(call, authority) : -ENOMEM;
        }
        /* A right is given up also when there is no memory to say so. */
        peer_drop_key(call->peer);
        if (r == 0)
                call_reply(call, "");
        return r;
}

typedef struct Identity {
        uid_t uid;
        char *user;
} Identity;

static void identity_free(void *userdata)
{
        Identity *identity = userdata;

        free(identity->user);
        free(identity);
}

static void identity_work(void *userdata)
{
        Identity *identity = ((Call *)userdata)->state;
        struct passwd entry, *found = NULL;
        char buffer[16384];

        if (getpwuid_r(identity->uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
                identity->user = strdup(found->pw_name);
}

static int append_identity(Call *call, sd_bus_message *reply, const Identity *identity)
{
        const Key *key = call_key(call);
        const Grants none = { 0 };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}", "uid", "u", (uint32_t)call->uid,
                                          "user", "s", identity->user ?: "", "key", "s",
                                          key ? key->name : "");
        if (r >= 0)
                r = append_grants(reply, key ? &key->grants : &none);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_identity(void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;
        int r;

        if (!call->dead) {
                r = call_new_reply(call, &reply);
                if (r >= 0)
                        r = append_identity(call, reply, call->state);
                query_finish(call, r < 0 ? r : 0, reply);
        }
        call_unref(call);
}

int method_authority_who_am_i(Call *call)
{
        Identity *identity = calloc(1, sizeof(*identity));

        if (!identity)
                return -ENOMEM;
        identity->uid = call->uid;
        call_set_state(call, identity, identity_free);
        return run_task(call, identity_work, on_identity);
}

/* --- CreateKey --- */

typedef struct Creation {
        const Manager *manager;
        const char *name;
        Grants grants; /* its strings are the message's */
        char *text;
        char **warnings;
        int r;
        Failure failure;
} Creation;

static void creation_free(void *userdata)
{
        Creation *creation = userdata;

        secret_free(creation->text);
        strv_free(creation->warnings);
        free(creation->grants.read);
        free(creation->grants.write);
        free(creation->grants.units);
        free(creation->grants.packages);
        failure_done(&creation->failure);
        free(creation);
}

/* A strv whose strings are the message's. Returns: 0 or -ENOMEM. */
static int borrow_list(const Call *call, const char *name, char ***ret)
{
        const Option *option = args_option(&call->args, name);

        if (!option)
                return 0;
        *ret = calloc(option->n_strings + 1, sizeof(char *));
        if (!*ret)
                return -ENOMEM;
        for (size_t i = 0; i < option->n_strings; i++)
                (*ret)[i] = (char *)option->strings[i];
        return 0;
}

static int fill_grants(const Call *call, Grants *grants)
{
        const Option *expires = args_option(&call->args, "expires");
        const Option *privileged = args_option(&call->args, "privileged");
        const Option *timezone = args_option(&call->args, "timezone");
        int r;

        grants->user = (char *)args_option(&call->args, "user")->s;
        grants->expires = expires ? expires->t : 0;
        grants->privileged = privileged && privileged->b;
        grants->timezone = timezone && timezone->b;
        r = borrow_list(call, "read", &grants->read);
        if (r == 0)
                r = borrow_list(call, "write", &grants->write);
        if (r == 0)
                r = borrow_list(call, "packages", &grants->packages);
        return r < 0 ? r : borrow_list(call, "units", &grants->units);
}

static void create_work(void *userdata)
{
        Creation *creation = ((Call *)userdata)->state;
        const Manager *m = creation->manager;

        creation->r = key_store_create(m->keys, creation->name, &creation->grants, &creation->text,
                                       &creation->failure);
        /* The grants have been checked now. A key that nobody is told of is none. */
        if (creation->r != 0)
                return;
        creation->r = key_warnings(m->ways, m->ordinary, &creation->grants, &creation->warnings);
        if (creation->r < 0)
                key_store_revoke(m->keys, creation->name, NULL);
}

static int append_created(Call *call, sd_bus_message *reply, const Creation *creation)
{
        int r;

        r = sd_bus_message_sensitive(reply);
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', creation->text);
        return r < 0 ? r : sd_bus_message_append_strv(reply, creation->warnings);
}

static void on_created(void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;
        Creation *creation = call->state;
        int r = creation->r;

        if (!call->dead) {
                failure_move(&call->failure, &creation->failure);
                if (r == 0)
                        r = call_new_reply(call, &reply);
                if (r >= 0 && reply)
                        r = append_created(call, reply, creation);
                query_finish(call, r >= 0 && reply ? 0 : r, reply);
        }
        call_unref(call);
}

/* What is no name may be a key that was given by mistake. */
static int note_key(Call *call, const char *name)
{
        call->about_key = strdup(key_name_is_valid(name) ? name : "");
        return call->about_key ? 0 : -ENOMEM;
}

int method_authority_create_key(Call *call)
{
        Creation *creation;
        int r;

        creation = calloc(1, sizeof(*creation));
        if (!creation)
                return -ENOMEM;
        call_set_state(call, creation, creation_free);
        creation->manager = call->manager;
        creation->name = call->args.arg[0].s;
        r = note_key(call, creation->name);
        if (r == 0)
                r = fill_grants(call, &creation->grants);
        if (r < 0)
                return r;
        /* What is made is on record though its caller has gone. */
        call->past_return = true;
        return run_task(call, create_work, on_created);
}

/* --- ListKeys --- */

typedef struct Keys {
        KeyStore *store;
        Key **keys;
        size_t n;
        int r;
} Keys;

static void keys_free(void *userdata)
{
        Keys *keys = userdata;

        for (size_t i = 0; i < keys->n; i++)
                key_unref(keys->keys[i]);
        free(keys->keys);
        free(keys);
}

static void list_work(void *userdata)
{
        Keys *keys = ((Call *)userdata)->state;

        keys->r = key_store_list(keys->store, &keys->keys, &keys->n);
}

static size_t grants_bytes(const Grants *grants)
{
        char **const lists[] = { grants->read, grants->write, grants->units, grants->packages };
        size_t bytes = 512;
        char **s;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                STRV_FOREACH(s, lists[i])
                        bytes += strlen(*s) + 8;
        return bytes;
}

/* Returns: 0, -errno, or EXM_E_LIMIT_EXCEEDED in call->failure. */
static int append_key(Call *call, sd_bus_message *reply, const Key *key)
{
        int r;

        r = call_budget(call, grants_bytes(&key->grants));
        if (r != 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "name", "s", key->name,
                                          "user", "s", key->grants.user, "privileged", "b",
                                          (int)key->grants.privileged, "created", "t", key->created,
                                          "last_use", "t", key->last_use);
        if (r >= 0)
                r = append_grants(reply, &key->grants);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : 0;
}

static void on_listed(void *userdata)
{
        sd_bus_message *reply = NULL;
        Call *call = userdata;
        const Keys *keys = call->state;
        int r = keys->r;

        if (!call->dead) {
                if (r == 0)
                        r = call_new_reply(call, &reply);
                if (r >= 0)
                        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
                if (r > 0)
                        r = 0;
                for (size_t i = 0; r == 0 && i < keys->n; i++)
                        r = append_key(call, reply, keys->keys[i]);
                if (r == 0)
                        r = sd_bus_message_close_container(reply);
                query_finish(call, r > 0 && call->failure.condition == EXM_E_NONE ? 0 : r, reply);
        }
        call_unref(call);
}

int method_authority_list_keys(Call *call)
{
        Keys *keys = calloc(1, sizeof(*keys));

        if (!keys)
                return -ENOMEM;
        keys->store = call->manager->keys;
        call_set_state(call, keys, keys_free);
        return run_task(call, list_work, on_listed);
}

/* --- RevokeKey --- */

typedef struct Revocation {
        KeyStore *store;
        const char *name;
        int r;
        Failure failure;
} Revocation;

static void revocation_free(void *userdata)
{
        Revocation *revocation = userdata;

        failure_done(&revocation->failure);
        free(revocation);
}

static void revoke_work(void *userdata)
{
        Revocation *revocation = ((Call *)userdata)->state;

        revocation->r = key_store_revoke(revocation->store, revocation->name, &revocation->failure);
}

static void on_revoked(void *userdata)
{
        Call *call = userdata;
        Revocation *revocation = call->state;

        /* Also when it failed: the file may be gone though that is not durable. */
        key_watch_note(call->manager->key_watch);
        bindings_drop(call->manager, revocation->name);
        if (!call->dead) {
                failure_move(&call->failure, &revocation->failure);
                if (revocation->r == 0)
                        call_reply(call, "");
                else
                        call_fail(call, revocation->r);
        }
        call_unref(call);
}

int method_authority_revoke_key(Call *call)
{
        Revocation *revocation;
        int r;

        revocation = calloc(1, sizeof(*revocation));
        if (!revocation)
                return -ENOMEM;
        call_set_state(call, revocation, revocation_free);
        revocation->store = call->manager->keys;
        revocation->name = call->args.arg[0].s;
        r = note_key(call, revocation->name);
        if (r < 0)
                return r;
        call->past_return = true;
        return run_task(call, revoke_work, on_revoked);
}
