/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name-glob.h - the globs on file names of the policy data: star and question mark stay within one
 * directory; a glob whose last component is two stars takes everything below that directory.
 */
#pragma once

#include <stdbool.h>

/* Syntax: an absolute file name or glob, ** only after its last slash, alone. Returns: NULL, or
 * what is wrong with it, as the end of a sentence. */
const char *file_glob_check(const char *glob);

/* `glob` was checked. */
bool file_glob_matches(const char *glob, const char *path);
