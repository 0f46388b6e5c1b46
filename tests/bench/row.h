/* row.h: what is measured, and what came out.
 *
 * The rounds of the sides of a row take turns, so that a machine that gets slower or faster during the run
 * does so for all of them. A figure is the median over the rounds of each round's own p50, p99 and least. */
#ifndef ROW_H
#define ROW_H

#include "bench.h"

#include <stdbool.h>

enum { ROW_FLOOR, ROW_PORTD, ROW_PEER, ROW_SIDES };

struct figure {
    double p50, p99, min; /* microseconds */
    bool known;
};

struct row {
    const char *name;
    const char *work;
    size_t share; /* one in so many of the iterations: for rows whose setting up takes longer than the rest */
    double must, aim; /* of the ratio to the floor; 0: none */
    struct side sides[ROW_SIDES];
    struct figure figures[ROW_SIDES];
};

/* Fills the figures. The first round is not counted. */
void row_measure(struct row *row, size_t rounds, size_t iterations);

/* p50 to the floor's p50. */
double row_ratio(const struct row *row, int side);

#endif
