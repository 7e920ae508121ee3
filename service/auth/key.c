/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key.c - names of keys, and the count of who holds one.
 */
#include "auth/key.h"

#include <errno.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"

bool key_name_is_valid(const char *name)
{
        size_t n = strnlen(name, KEY_NAME_BYTES + 1);

        return n > 0 && n <= KEY_NAME_BYTES && strspn(name, LOWER) > 0 &&
               strspn(name, LOWER "0123456789-") == n;
}

int key_copy(const Key *from, Key **ret)
{
        _cleanup_(key_unref_cleanup) Key *key = NULL;
        int r;

        key = calloc(1, sizeof(*key));
        if (!key)
                return -ENOMEM;
        key->n_ref = 1;
        key->created = from->created;
        key->last_use = from->last_use;
        key->name = strdup(from->name);
        key->version = from->version ? strdup(from->version) : NULL;
        r = grants_copy(&from->grants, &key->grants);
        if (r < 0)
                return r;
        if (!key->name || (from->version && !key->version))
                return -ENOMEM;
        *ret = TAKE_PTR(key);
        return 0;
}

Key *key_ref(Key *key)
{
        if (key)
                key->n_ref++;
        return key;
}

Key *key_unref(Key *key)
{
        if (!key || --key->n_ref > 0)
                return NULL;
        free(key->name);
        free(key->version);
        grants_done(&key->grants);
        free(key);
        return NULL;
}

Key **key_array_free(Key **keys, size_t n)
{
        for (size_t i = 0; i < n; i++)
                key_unref(keys[i]);
        free(keys);
        return NULL;
}

bool key_is_expired(const Key *key, uint64_t now)
{
        return key->grants.expires != 0 && key->grants.expires <= now;
}
