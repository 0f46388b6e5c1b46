/* column.h: which parts of an answer are shown, and under which heading. */
#ifndef COLUMN_H
#define COLUMN_H

#include <stdbool.h>
#include <stddef.h>

enum { COLUMNS_MAX = 32 };

enum column_form { COLUMN_PLAIN, COLUMN_DURATION, COLUMN_TIME }; /* the two: microseconds */

/* A column of a table, or a line of one object. The last of an array has the key NULL. */
struct column {
    const char *key; /* of JSON; headings are made from it */
    enum column_form form;
    bool spare; /* in tables only when asked for */
};

/* Puts the columns named in `choice` ("id,kind"; NULL: those that are not spare, or with `all` every one)
 * into `chosen`. Returns how many; 0 when there is no such column, then *wrong (if not NULL) is where its
 * name begins. */
size_t column_choose(const char *choice, const struct column *columns, bool all,
                     const struct column *chosen[COLUMNS_MAX], const char **wrong);

/* "owner_pid" is OWNER_PID above a table and "owner pid" beside a line; the unit of a duration or
 * time is left out. Freed by the caller. */
char *column_heading(const struct column *column, bool above);

/* "id,kind,number". Freed by the caller. */
char *column_names(const struct column *columns);

#endif
