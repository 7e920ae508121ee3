/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * binding.c - bind, drop, expire.
 */
#include "bus/right/binding.h"

#include <errno.h>
#include <string.h>

#include "bus/call/idle.h"
#include "bus/call/peer.h"
#include "bus/call/transaction.h"
#include "commit/moment.h"
#include "util/log.h"

#define FRESH_USEC 1000000U

Key *peer_key(const Peer *peer)
{
        if (!peer->key || key_is_expired(peer->key, moment_now(CLOCK_REALTIME)))
                return NULL;
        return peer->key;
}

Key *call_key(const Call *call)
{
        return call->peer ? peer_key(call->peer) : NULL;
}

/* What it asks for is being done: by the commit, or by systemd, which does not take it back. */
static bool has_begun(const Call *call)
{
        return call->past_return || (call->method->verb && call->request);
}

static Call *first_resting_on(const Peer *peer, const Key *key)
{
        Call *call;

        LIST_FOREACH(call, &peer->manager->calls, entry)
                if (call->peer == peer && call->key == key && !has_begun(call))
                        return call;
        return NULL;
}

/* An edit may be under way in the view of its transaction, of which its caller would not know
 * whether it was done: unless the call just waits for polkit, the transaction ends. */
static void fail_call(Call *call, const Key *key)
{
        Transaction *t =
                call->transaction && !call->check ? transaction_ref(call->transaction) : NULL;

        failure_done(&call->failure);
        failure_set(&call->failure, EXM_E_ACCESS_DENIED,
                    "not authorised: key %s was given up, expired or revoked meanwhile", key->name);
        call_fail(call, EXM_E_ACCESS_DENIED);
        if (t)
                transaction_end(t, "key");
        transaction_unref(t);
}

/* What the key said yes to is not done after it has been taken away, though a dialog for the rest
 * of it may still be open. */
static void fail_calls(Peer *peer, const Key *key)
{
        Call *call;

        while ((call = first_resting_on(peer, key)))
                fail_call(call, key);
}

void peer_drop_key(Peer *peer)
{
        Key *key = TAKE_PTR(peer->key);

        if (!key)
                return;
        peer->expiry = sd_event_source_disable_unref(peer->expiry);
        fail_calls(peer, key);
        key_unref(key);
        idle_touch(peer->manager->idle);
}

static int on_expired(sd_event_source *source, uint64_t usec, void *userdata)
{
        Peer *peer = userdata;

        log_debug("%s: key %s has expired", peer->name, peer->key->name);
        peer_drop_key(peer);
        return 0;
}

/* --- is it still what it was? --- */

typedef struct Refresh {
        Call *call;
        Key *key;
        bool current;
        void (*next)(Call *call);
} Refresh;

static void refresh_work(void *userdata)
{
        Refresh *refresh = userdata;

        refresh->current = key_store_is_current(refresh->call->manager->keys, refresh->key);
}

static void on_refreshed(void *userdata)
{
        Refresh *refresh = userdata;
        Call *call = refresh->call;
        Peer *peer = call->peer;

        /* Another key may have taken its place meanwhile. */
        if (!call->dead && peer && peer->key == refresh->key) {
                if (refresh->current)
                        peer->key_seen = moment_now(CLOCK_MONOTONIC);
                else
                        peer_drop_key(peer);
        }
        if (!call->dead)
                refresh->next(call);
        key_unref(refresh->key);
        free(refresh);
        call_unref(call);
}

void binding_refresh(Call *call, void (*next)(Call *call))
{
        Refresh *refresh;
        Key *key = call_key(call);
        int r;

        if (!key || call->peer->key_seen + FRESH_USEC > moment_now(CLOCK_MONOTONIC)) {
                next(call);
                return;
        }
        refresh = calloc(1, sizeof(*refresh));
        if (!refresh) {
                call_fail(call, -ENOMEM);
                return;
        }
        *refresh = (Refresh){ .call = call_ref(call), .key = key_ref(key), .next = next };
        r = task_run(call->manager->pool, refresh_work, on_refreshed, refresh);
        if (r < 0) {
                call_fail(call, r);
                key_unref(key);
                free(refresh);
                call_unref(call);
        }
}

int peer_bind_key(Peer *peer, Key *key)
{
        sd_event_source *expiry = NULL;
        int r = 0;

        if (key->grants.expires > 0)
                r = sd_event_add_time(peer->manager->event, &expiry, CLOCK_REALTIME,
                                      key->grants.expires, 1000, on_expired, peer);
        if (r < 0) {
                key_unref(key);
                return r;
        }
        peer_drop_key(peer);
        peer->key = key;
        peer->key_seen = moment_now(CLOCK_MONOTONIC);
        peer->expiry = expiry;
        return 0;
}

void bindings_drop(Manager *m, const char *name)
{
        Peer *peer;

        LIST_FOREACH(peer, &m->peers, entry)
                if (peer->key && strcmp(peer->key->name, name) == 0)
                        peer_drop_key(peer);
}

bool bindings_any(const Manager *m)
{
        const Peer *peer;

        LIST_FOREACH(peer, &m->peers, entry)
                if (peer->key)
                        return true;
        return false;
}

char *key_authority(const Key *key)
{
        char *text;

        return asprintf(&text, "key:%s", key->name) < 0 ? NULL : text;
}
