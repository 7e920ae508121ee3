/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keys.h - a store on scratch directories, files in it, and what it logs.
 *
 * The store is on /mnt/keys.d and /mnt/state (files/scratch.h). Every helper fails the test when it
 * cannot do its work.
 */
#pragma once

#include "auth/key-store.h"
#include "files/scratch.h"

#define KEYS_DIR  "/mnt/keys.d"
#define STATE_DIR "/mnt/state"

/* For use as cmocka setup and teardown: *state is the store. */
int keys_setup(void **state);
int keys_teardown(void **state);

/* Makes a key for anyone that may read /etc/hosts. Returns: its text. */
char *keys_make(KeyStore *store, const char *name);

/* Unlocks as uid 0. Returns: as key_store_unlock(); the key is dropped. */
int keys_try(KeyStore *store, const char *text);

/* The names of key_store_list(), joined by blanks. */
char *keys_names(KeyStore *store);

/* From now on, what goes to stderr is kept. */
void keys_watch_log(void);
/* How many lines since then hold the text; the watch ends. */
unsigned keys_count_log(const char *text);
