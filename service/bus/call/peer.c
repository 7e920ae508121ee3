/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.c - one per unique name, made at its first call.
 */
#include "bus/call/peer.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

Peer *peer_find(Manager *m, const char *name)
{
        Peer *peer;

        LIST_FOREACH(peer, &m->peers, entry)
                if (strcmp(peer->name, name) == 0)
                        return peer;
        return NULL;
}

static void settle(Peer *peer, PeerState state)
{
        peer->state = state;
        peer->settled(peer);
}

static int on_user(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        uint32_t uid;

        peer->slot = sd_bus_slot_unref(peer->slot);
        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_read(reply, "u", &uid) < 0 || uid == UINT32_MAX) {
                log_debug("the bus does not know the user of %s", peer->name);
                settle(peer, PEER_UNKNOWN);
                return 0;
        }
        peer->uid = uid;
        settle(peer, PEER_KNOWN);
        return 0;
}

int peer_get(Manager *m, const char *name, void (*settled)(Peer *peer), Peer **ret)
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
        peer->settled = settled;
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

Peer *peer_free(Peer *peer)
{
        LIST_REMOVE(peer, entry);
        sd_bus_slot_unref(peer->slot);
        free(peer->name);
        free(peer);
        return NULL;
}
