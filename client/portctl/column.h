/* column.h: the columns of a verb's output. */
#ifndef COLUMN_H
#define COLUMN_H

#include <stdbool.h>
#include <stddef.h>

enum { COLUMNS_MAX = 64 };

enum column_form { COLUMN_PLAIN, COLUMN_DURATION, COLUMN_TIME }; /* the two: microseconds */

/* A column of a table, or a line of one object. The last of an array has the key NULL. */
struct column {
    const char *key; /* the key in JSON; headings are derived from it */
    enum column_form form;
    bool spare; /* in tables only with --columns */
};

/* Fills `chosen` with the columns named in `choice` ("id,kind"; NULL: those that are not spare, or with `all` every one).
 * Returns how many; 0 if a name is unknown: then *wrong (if not NULL) points to it. */
size_t column_choose(const char *choice, const struct column *columns, bool all,
                     const struct column *chosen[COLUMNS_MAX], const char **wrong);

/* For "owner_pid": OWNER_PID above a table (`above`), else "owner pid". The unit of a duration or time is left out. Freed
 * by the caller. */
char *column_heading(const struct column *column, bool above);

/* "id,kind,number". Freed by the caller. */
char *column_names(const struct column *columns);

#endif
