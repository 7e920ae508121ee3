/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-key-text.c - whatever a caller says is a key: no crash, and what is taken is spelled as we
 * would spell it.
 */
#include <string.h>

#include "auth/key-secret.h"
#include "auth/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_secret_ char *secret = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL;
        char name[KEY_NAME_BYTES + 1];

        require(secret_init() == 0);
        text = strndup((const char *)data, size);
        secret = secret_new(KEY_SECRET_BYTES);
        require(text && secret);
        if (key_secret_from_text(text, name, secret) != 0)
                return 0;
        require(key_name_is_valid(name));
        again = key_secret_to_text(name, secret);
        require(again && strcmp(again, text) == 0);
        return 0;
}
