/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key.h - an unlocked or listed key: who it is and what it grants, never its secret.
 *
 * Immutable once it is there. The count of references is for one thread: the store hands out a key
 * of its own to everyone who asks, so nothing is shared between threads.
 */
#pragma once

#include "auth/grants.h"

#define KEY_NAME_BYTES 32U

typedef struct Key {
        unsigned n_ref;
        char *name;
        uint64_t created;  /* µs, CLOCK_REALTIME */
        uint64_t last_use; /* µs, CLOCK_REALTIME; 0: never, or not known */
        Grants grants;
        char *version; /* digest of the key file: another one is another key */
} Key;

/* [a-z][a-z0-9-]{0,31} */
bool key_name_is_valid(const char *name);

/* A key of its own, with one reference. Returns: 0 or -ENOMEM. */
int key_copy(const Key *from, Key **ret);
Key *key_ref(Key *key);
Key *key_unref(Key *key);
DEFINE_CLEANUP(Key *, key_unref);
/* Drops each of the `n` references, and the array. */
Key **key_array_free(Key **keys, size_t n);

/* `now`: µs, CLOCK_REALTIME. */
bool key_is_expired(const Key *key, uint64_t now);
