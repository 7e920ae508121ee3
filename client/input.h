/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * input.h - what is read from a file of the user's, or from standard input.
 */
#pragma once

#include "script.h"
#include "session.h"

/* Text without NUL; "-" is standard input, on a terminal up to Ctrl-D. Returns: 0; EXIT_FAILED, and
 * it has been said why; negative errno. */
int input_read(Session *session, const char *name, char **ret);

/* One edit from the words of a person: the text of `text FILE SOURCE` is in a file. Returns: 0, an
 * exit status, negative errno. */
int input_take_edit(Session *session, Script *script, char *const *words);
