/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-expression.c - whatever the expression is: no crash, and only sane prefixes.
 *
 * A libFuzzer target; the test replays its corpus through replay.c.
 */
#include <stdint.h>
#include <string.h>

#include "tree/expression.h"
#include "util/limits.h"
#include "util/strv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition)
                abort();
}

/* Absolute, no empty component, none that leads up, no slash at the end. */
static void check_prefix(const char *prefix, size_t size)
{
        require(prefix[0] == '/' && strlen(prefix) <= size);
        if (prefix[1] == '\0')
                return;
        for (const char *p = prefix; *p; p += 1 + strcspn(p + 1, "/")) {
                size_t n = strcspn(p + 1, "/");

                require(n > 0);
                require(!(n == 1 && p[1] == '.'));
                require(!(n == 2 && p[1] == '.' && p[2] == '.'));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_failure_ Failure f = {};
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ char **prefixes = NULL;
        char **p, **q;
        int r;

        text = strndup((const char *)data, size);
        require(text != NULL);

        r = expression_prefixes(text, &prefixes, &f);
        require(r == 0 || r == EXM_E_INVALID_PATH);
        require((r == 0) == (f.message == NULL));
        require(r == 0 || !prefixes);
        require(r != 0 || strlen(text) <= LIMIT_EXPRESSION_BYTES);
        STRV_FOREACH(p, prefixes) {
                check_prefix(*p, strlen(text));
                STRV_FOREACH(q, p + 1)
                        require(strcmp(*p, *q) != 0);
        }
        return 0;
}
