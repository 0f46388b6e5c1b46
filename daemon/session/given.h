/* given.h: who has got copies of a held descriptor since the broker's start. */
#ifndef GIVEN_H
#define GIVEN_H

#include "proto/os.h"

#include <stddef.h>
#include <stdint.h>

enum { GIVEN_MOST = 8 };

struct given {
    uint64_t times;
    size_t n;
    struct receiver {
        os_uid uid;
        uint32_t pid; /* 0: not known */
        uint64_t times;
        int64_t last; /* os_now_us */
    } to[GIVEN_MOST]; /* of the last copies, the latest first */
};

/* Counts one copy. Who got none for the longest time is forgotten, if there are too many. */
void given_add(struct given *given, os_uid uid, uint32_t pid);

#endif
