/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * package-name.c - what may be the name of a package.
 *
 * Stricter than what PackageKit takes, for which "foo;1.0;all;" and (for other methods) a file name
 * are good as well. Debian's policy allows lower case, digits, "+", "-" and "." from two characters
 * on; other distributions use upper case and "_" too.
 */
#include <errno.h>
#include <string.h>

#include "packages/packages.h"
#include "util/strv.h"
#include "util/utf8.h"

#define NAME_BYTES  255U
#define SHOWN_BYTES 64U

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool name_is_valid(const char *name)
{
        size_t n = strlen(name);

        return n > 0 && n <= NAME_BYTES && strspn(name, LETTERS) > 0 &&
               name[strspn(name, LETTERS "+-._")] == '\0';
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_distinct(const char *const *names, size_t n, Failure *f)
{
        _cleanup_free_ const char **sorted = calloc(n, sizeof(*sorted));

        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, names, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), compare);
        for (size_t i = 1; i < n; i++)
                if (strcmp(sorted[i - 1], sorted[i]) == 0)
                        return failure_set(f, EXM_E_INVALID_ARGS, "%s: is named twice", sorted[i]);
        return 0;
}

int packages_check_names(const char *const *names, size_t n, Failure *f)
{
        if (n == 0)
                return failure_set(f, EXM_E_INVALID_ARGS, "names: name at least one package");
        if (n > PACKAGES_MAX_NAMES)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "names: at most %u packages in one call", PACKAGES_MAX_NAMES);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *shown = NULL;

                if (name_is_valid(names[i]))
                        continue;
                shown = utf8_escape(names[i], SHOWN_BYTES);
                return failure_set(
                        f, EXM_E_INVALID_ARGS,
                        "\"%s\" is not the name of a package: no file, version, release, "
                        "architecture, pattern or option is taken",
                        shown ?: "");
        }
        return check_distinct(names, n, f);
}
