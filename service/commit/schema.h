/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * schema.h - the tables of the journal, and how an older version becomes this one.
 *
 * PRAGMA user_version is the number of migrations that a database has been through; PRAGMA
 * application_id says that it is ours.
 */
#pragma once

#include <sqlite3.h>
#include <stddef.h>

#define SCHEMA_APPLICATION_ID 0x45784d6a /* "ExMj" */

/* In SQL: whose a change is, "key:web" of one that was made by a key, else "uid:1000". Part of the
 * schema: an index is made on it. */
#define SCHEMA_OWNER(authority, uid)                                                               \
        "CASE WHEN " authority " GLOB 'key:*'"                                                     \
        " THEN substr(" authority ", 1, instr(" authority " || ',', ',') - 1)"                     \
        " ELSE 'uid:' || " uid " END"

typedef struct SchemaList {
        const char *const *migrations; /* SQL; [i] leads from version i to i + 1 */
        size_t n;
} SchemaList;

/* The journal's; its length is the version that this program writes. */
SchemaList schema_list(void);

/* Returns: SQLITE_OK or an extended code. */
int schema_read_version(sqlite3 *connection, size_t *ret);

/* From version `from` to the last: all of it, or nothing has changed. Returns: likewise. */
int schema_migrate(sqlite3 *connection, SchemaList list, size_t from);
