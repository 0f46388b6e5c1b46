/* row.h: what is measured, and what came out.
 *
 * The rounds of the sides of a row take turns, so that a machine that gets slower or faster during the run
 * does so for all of them. A time is the median over the rounds of each round's own p10, p50, p99 and least. A ratio
 * is the median of the ratios of the single rounds, each to the base's round beside it: so a speed that changes from one
 * round to the next cancels. */
#ifndef ROW_H
#define ROW_H

#include "bench.h"

#include <stdbool.h>

enum { ROW_FLOOR, ROW_PORTD, ROW_PEER, ROW_PEERS_MAX = 3, ROW_SIDES = ROW_PEER + ROW_PEERS_MAX };

struct figure {
    double p10, p50, p99, min; /* microseconds */
    double ratio, ratio_p10;   /* of the p50 and the p10, to the base */
    bool known;
};

struct row {
    const char *name;
    const char *work;
    size_t share; /* one in so many of the iterations: for rows whose setting up takes longer than the rest */
    struct must must;
    double aim;  /* of portd's ratio, as the must is; 0: none */
    size_t base; /* the side that ratios are to; not given: the floor */
    struct side sides[ROW_SIDES];
    struct figure figures[ROW_SIDES];
};

/* Fills the figures. The first round is not counted. */
void row_measure(struct row *row, size_t rounds, size_t iterations);

double row_ratio(const struct row *row, size_t side);
bool row_missed(const struct row *row);

#endif
