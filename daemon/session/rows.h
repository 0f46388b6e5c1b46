/* rows.h: the metrics of metrics.def as rows with values, one after the other, whatever the output format.
 *
 * Counters are read as they are; gauges are measured in rows_begin. Families without entries in the table are filled from methods
 * and from the accounts of uids, at most ROWS_USERS of them; `next` says where to continue. The rows of a family are contiguous. */
#ifndef ROWS_H
#define ROWS_H

#include "daemon/base/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sessions;
struct user;

enum { ROWS_LABELS = 3, ROWS_USERS = 8, ROWS_UID_TEXT = 24 };

/* Its pointers are valid as long as the struct rows. */
struct row {
    enum metrics_family family;
    uint64_t value;
    size_t n_labels;
    struct {
        const char *name, *value;
    } labels[ROWS_LABELS];
};

struct rows {
    size_t section, at; /* position of the next row */
    bool sums;          /* with those that show what all uids do together */
    size_t n_users;
    const struct user *users[ROWS_USERS + 1];
    char uids[ROWS_USERS][ROWS_UID_TEXT];
    uint64_t next; /* the lowest uid not among these; 0: none */
};

/* Begins: the rows of the broker, if `broker`, and those of uids from `from` on: `own` only, or all if NULL. With `own` those of the
 * broker are few: sums over all uids would show when another one does something, and how much. Users must not change until the
 * last row. */
void rows_begin(struct rows *rows, const struct sessions *sessions, bool broker, const struct user *own,
                uint64_t from);

/* False: no more rows. */
bool rows_next(struct rows *rows, struct row *row);

#endif
