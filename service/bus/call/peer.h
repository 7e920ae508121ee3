/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.h - a connection that calls us, and who it is by the word of the bus.
 *
 * The uid is asked for asynchronously (org.freedesktop.DBus.GetConnectionUnixUser) at the first
 * call and belongs to the unique name, which the bus never gives to another connection.
 * departure.h has its end.
 */
#pragma once

#include "bus/call/manager.h"

typedef enum PeerState {
        PEER_ASKING,
        PEER_KNOWN,
        PEER_UNKNOWN, /* the bus could not say: every call is denied */
} PeerState;

struct Peer {
        LIST_ENTRY(Peer) entry;
        Manager *manager;
        char *name; /* unique */
        uid_t uid;  /* valid if PEER_KNOWN */
        PeerState state;
        void (*settled)(Peer *peer);
        sd_bus_slot *slot;
        Key *key; /* binding.h; NULL: none */
        sd_event_source *expiry;
        uint64_t key_seen; /* µs, CLOCK_MONOTONIC: when its file was looked at */
};

/* Returns: the peer of a unique name, or NULL. */
Peer *peer_find(Manager *m, const char *name);

/* Finds or makes it; `settled` runs when the bus has said who a new one is, or could not.
 * Returns: 0 or -errno. */
int peer_get(Manager *m, const char *name, void (*settled)(Peer *peer), Peer **ret);

/* Nothing refers to it any more. */
Peer *peer_free(Peer *peer);
