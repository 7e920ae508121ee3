/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * strv.c - NULL-terminated arrays of strings.
 */
#include "util/strv.h"

#include <errno.h>
#include <string.h>

char **strv_free(char **l)
{
        char **s;

        STRV_FOREACH(s, l)
                free(*s);
        free(l);
        return NULL;
}

size_t strv_length(char *const *l)
{
        size_t n = 0;

        while (l && l[n])
                n++;
        return n;
}

bool strv_contains(char *const *l, const char *s)
{
        for (size_t i = 0; l && l[i]; i++)
                if (strcmp(l[i], s) == 0)
                        return true;
        return false;
}

int strv_extend(char ***l, const char *s)
{
        size_t n = strv_length(*l);
        char **grown, *copy;

        copy = strdup(s);
        if (!copy)
                return -ENOMEM;

        /* Room grows by doubling: reallocate only when n is a power of two (or 0). */
        if ((n & (n - 1)) == 0) {
                grown = reallocarray(*l, n == 0 ? 2 : 2 * n + 1, sizeof(char *));
                if (!grown) {
                        free(copy);
                        return -ENOMEM;
                }
                *l = grown;
        }
        (*l)[n] = copy;
        (*l)[n + 1] = NULL;
        return 0;
}

int strv_extend_unique(char ***l, const char *s)
{
        return strv_contains(*l, s) ? 0 : strv_extend(l, s);
}

char **strv_copy(char *const *l)
{
        char **copy = NULL;

        for (size_t i = 0; l && l[i]; i++)
                if (strv_extend(&copy, l[i]) < 0)
                        return strv_free(copy);
        return copy;
}

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **l)
{
        if (l)
                qsort(l, strv_length(l), sizeof(char *), compare_strings);
}

char *strv_join(char *const *l, const char *separator)
{
        char *joined = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&joined, &size);
        if (!out)
                return NULL;
        for (size_t i = 0; l && l[i]; i++)
                fprintf(out, "%s%s", i > 0 ? separator : "", l[i]);
        if (fclose(out) != 0) {
                free(joined);
                return NULL;
        }
        return joined;
}
