/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * secret.c - allocation by libsodium: guard pages, no swap, no core dump, wiped when freed.
 */
#include "auth/secret.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "util/log.h"

int secret_init(void)
{
        if (sodium_init() >= 0)
                return 0;
        log_error("libsodium cannot be started");
        return -EIO;
}

char *secret_new(size_t size)
{
        char *secret;

        secret = sodium_malloc(size);
        if (!secret)
                return NULL;
        /* sodium_malloc() goes on when it may not lock; a secret in the swap is no secret. */
        if (sodium_mlock(secret, size) < 0) {
                secret_free(secret);
                return NULL;
        }
        memset(secret, 0, size);
        return secret;
}

char *secret_dup(const char *text)
{
        size_t size = strlen(text) + 1;
        char *secret;

        secret = secret_new(size);
        return secret ? memcpy(secret, text, size) : NULL;
}

char *secret_free(char *secret)
{
        sodium_free(secret);
        return NULL;
}
