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

/* Adds the next cell, from left to right and top to bottom. The text becomes the table's. */
void table_add_take(struct table *table, char *text);

/* Lines no longer than `width` characters (0 = no end); the first row is bold when it is a heading. */
void table_write(const struct table *table, FILE *file, size_t width, bool bold);

/* Rows that are written as they come: columns grow to the widest cell so far, from a width that is enough for most. A row is written and
 * its cells are freed. */
void table_widen(size_t *widths, char *const *cells, size_t n);
void table_write_row(size_t *widths, char **cells, size_t n, FILE *file);

void table_deinit(struct table *table);

#endif
