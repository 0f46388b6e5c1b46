/* neighbours.h: what one uid at its quotas costs another: pings of one, a thousand a second, while the other does what offender.h
 * lists.
 *
 * The control is the same offence on another broker, which shares the offender's CPU, while an echo server is pinged: the same
 * processes are busy, but the pinged one has nothing to do with them. With a single CPU, all share it. */
#ifndef NEIGHBOURS_H
#define NEIGHBOURS_H

#include "bench.h"

#include <stdbool.h>
#include <stddef.h>

enum { NEIGHBOURS_ROWS_MAX = 24, NEIGHBOURS_TRIES = 3 };

/* A row that misses is measured again only while it has taken less than this, and all rows together less than that. */
#define NEIGHBOURS_ROW_SECONDS 10.0
#define NEIGHBOURS_ALL_SECONDS 120.0

#define NEIGHBOURS_P99_MS_MUST 5.0
#define NEIGHBOURS_BEYOND_MS_MUST 20.0 /* of the longest, above the control's */

struct neighbours_figure {
    bool begun; /* false: the offender was not ready in time; a miss */
    size_t n;   /* that it has made */
    size_t pings;
    double p50, p99, longest; /* microseconds */
    double busy;              /* CPU time of the offended broker, to the time that went by */
};

struct neighbours_row {
    const char *name, *what;
    bool must;    /* false: the kernel's doing, only measured */
    size_t tries; /* a row that misses is measured again: a machine that stalls does so once */
    struct neighbours_figure portd, control;
};

struct neighbours {
    size_t n;
    struct neighbours_row rows[NEIGHBOURS_ROWS_MAX];
};

/* seconds: of each pattern, once its offender is ready. share: 1, or by what the sizes are divided. only: one pattern, or NULL. False: this process
 * cannot be somebody else; nothing is measured. */
bool neighbours_measure(struct neighbours *neighbours, const char *program, double seconds, size_t share,
                        const char *only);

bool neighbours_missed(const struct neighbours_row *row);

#endif
