/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * departure.h - a connection has gone: its calls are cancelled, its transactions end, its key is
 * dropped.
 */
#pragma once

#include "bus/call/peer.h"

/* Follows the bus' NameOwnerChanged. Returns: 0 or -errno. */
int departure_watch(Manager *m);

/* Frees the peer. */
void departure_of(Peer *peer);
