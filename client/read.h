/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * read.h - reading calls and the printing of their answers, of Config or of a transaction.
 *
 * `object` and `interface`: SERVICE_PATH and "Config", or a transaction and "Transaction".
 * All return 0, an exit status, negative errno.
 */
#pragma once

#include "session.h"

int read_value(Session *session, const char *object, const char *interface, const char *path);
int read_matches(Session *session, const char *object, const char *interface,
                 const char *expression);
/* What matches, with all below it. */
int read_subtree(Session *session, const char *object, const char *interface,
                 const char *expression);

/* One of these, of an expression as a person writes it. */
int read_typed(Session *session, const char *object, const char *interface, const char *typed,
               int (*read)(Session *, const char *, const char *, const char *));
