/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hide-key.c - see hide-key.h.
 *
 * Also the name goes: where a key has been cut or mistyped, what stands in its place may be a part
 * of the secret.
 */
#include "util/hide-key.h"

#include <string.h>

#define CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

void hide_keys(char *text)
{
        static const char dots[] = "...";

        for (char *s = text; (s = strstr(s, KEY_TEXT_PREFIX));) {
                size_t size;

                s += strlen(KEY_TEXT_PREFIX);
                size = strspn(s, CHARACTERS);
                /* Fewer characters than dots are no secret. */
                if (size < strlen(dots))
                        continue;
                memcpy(s, dots, strlen(dots));
                memmove(s + strlen(dots), s + size, strlen(s + size) + 1);
        }
}
