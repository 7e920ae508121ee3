/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.h - a connection that calls us, and who it is by the word of the bus.
 *
 * The uid is asked for asynchronously (org.freedesktop.DBus.GetConnectionUnixUser) at the first
 * call and belongs to the unique name, which the bus never gives to another connection. When the
 * connection goes (NameOwnerChanged from the bus itself), its calls are cancelled and its
 * transactions end.
 */
#pragma once

#include "bus/manager.h"

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
        sd_bus_slot *slot;
        Key *key; /* binding.h; NULL: none */
        sd_event_source *expiry;
        uint64_t key_seen; /* µs, CLOCK_MONOTONIC: when its file was looked at */
};

/* Finds or makes the peer of a unique name. Returns: 0 or -errno. */
int peer_get(Manager *m, const char *name, Peer **ret);

/* Follows the bus' NameOwnerChanged. Returns: 0 or -errno. */
int peer_watch(Manager *m);

/* Cancels the peer's calls, ends its transactions, and frees it. */
void peer_vanish(Peer *peer);
