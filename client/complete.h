/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * complete.h - what a word that was begun may become, as the service knows it.
 *
 * Nothing is asked of a person and nothing is said: no answer is no candidate.
 */
#pragma once

#include "session.h"

/* Tree paths: `word` may be short, and so are the answers then. A path with something below it ends
 * with a slash. `object` and `interface` as in read.h. Returns: 0 or -ENOMEM; *ret may be NULL. */
int complete_paths(Session *session, const char *object, const char *interface, const char *word,
                   char ***ret);
