/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * glob.h - globs on names as sets of names: is one in it, do two of them share one?
 *
 * `*`, `?` and `[...]` (also [!...] and ranges) stay within one directory, `**` crosses them, and a
 * component that is just `**` stands for none as well: /etc/ ** /x (without the blanks) matches
 * /etc/x. A leading dot is not special. A backslash takes the meaning of one of \ * ? [ ] ! ^ - and
 * may stand before nothing else. Characters are those of UTF-8.
 *
 * A glob is a list of steps, each a set of characters taken once or any number of times; questions
 * are answered by following all possible steps at once, so the work is at most the product of the
 * two lengths. Pure: no I/O.
 */
#pragma once

#include <stdbool.h>

#include "util/macro.h"

typedef struct Glob Glob;

/* Returns: 0; -EINVAL, and *ret_fault says what is wrong as the end of a sentence; -ENOMEM. */
int glob_compile(Glob **ret, const char *pattern, const char **ret_fault);
Glob *glob_free(Glob *glob);
DEFINE_CLEANUP(Glob *, glob_free);

/* Does `pattern` name one thing only: no glob character that is not escaped? */
bool glob_is_literal(const char *pattern);
/* The name that a literal pattern stands for: without its backslashes. Returns: a new string, NULL
 * out of memory. */
char *glob_unescape(const char *pattern);

/* Is `name` matched? A pattern that is damaged matches nothing; nor does any if memory is short. */
bool glob_matches(const char *pattern, const char *name);
/* Is there a name that begins with `prefix` and is matched? */
bool glob_matches_beginning(const char *pattern, const char *prefix);

/* Is there a name that both match? Returns: 1, 0 or -ENOMEM. */
int globs_share(const Glob *a, const Glob *b);
