/* watched.h: the cost of many watched descriptors: another client's wake, memory, and wakeups of an idle broker. */
#ifndef WATCHED_H
#define WATCHED_H

#include <stddef.h>

enum { WATCHED_FEW = 10, WATCHED_MANY = 19000, WATCHED_FILES = 20000 };

struct watched {
    double few, many; /* p50 of a wake in microseconds */
    double ratio;
    double bytes_each;
    double wakeups_per_second; /* of all threads of a broker that nobody asks anything */
    double cpu_us_per_second;
    double idle_seconds;
};

struct watched watched_measure(const char *program, size_t rounds, size_t iterations, double idle_seconds);

#endif
