/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hint.h - what the service says, in the words of the command line.
 */
#pragma once

#include "session.h"

/* `message`: that of `error`, or its end. Returns: a new string, NULL out of memory. */
char *hint_rephrase(const Session *session, const sd_bus_error *error, const char *message);

/* What was looked for may be missing since a file is, or a directory: the service tells nobody what
 * he may not know, but who sits at this machine can see for himself. Returns: its name, a new
 * string; NULL: none is missing, or that cannot be seen from here. */
char *hint_missing_file(const Session *session);
