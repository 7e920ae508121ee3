/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-key-file.c - whatever is in a key file: no crash, and what is taken has all that a key needs
 * and is the same key when it is written and read again.
 */
#include <errno.h>
#include <string.h>

#include "auth/key-file.h"
#include "util/strv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition)
                abort();
}

static void require_same(char **a, char **b)
{
        require(strv_length(a) == strv_length(b));
        for (size_t i = 0; i < strv_length(a); i++)
                require(strcmp(a[i], b[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(key_unref_cleanup) Key *key = NULL, *again = NULL;
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_free_ char *text = NULL;
        KeyProof proof, same;
        int r;

        r = key_file_parse((const char *)data, size, "web", &key, &proof, &f);
        require(r == 0 || (r == EXM_E_PARSE_FAILED && f.message && !key));
        if (r != 0)
                return 0;
        require(key->grants.user && grants_check(&key->grants, NULL) == 0);
        text = key_file_format(key, &proof);
        require(text && key_file_parse(text, strlen(text), "web", &again, &same, NULL) == 0);
        require(memcmp(&proof, &same, sizeof(proof)) == 0);
        require(strcmp(key->grants.user, again->grants.user) == 0);
        require(key->created == again->created && key->grants.expires == again->grants.expires);
        require(key->grants.privileged == again->grants.privileged);
        require_same(key->grants.read, again->grants.read);
        require_same(key->grants.write, again->grants.write);
        require_same(key->grants.units, again->grants.units);
        return 0;
}
