/* ending.h: the longest delay of a client's ping while another client's session ends, with all its objects. */
#ifndef ENDING_H
#define ENDING_H

#include <stddef.h>

struct ending {
    size_t objects;
    double
        longest_us; /* of all pings, in the best of ENDING_TIMES: the machine holds up one of them, the broker all */
    double floor_longest_us; /* of the floor, in turns with those pings */
    size_t pings;
    double took_us; /* until the last object was gone */
};

enum { ENDING_TIMES = 3 };

struct floor;
struct ending ending_measure(const char *program, struct floor *floor, size_t objects);

#endif
