/* delay.h: the longest delay of a client's ping while the broker closes a socket of another one that lingers for half a
 * minute. */
#ifndef DELAY_H
#define DELAY_H

#include <stddef.h>

struct delay {
    double longest_us; /* of all pings */
    double p50_us;
    size_t pings;
    double close_us; /* the longest that a remove waited for the close */
};

/* Again and again, `times` times. */
struct delay delay_measure(const char *program, size_t times);

#endif
