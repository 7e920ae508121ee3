/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hint.h - what the service says, in the words of the command line.
 */
#pragma once

#include "session.h"

/* `message`: that of `error`, or its end. Returns: a new string, NULL out of memory. */
char *hint_rephrase(const Session *session, const sd_bus_error *error, const char *message);

/* Why nothing matches, where that can be seen from here: a file, or a directory, is missing, or no
 * lens covers what is there. The service tells nobody what he may not know. Returns: a new string,
 * a sentence; NULL: it cannot be seen. */
char *hint_why_nothing(const Session *session);
