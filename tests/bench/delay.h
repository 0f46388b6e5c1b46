/* delay.h: the longest delay of a client's ping while the broker closes a socket of another one that lingers
 * for half a minute. */
#ifndef DELAY_H
#define DELAY_H

#include <stddef.h>

struct delay {
    double longest_us; /* of all pings */
    double p50_us;
    double floor_longest_us; /* of the floor, in turns with the pings: the machine's own */
    size_t pings;
    double close_us; /* the shortest wait of a remove for the close; below 50 ms nothing has lingered */
};

struct floor;

/* Again and again, `times` times. */
struct delay delay_measure(const char *program, struct floor *floor, size_t times);

#endif
