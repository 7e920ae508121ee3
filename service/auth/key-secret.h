/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-secret.h - the 32 random bytes of a key: how they are written, and how they are proven.
 *
 * Written: exm1_<name>_<secret>, the secret in base64url without padding; each key has one spelling
 * and no other is read. Proven: BLAKE2b (crypto_generichash) of the bytes with a random salt as its
 * key. All buffers of secrets here are of secret_new(), and no branch depends on their bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "auth/key.h"

#define KEY_SECRET_BYTES 32U
#define KEY_SALT_BYTES   32U
#define KEY_HASH_BYTES   32U

/* What is stored of a secret. */
typedef struct KeyProof {
        unsigned char salt[KEY_SALT_BYTES];
        unsigned char hash[KEY_HASH_BYTES];
} KeyProof;

/* Random bytes. Returns: a buffer to be freed with secret_free(), NULL out of memory. */
char *key_secret_new(void);

/* Returns: exm1_<name>_<secret>, to be freed with secret_free(); NULL out of memory. */
char *key_secret_to_text(const char *name, const char *secret);

/* `ret_secret`: KEY_SECRET_BYTES of the caller, of no meaning unless it works.
 * Returns: 0 or -EINVAL: `text` is not the one spelling of a key. */
int key_secret_from_text(const char *text, char ret_name[static KEY_NAME_BYTES + 1],
                         char *ret_secret);

/* With a new random salt. */
void key_proof_make(KeyProof *ret, const char *secret);
/* One hash and one comparison, in constant time. */
bool key_proof_check(const KeyProof *proof, const char *secret);
