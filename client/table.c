/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.c - see table.h.
 */
#include "table.h"

#include <errno.h>
#include <libsmartcols.h>
#include <string.h>
#include <sys/ioctl.h>

#include "text.h"

struct Table {
        const Output *output;
        size_t n;
        struct libscols_table *table; /* NULL: rows are printed as they come */
        struct libscols_line *last;
};

static int add_columns(Table *table, const Column *columns, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) |
                            (columns[i].shrinks ? SCOLS_FL_TRUNC : 0);

                struct libscols_column *column = scols_table_new_column(
                        table->table, columns[i].name, columns[i].share, flags);

                /* What text_for_cell() has escaped would be escaped once more. */
                if (!column || scols_column_set_safechars(column, "\\") != 0)
                        return -ENOMEM;
        }
        return 0;
}

int table_new(Table **ret, const Output *output, const Column *columns, size_t n)
{
        _cleanup_(table_free_cleanup) Table *table = calloc(1, sizeof(*table));
        struct winsize size;

        if (!table)
                return -ENOMEM;
        table->output = output;
        table->n = n;
        if (output->terminal) {
                table->table = scols_new_table();
                if (!table->table || add_columns(table, columns, n) < 0)
                        return -ENOMEM;
                scols_table_enable_noheadings(table->table, !output->legend);
                scols_table_enable_colors(table->table, output->colour);
                /* Standard output may lead to the pager; where it leads to is as wide as this. */
                if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
                        scols_table_set_termforce(table->table, SCOLS_TERMFORCE_ALWAYS);
                        scols_table_set_termwidth(table->table, size.ws_col);
                }
        }
        *ret = TAKE_PTR(table);
        return 0;
}

Table *table_free(Table *table)
{
        if (table)
                scols_unref_table(table->table);
        free(table);
        return NULL;
}

int table_add(Table *table, const char *const *cells)
{
        if (table->table) {
                table->last = scols_table_new_line(table->table, NULL);
                if (!table->last)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < table->n; i++) {
                _cleanup_free_ char *cell = text_for_cell(cells[i] ? cells[i] : "", table->table);

                if (!cell)
                        return -ENOMEM;
                if (!table->table)
                        printf("%s%c", cell, i + 1 < table->n ? '\t' : '\n');
                else if (scols_line_refer_data(table->last, i, cell) == 0)
                        TAKE_PTR(cell);
                else
                        return -ENOMEM;
        }
        output_check();
        return 0;
}

void table_colour(Table *table, size_t column, Colour colour)
{
        static const char *const names[] = {
                [COLOUR_BOLD] = "bold",   [COLOUR_DIM] = "halfbright", [COLOUR_RED] = "red",
                [COLOUR_GREEN] = "green", [COLOUR_YELLOW] = "yellow",  [COLOUR_CYAN] = "cyan",
        };

        if (table->last && colour != COLOUR_NONE)
                scols_cell_set_color(scols_line_get_cell(table->last, column), names[colour]);
}

int table_show(const Output *output, const Column *columns, size_t n, const json_t *rows,
               int (*add)(Table *table, const json_t *row))
{
        _cleanup_(table_free_cleanup) Table *table = NULL;
        const json_t *row;
        size_t i;
        int r;

        r = table_new(&table, output, columns, n);
        json_array_foreach(rows, i, row)
        {
                if (r < 0)
                        break;
                r = add(table, row);
        }
        return r < 0 ? r : table_print(table);
}

int table_print(Table *table)
{
        if (table->table && scols_table_get_nlines(table->table) > 0 &&
            scols_print_table(table->table) != 0)
                return -ENOMEM;
        return 0;
}
