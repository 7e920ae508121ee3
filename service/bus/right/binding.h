/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * binding.h - the key that a connection has unlocked, from Unlock until it is dropped.
 *
 * It is dropped when the connection ends, by Lock, by another Unlock, when the key is revoked, its
 * file is changed (key-watch.h), or it expires, which is checked at each use too. What no watch
 * sees (its directory was replaced, or another is mounted there) the first call after a second
 * does: it looks at the file itself. Calls that rest on it and have not begun to change anything
 * end with it. Transactions keep no right that came from a key: it is asked for anew at each call
 * (reach.h).
 */
#pragma once

#include "bus/call/call.h"

/* Returns: the key, if the connection has one that is valid now; else NULL. Not a new reference. */
Key *peer_key(const Peer *peer);
Key *call_key(const Call *call);

/* Goes on with `next` when the file of the connection's key, if it has one, was looked at less than
 * a second ago; drops the key if it is not what it was. May end the call. */
void binding_refresh(Call *call, void (*next)(Call *call));

/* Takes over `key`; one that the peer has is dropped. Returns: 0 or -errno (then `key` is freed and
 * nothing is bound). */
int peer_bind_key(Peer *peer, Key *key);
/* Nothing happens if there is none. */
void peer_drop_key(Peer *peer);

/* Of every connection that has the key of this name. */
void bindings_drop(Manager *m, const char *name);
/* Is there any connection with a key? */
bool bindings_any(const Manager *m);

/* "key:web", what goes on record. Returns: a new string, NULL out of memory. */
char *key_authority(const Key *key);
