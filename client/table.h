/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.h - rows of text: aligned, with a header, on a terminal; else one line a row, its cells
 * separated by tabs, without header, for programs.
 */
#pragma once

#include "output.h"

typedef struct Table Table;

typedef struct Column {
        const char *name;
        bool right, shrinks; /* shrinks: is cut where the terminal is too narrow */
        double share;        /* of the width: down to that before others are cut; 0: no such */
} Column;

/* `columns` must outlive the table. Returns: 0, -ENOMEM. */
int table_new(Table **ret, const Output *output, const Column *columns, size_t n);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free);

/* As many cells as columns; NULL is empty. Copied. Returns: 0, -ENOMEM. */
int table_add(Table *table, const char *const *cells);
/* The colour of one cell of the row that was added last. */
void table_colour(Table *table, size_t column, Colour colour);
int table_print(Table *table);

/* A whole table: `add` adds the row that is made of one of `rows`, an array. Returns: 0, -ENOMEM.
 */
int table_show(const Output *output, const Column *columns, size_t n, const json_t *rows,
               int (*add)(Table *table, const json_t *row));
