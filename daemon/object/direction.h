/* direction.h: the two directions of a descriptor, and the engine interest for each. */
#ifndef DIRECTION_H
#define DIRECTION_H

#include "daemon/readiness/engine.h"

enum { DIRECTION_READ = 0, DIRECTION_WRITE = 1 };

static inline uint8_t direction_interest(int direction) {
    return direction == DIRECTION_WRITE ? ENGINE_WRITE : ENGINE_READ;
}

#endif
