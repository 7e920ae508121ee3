/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * statement.h - one SQL statement, its values, its rows.
 *
 * The first error stays in `rc` and turns all that follows into nothing: a caller binds and steps
 * without asking each time, and asks once at the end. Values are bound by name and are borrowed
 * until statement_done(). What is read from a row may come from a damaged database: text and blobs
 * are bytes, numbers any number.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

typedef struct Statement {
        sqlite3 *connection;
        sqlite3_stmt *stmt;
        int rc; /* SQLite's extended code; SQLITE_OK while all is well and after the last row */
} Statement;

void statement_init(Statement *s, sqlite3 *connection, const char *sql);
void statement_done(Statement *s);

void statement_bind_int(Statement *s, const char *name, int64_t value);
/* NULL is SQL's NULL, here and below. */
void statement_bind_text(Statement *s, const char *name, const char *value);
void statement_bind_blob(Statement *s, const char *name, const void *value, size_t size);

/* Returns: true if there is a row (more). */
bool statement_step(Statement *s);
/* Steps to the end, and makes the statement ready for other values. Returns: rc. */
int statement_run(Statement *s);

int64_t statement_int(Statement *s, int column);
/* Returns: a copy; NULL if the column is NULL, or out of memory (then rc says so). */
char *statement_text(Statement *s, int column);
/* Borrowed, until the next step. Returns: false if the column is NULL; an empty one is true. */
bool statement_blob(Statement *s, int column, const void **ret, size_t *ret_size);

/* Marks the row as damaged: rc becomes SQLITE_CORRUPT unless it is set already. */
void statement_set_damaged(Statement *s);
void statement_set_no_memory(Statement *s);

#define _cleanup_statement_ _cleanup_(statement_done)
