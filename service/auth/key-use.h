/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-use.h - when each key was used last: one small file a key, in the state directory.
 *
 * Kept beside the keys and not in them, so that a key file changes only when somebody changes it.
 * Not durable: after a power cut an older time may be there. A time is of one version of a key. As
 * many files as there are keys. Blocking; one thread at a time.
 */
#pragma once

#include "auth/key.h"

/* Makes the directory if it is missing. Returns: 0 or -errno. */
int key_use_note(const char *state, const Key *key, uint64_t now);

/* Returns: µs, CLOCK_REALTIME; 0: not known. */
uint64_t key_use_get(const char *state, const Key *key);

void key_use_forget(const char *state, const char *name);
/* Forgets all that `is_known` says no to. */
void key_use_prune(const char *state, bool (*is_known)(const char *name, void *userdata),
                   void *userdata);
