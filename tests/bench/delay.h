/* delay.h: the longest delay of a client's ping while the broker closes a socket of another one that lingers for half a
 * minute. */
#ifndef DELAY_H
#define DELAY_H

#include <stddef.h>

struct delay {
    double longest_us; /* of all pings */
    double p50_us;
    double
        floor_longest_us; /* of as many requests to the floor, in turns with the pings: what the machine adds */
    size_t pings;
    double
        close_us; /* the shortest that a remove waited for the close: less than 50 ms would mean that nothing lingered */
};

struct floor;

/* Again and again, `times` times. */
struct delay delay_measure(const char *program, struct floor *floor, size_t times);

#endif
