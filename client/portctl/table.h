/* table.h: rows of text in columns. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table {
    size_t n_columns, n_cells, room;
    char **cells; /* owned */
};

void table_init(struct table *table, size_t n_columns);

/* Adds the next cell, row by row. The table owns the text from now on. */
void table_add_take(struct table *table, char *text);

/* Writes lines of at most `width` characters (0: no limit). bold: the first row is a heading and printed bold. */
void table_write(const struct table *table, FILE *file, size_t width, bool bold);

/* For rows that are printed one at a time: prints one at once, like table_write, and frees its cells. Columns that are too narrow for it
 * become wider, for the rows after it, too. */
void table_write_row(size_t *widths, char **cells, size_t n, FILE *file, size_t width);

void table_deinit(struct table *table);

#endif
