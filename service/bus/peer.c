/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.c - one per unique name, made at its first call and gone with its connection.
 */
#include "bus/peer.h"

#include <errno.h>
#include <string.h>

#include "bus/binding.h"
#include "bus/call.h"
#include "bus/gate.h"
#include "bus/idle.h"
#include "bus/transaction.h"
#include "util/log.h"

static Peer *peer_find(Manager *m, const char *name)
{
        Peer *peer;

        LIST_FOREACH(peer, &m->peers, entry)
                if (strcmp(peer->name, name) == 0)
                        return peer;
        return NULL;
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
static void peer_settle(Peer *peer, PeerState state)
{
        Call *call;

        peer->state = state;
        while ((call = first_waiting(peer)))
                gate_admit(call);
}

static int on_user(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        uint32_t uid;

        peer->slot = sd_bus_slot_unref(peer->slot);
        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_read(reply, "u", &uid) < 0 || uid == UINT32_MAX) {
                log_debug("the bus does not know the user of %s", peer->name);
                peer_settle(peer, PEER_UNKNOWN);
                return 0;
        }
        peer->uid = uid;
        peer_settle(peer, PEER_KNOWN);
        return 0;
}

int peer_get(Manager *m, const char *name, Peer **ret)
{
        Peer *peer = peer_find(m, name);
        int r;

        if (peer) {
                *ret = peer;
                return 0;
        }
        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;
        peer->manager = m;
        peer->uid = (uid_t)-1;
        peer->name = strdup(name);
        r = !peer->name
                    ? -ENOMEM
                    : sd_bus_call_method_async(m->bus, &peer->slot, "org.freedesktop.DBus",
                                               "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                               "GetConnectionUnixUser", on_user, peer, "s", name);
        if (r < 0) {
                free(peer->name);
                free(peer);
                return r;
        }
        LIST_INSERT_HEAD(&m->peers, peer, entry);
        *ret = peer;
        return 0;
}

void peer_vanish(Peer *peer)
{
        Manager *m = peer->manager;

        transactions_end_of_peer(peer);
        calls_cancel_of_peer(peer);
        peer_drop_key(peer);
        LIST_REMOVE(peer, entry);
        sd_bus_slot_unref(peer->slot);
        free(peer->name);
        free(peer);
        idle_touch(m->idle);
}

static int on_name_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name, *old_owner, *new_owner;
        Manager *m = userdata;
        Peer *peer;

        /* A client may send us a signal of this name directly: only the bus has this sender. */
        if (strcmp(sd_bus_message_get_sender(message) ?: "", "org.freedesktop.DBus") != 0)
                return 0;
        if (sd_bus_message_read(message, "sss", &name, &old_owner, &new_owner) < 0)
                return 0;
        peer = *new_owner == '\0' ? peer_find(m, name) : NULL;
        if (peer)
                peer_vanish(peer);
        return 0;
}

int peer_watch(Manager *m)
{
        return sd_bus_add_match_async(m->bus, NULL,
                                      "type='signal',sender='org.freedesktop.DBus',"
                                      "path='/org/freedesktop/DBus',"
                                      "interface='org.freedesktop.DBus',"
                                      "member='NameOwnerChanged',arg2=''",
                                      on_name_owner_changed, NULL, m);
}
