/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * digest.c - SHA-256 by nettle.
 */
#include "util/digest.h"

#include <stdlib.h>

#include <nettle/sha2.h>

struct Digest {
        struct sha256_ctx context;
};

Digest *digest_new(void)
{
        Digest *d = malloc(sizeof(*d));

        if (d)
                sha256_init(&d->context);
        return d;
}

void digest_add(Digest *d, const void *data, size_t size)
{
        if (size > 0)
                sha256_update(&d->context, size, data);
}

void digest_add_u64(Digest *d, uint64_t v)
{
        uint8_t bytes[8];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(v >> (8 * i));
        digest_add(d, bytes, sizeof(bytes));
}

void digest_add_field(Digest *d, const void *data, size_t size)
{
        digest_add_u64(d, size);
        digest_add(d, data, size);
}

void digest_finish(Digest *d, char ret[DIGEST_HEX_SIZE])
{
        static const char hex[] = "0123456789abcdef";
        uint8_t sum[SHA256_DIGEST_SIZE];

        if (!d)
                return;
        sha256_digest(&d->context, sizeof(sum), sum);
        for (size_t i = 0; i < sizeof(sum); i++) {
                ret[2 * i] = hex[sum[i] >> 4];
                ret[2 * i + 1] = hex[sum[i] & 0xF];
        }
        ret[DIGEST_HEX_SIZE - 1] = '\0';
        free(d);
}
