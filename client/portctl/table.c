/* table.c: rows of text in columns.
 *
 * Columns are as wide as their widest cell, separated by two spaces, without tabs. The last column is not padded: no line ends
 * with spaces. A line longer than the terminal's width is truncated.
 */
#include "table.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

void table_init(struct table *table, size_t n_columns) {
    memset(table, 0, sizeof(*table));
    table->n_columns = n_columns;
}

void table_add_take(struct table *table, char *text) {
    if (table->n_cells == table->room) {
        size_t room = table->room == 0 ? 64 : table->room * 2;
        char **cells = text_room(room, sizeof(*cells));

        if (table->n_cells > 0)
            memcpy(cells, table->cells, table->n_cells * sizeof(*cells));
        free(table->cells);
        table->cells = cells;
        table->room = room;
    }
    table->cells[table->n_cells++] = text;
}

static size_t column_width(const struct table *table, size_t column) {
    size_t width = 0;

    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        size_t w = text_width(table->cells[i]);

        width = w > width ? w : width;
    }
    return width;
}

/* One padded line; the caller frees it. */
static char *make_line(char *const *cells, const size_t *widths, size_t n) {
    size_t size = 1;
    char *line, *to;

    for (size_t i = 0; i < n; i++)
        size += strlen(cells[i]) + widths[i] + 2;
    to = line = text_room(size, 1);
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(cells[i]), pad = i + 1 < n ? widths[i] - text_width(cells[i]) + 2 : 0;

        memcpy(to, cells[i], length);
        memset(to + length, ' ', pad);
        to += length + pad;
    }
    return line;
}

void table_write(const struct table *table, FILE *file, size_t width, bool bold) {
    size_t *widths = text_room(table->n_columns, sizeof(*widths));

    for (size_t i = 0; i < table->n_columns; i++)
        widths[i] = column_width(table, i);
    for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns) {
        char *line = make_line(table->cells + i, widths, table->n_columns);

        text_cut(line, width);
        fprintf(file, bold && i == 0 ? "\033[1m%s\033[0m\n" : "%s\n", line);
        free(line);
    }
    free(widths);
}

void table_write_row(size_t *widths, char **cells, size_t n, FILE *file, size_t width) {
    char *line;

    for (size_t i = 0; i < n; i++) {
        size_t own = text_width(cells[i]);

        widths[i] = widths[i] < own ? own : widths[i];
    }
    line = make_line(cells, widths, n);
    text_cut(line, width);
    fprintf(file, "%s\n", line);
    fflush(file);
    free(line);
    for (size_t i = 0; i < n; i++)
        free(cells[i]);
}

void table_deinit(struct table *table) {
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i]);
    free(table->cells);
    memset(table, 0, sizeof(*table));
}
