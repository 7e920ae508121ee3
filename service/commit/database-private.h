/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * database-private.h - the words that database.c and database-open.c share.
 */
#pragma once

#include "commit/database.h"

/* Return: EXM_E_REFUSED. */
int database_refuse_damaged(const Database *db, int rc, Failure *f);
int database_refuse_full(const char *path, Failure *f);
int database_refuse_read_only(const char *path, Failure *f);
