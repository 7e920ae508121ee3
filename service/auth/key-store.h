/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-store.h - the keys: one file each in /etc/exmachina/keys.d (docs/keys.md has the format).
 *
 * A key's text is exm1_<name>_<secret>: 32 random bytes that nobody chose, in base64url. Stored is
 * one salted BLAKE2b hash of them (crypto_generichash). Why no password hash: there is nothing to
 * guess, and a function that is slow or hungry would be a weapon against us.
 *
 * A file that is malformed, too big, no regular file with one name, not root's, or readable by
 * others is ignored with one line in the log for each state it is found in; the other keys work.
 *
 * All functions block (files, user names) and may be called from any thread; one lock inside.
 */
#pragma once

#include "auth/key.h"
#include "auth/secret.h"

typedef struct KeyStore KeyStore;

#define KEY_STORE_DIRECTORY EXM_SYSCONFDIR "/exmachina/keys.d"
#define KEY_STORE_STATE     EXM_STATEDIR "/keys"

/* Nothing is opened yet. `directory` holds the key files; in `state` the times of last use are kept
 * (a directory that is made when it is needed; NULL: they are not kept). Returns: 0 or -ENOMEM. */
int key_store_new(KeyStore **ret, const char *directory, const char *state);
/* Of another system, under `root` (an image that is being built): its user names are not looked up.
 */
int key_store_new_offline(KeyStore **ret, const char *root);
KeyStore *key_store_free(KeyStore *store);
DEFINE_CLEANUP(KeyStore *, key_store_free);

/* Looks at the directory, then at the key that `text` names: whatever it is, unknown, wrong,
 * expired or another user's, one hash is computed and the error is the same. Notes the time of use.
 * Returns: 0 and a new reference; EXM_E_BAD_KEY; -errno. */
int key_store_unlock(KeyStore *store, const char *text, uid_t uid, Key **ret, Failure *f);

/* Is the file still what it was when this key was unlocked? Returns: true, or false: it is revoked,
 * changed, or its directory cannot be read. */
bool key_store_is_current(KeyStore *store, const Key *key);

/* Makes a key file, durably, readable by root only. The user must exist (not asked of an offline
 * store). *ret_text is the key, to be freed with secret_free(). Returns: 0; EXM_E_INVALID_ARGS
 * (name, grants, no such user, expired already); EXM_E_CONFLICT (there is a file of that name);
 * EXM_E_REFUSED (the directory cannot be written, or there are too many keys); -errno. */
int key_store_create(KeyStore *store, const char *name, const Grants *grants, char **ret_text,
                     Failure *f);

/* All keys that are in order, by name; each a reference of the caller. Returns: 0 or -errno. */
int key_store_list(KeyStore *store, Key ***ret, size_t *ret_n);

/* Removes the file, durably, also one that is not in order.
 * Returns: 0; EXM_E_NO_MATCH (there is none); EXM_E_INVALID_ARGS; EXM_E_REFUSED; -errno. */
int key_store_revoke(KeyStore *store, const char *name, Failure *f);

/* The number of hashes computed by key_store_unlock() so far. */
uint64_t key_store_count_hashes(KeyStore *store);
