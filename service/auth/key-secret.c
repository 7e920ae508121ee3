/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-secret.c - libsodium does the work: its base64 has no table that a cache could tell of.
 */
#include "auth/key-secret.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "auth/secret.h"
#include "util/hide-key.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* 32 bytes in base64. */
#define SECRET_CHARACTERS 43U
#define TEXT_BYTES        (strlen(KEY_TEXT_PREFIX) + KEY_NAME_BYTES + 1 + SECRET_CHARACTERS)

char *key_secret_new(void)
{
        char *secret;

        secret = secret_new(KEY_SECRET_BYTES);
        if (secret)
                randombytes_buf(secret, KEY_SECRET_BYTES);
        return secret;
}

char *key_secret_to_text(const char *name, const char *secret)
{
        char *text, *end;

        text = secret_new(TEXT_BYTES + 1);
        if (!text)
                return NULL;
        end = stpcpy(stpcpy(stpcpy(text, KEY_TEXT_PREFIX), name), "_");
        sodium_bin2base64(end, SECRET_CHARACTERS + 1, (const unsigned char *)secret,
                          KEY_SECRET_BYTES, VARIANT);
        return text;
}

/* The reader of libsodium 1.0.18 takes some bytes over 0x7F for letters: what it has read must be
 * written as it was. */
static bool is_spelled(const char *secret, const char *text)
{
        char spelled[SECRET_CHARACTERS + 1];
        bool same;

        sodium_bin2base64(spelled, sizeof(spelled), (const unsigned char *)secret, KEY_SECRET_BYTES,
                          VARIANT);
        same = sodium_memcmp(spelled, text, SECRET_CHARACTERS) == 0;
        sodium_memzero(spelled, sizeof(spelled));
        return same;
}

int key_secret_from_text(const char *text, char ret_name[static KEY_NAME_BYTES + 1],
                         char *ret_secret)
{
        const char *name = text + strlen(KEY_TEXT_PREFIX), *secret, *end;
        size_t length = strnlen(text, TEXT_BYTES + 1), n;

        if (length > TEXT_BYTES || strncmp(text, KEY_TEXT_PREFIX, strlen(KEY_TEXT_PREFIX)) != 0)
                return -EINVAL;
        /* No name has "_" in it. */
        n = strcspn(name, "_");
        if (n > KEY_NAME_BYTES || name[n] != '_')
                return -EINVAL;
        secret = name + n + 1;
        if ((size_t)(text + length - secret) != SECRET_CHARACTERS)
                return -EINVAL;
        memcpy(ret_name, name, n);
        ret_name[n] = '\0';
        if (!key_name_is_valid(ret_name))
                return -EINVAL;
        if (sodium_base642bin((unsigned char *)ret_secret, KEY_SECRET_BYTES, secret,
                              SECRET_CHARACTERS, NULL, &n, &end, VARIANT) < 0)
                return -EINVAL;
        return n == KEY_SECRET_BYTES && is_spelled(ret_secret, secret) ? 0 : -EINVAL;
}

static void hash(const KeyProof *proof, const char *secret,
                 unsigned char ret[static KEY_HASH_BYTES])
{
        crypto_generichash(ret, KEY_HASH_BYTES, (const unsigned char *)secret, KEY_SECRET_BYTES,
                           proof->salt, sizeof(proof->salt));
}

void key_proof_make(KeyProof *ret, const char *secret)
{
        randombytes_buf(ret->salt, sizeof(ret->salt));
        hash(ret, secret, ret->hash);
}

bool key_proof_check(const KeyProof *proof, const char *secret)
{
        unsigned char found[KEY_HASH_BYTES];
        bool same;

        hash(proof, secret, found);
        same = sodium_memcmp(found, proof->hash, sizeof(found)) == 0;
        sodium_memzero(found, sizeof(found));
        return same;
}
