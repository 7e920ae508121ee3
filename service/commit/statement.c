/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * statement.c - see statement.h. Nothing is cached: compiling a statement costs a fraction of the
 * fsync that follows.
 */
#include "commit/statement.h"

#include <string.h>

void statement_init(Statement *s, sqlite3 *connection, const char *sql)
{
        *s = (Statement){ .connection = connection };
        s->rc = sqlite3_prepare_v2(connection, sql, -1, &s->stmt, NULL);
}

void statement_done(Statement *s)
{
        sqlite3_finalize(s->stmt);
        s->stmt = NULL;
}

/* Returns: its index; 0, and rc is set, if there is none: sqlite3_bind_*() would say no less. */
static int find_parameter(Statement *s, const char *name)
{
        int index;

        if (s->rc != SQLITE_OK)
                return 0;
        index = sqlite3_bind_parameter_index(s->stmt, name);
        if (index == 0)
                s->rc = SQLITE_RANGE;
        return index;
}

void statement_bind_int(Statement *s, const char *name, int64_t value)
{
        int index = find_parameter(s, name);

        if (index > 0)
                s->rc = sqlite3_bind_int64(s->stmt, index, value);
}

void statement_bind_text(Statement *s, const char *name, const char *value)
{
        int index = find_parameter(s, name);

        if (index > 0)
                s->rc = sqlite3_bind_text(s->stmt, index, value, -1, SQLITE_STATIC);
}

void statement_bind_blob(Statement *s, const char *name, const void *value, size_t size)
{
        int index = find_parameter(s, name);

        if (index > 0)
                s->rc = sqlite3_bind_blob64(s->stmt, index, value, size, SQLITE_STATIC);
}

bool statement_step(Statement *s)
{
        int rc;

        if (s->rc != SQLITE_OK)
                return false;
        rc = sqlite3_step(s->stmt);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
                s->rc = rc;
        return rc == SQLITE_ROW;
}

int statement_run(Statement *s)
{
        while (statement_step(s))
                ;
        if (s->stmt)
                sqlite3_reset(s->stmt);
        return s->rc;
}

int64_t statement_int(Statement *s, int column)
{
        return sqlite3_column_int64(s->stmt, column);
}

char *statement_text(Statement *s, int column)
{
        const unsigned char *text;
        char *copy;

        if (sqlite3_column_type(s->stmt, column) == SQLITE_NULL)
                return NULL;
        text = sqlite3_column_text(s->stmt, column);
        copy = text ? strdup((const char *)text) : NULL;
        if (!copy)
                statement_set_no_memory(s);
        return copy;
}

bool statement_blob(Statement *s, int column, const void **ret, size_t *ret_size)
{
        const void *blob;
        int size;

        if (sqlite3_column_type(s->stmt, column) == SQLITE_NULL)
                return false;
        blob = sqlite3_column_blob(s->stmt, column);
        size = sqlite3_column_bytes(s->stmt, column);
        if (!blob && size > 0) {
                statement_set_no_memory(s);
                return false;
        }
        *ret = blob ? blob : "";
        *ret_size = (size_t)size;
        return true;
}

void statement_set_damaged(Statement *s)
{
        if (s->rc == SQLITE_OK)
                s->rc = SQLITE_CORRUPT;
}

void statement_set_no_memory(Statement *s)
{
        if (s->rc == SQLITE_OK)
                s->rc = SQLITE_NOMEM;
}
