/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arguments.c - strict decimal numbers: no sign, no space, nothing behind them.
 */
#include "worker/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool arguments_number(const char *word, uint64_t max, uint64_t *ret)
{
        char *end;

        if (word[0] == '\0' || strspn(word, "0123456789") != strlen(word))
                return false;
        errno = 0;
        *ret = strtoull(word, &end, 10);
        return errno == 0 && *ret <= max;
}

bool arguments_parse(char *const *words, Sandbox *ret)
{
        uint64_t uid, gid;

        if (!arguments_number(words[0], ARGUMENTS_ID_MAX, &uid) ||
            !arguments_number(words[1], ARGUMENTS_ID_MAX, &gid) ||
            !arguments_number(words[2], UINT64_MAX, &ret->cpu_seconds) ||
            !arguments_number(words[3], UINT64_MAX, &ret->memory_bytes))
                return false;
        ret->uid = (uid_t)uid;
        ret->gid = (gid_t)gid;
        return true;
}
