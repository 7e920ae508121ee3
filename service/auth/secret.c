/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * secret.c - allocation by libsodium: guard pages, wiped when freed, and no core dump and no
 * swap where the system lets memory be locked.
 */
#include "auth/secret.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "util/log.h"

int secret_init(void)
{
        char *page;

        if (sodium_init() < 0) {
                log_error("libsodium cannot be started");
                return -EIO;
        }
        /* sodium_malloc() goes on when it may not lock: so do we, for many containers do not allow
         * it, but not without a word. */
        page = sodium_malloc(1);
        if (!page)
                return -ENOMEM;
        if (sodium_mlock(page, 1) < 0)
                log_info("Memory cannot be locked here (%s): a key that is being read or made may "
                         "reach the swap",
                         strerror(errno));
        sodium_free(page);
        return 0;
}

char *secret_new(size_t size)
{
        char *secret;

        secret = sodium_malloc(size);
        return secret ? memset(secret, 0, size) : NULL;
}

char *secret_free(char *secret)
{
        sodium_free(secret);
        return NULL;
}
