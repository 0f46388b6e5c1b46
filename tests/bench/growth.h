/* growth.h: what must not cost more when there is more of it, and what must cost others nothing.
 *
 * Each row compares two states in alternating rounds: one thing with few and with many, or without something and with it. The
 * first is the base, so the ratio is what the second adds. */
#ifndef GROWTH_H
#define GROWTH_H

#include "row.h"

enum { GROWTH_FEW = 100, GROWTH_MANY = 10000, GROWTH_CONNECTIONS = 5000 };

enum { GROWTH_PARK, GROWTH_WAKE_ONE, GROWTH_TIMED, GROWTH_IDLE, GROWTH_ROWS };

struct growth {
    struct row rows[GROWTH_ROWS]; /* sides: ROW_FLOOR is the first state, ROW_PORTD the second */
};

struct growth_setting {
    const char *program;
    size_t rounds, iterations;
    size_t share; /* all sizes are divided by it */
};

/* GROWTH_CONNECTIONS are as many files, here and in the broker. */
void growth_measure(struct growth *growth, const struct growth_setting *setting);

/* False: there is none of that name. */
bool growth_measure_one(struct row *row, const char *name, const struct growth_setting *setting);

#endif
