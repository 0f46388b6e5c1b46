/* column.c: the columns of a verb's output.
 *
 * Each verb that prints a table has one array of columns. It gives their order in text and the choice for --columns (in
 * JSON too), and the verb's help lists it.
 */
#include "column.h"

#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct column *find(const struct column *columns, const char *key, size_t length) {
    for (; columns->key != NULL; columns++)
        if (strlen(columns->key) == length && strncmp(columns->key, key, length) == 0)
            return columns;
    return NULL;
}

size_t column_choose(const char *choice, const struct column *columns, bool all,
                     const struct column *chosen[COLUMNS_MAX], const char **wrong) {
    size_t n = 0;

    if (choice == NULL) {
        for (; columns->key != NULL && n < COLUMNS_MAX; columns++)
            if (all || !columns->spare)
                chosen[n++] = columns;
        return n;
    }
    for (;;) {
        size_t length = strcspn(choice, ",");
        const struct column *column = find(columns, choice, length);

        if (column == NULL || n == COLUMNS_MAX) {
            if (wrong != NULL)
                *wrong = choice;
            return 0;
        }
        chosen[n++] = column;
        if (choice[length] == '\0')
            return n;
        choice += length + 1;
    }
}

char *column_heading(const struct column *column, bool above) {
    char *heading = text_copy(column->key);
    size_t length = strlen(heading);

    if (column->form != COLUMN_PLAIN && length > 3 && strcmp(heading + length - 3, "_us") == 0)
        heading[length - 3] = '\0';
    for (char *p = heading; *p != '\0'; p++)
        if (above)
            *p = (char)toupper((unsigned char)*p);
        else if (*p == '_')
            *p = ' ';
    return heading;
}

char *column_names(const struct column *columns) {
    char *names = text_copy(columns->key);

    for (columns++; columns->key != NULL; columns++) {
        char *longer = text_print("%s,%s", names, columns->key);

        free(names);
        names = longer;
    }
    return names;
}
