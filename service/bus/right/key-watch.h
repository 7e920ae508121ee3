/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-watch.h - follows the directory of the keys: who changes or removes a key file by hand takes
 * the key from every connection that has it.
 *
 * An event says only that something has changed; a thread then looks whether each key that is bound
 * is still current. The watch begins with the first Unlock that finds the directory, and again when
 * the directory was replaced.
 */
#pragma once

#include "bus/call/manager.h"

typedef struct KeyWatch KeyWatch;

/* Returns: 0 or -ENOMEM. */
int key_watch_new(KeyWatch **ret, Manager *m, const char *directory);
KeyWatch *key_watch_free(KeyWatch *watch);

/* Watches the directory if it does not yet. Returns: 0; -ENOENT (there is none, so there are no
 * keys); -errno, logged. */
int key_watch_start(KeyWatch *watch);

/* A number that is another one after anything in the directory has changed, or a key was revoked:
 * what was read of it before may be stale. */
uint64_t key_watch_moment(const KeyWatch *watch);
/* A key was revoked by us. */
void key_watch_note(KeyWatch *watch);
