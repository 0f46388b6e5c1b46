/* rows.h: what metrics.def lists, with numbers: one row after the other, in whatever form they are told then.
 *
 * Counters are as they are; gauges are measured when the rows begin. The families that the table has no rows for follow from what they
 * are counted by: methods, and the accounts of uids, of which there are ROWS_USERS at most; `next` says where to go on. The rows of a family
 * come together. */
#ifndef ROWS_H
#define ROWS_H

#include "daemon/base/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sessions;
struct user;

enum { ROWS_LABELS = 3, ROWS_USERS = 8, ROWS_UID_TEXT = 24 };

/* What it points to lasts as long as the rows. */
struct row {
    enum metrics_family family;
    uint64_t value;
    size_t n_labels;
    struct {
        const char *name, *value;
    } labels[ROWS_LABELS];
};

struct rows {
    size_t section, at; /* where the next one is */
    size_t n_users;
    const struct user *users[ROWS_USERS + 1];
    char uids[ROWS_USERS][ROWS_UID_TEXT];
    uint64_t next; /* the lowest uid that is not among these; 0: there is none */
};

/* The whole broker's rows, if asked for, and those of the uids from that one on: of all, or of `own` alone. Users must not change until the last row. */
void rows_begin(struct rows *rows, const struct sessions *sessions, bool broker, const struct user *own,
                uint64_t from);

/* False: there is none left. */
bool rows_next(struct rows *rows, struct row *row);

#endif
