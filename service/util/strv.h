/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * strv.h - NULL-terminated arrays of strings, owned as a whole. NULL is the empty array.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/macro.h"

#define STRV_FOREACH(s, l) for ((s) = (l); (s) && *(s); (s)++)

char **strv_free(char **l);
size_t strv_length(char *const *l);
bool strv_contains(char *const *l, const char *s);

/* Appends a copy of `s`. Returns: 0 or -ENOMEM (then *l is unchanged). */
int strv_extend(char ***l, const char *s);

/* As strv_extend(), and does nothing if `s` is there already. */
int strv_extend_unique(char ***l, const char *s);

/* Returns: a deep copy; NULL out of memory (or for an empty `l`: see strv_length()). */
char **strv_copy(char *const *l);

/* In strcmp() order. */
void strv_sort(char **l);

/* Joins with `separator`. Returns: a new string, NULL out of memory. */
char *strv_join(char *const *l, const char *separator);

DEFINE_CLEANUP(char **, strv_free);
#define _cleanup_strv_ _cleanup_(strv_free_cleanup)
