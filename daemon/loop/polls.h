/* polls.h: descriptors that are polled beside an engine, not added to it. A sleep costs in proportion to their number. For one thread.
 *
 * poll(2) does not show new activity on a ready descriptor. So an edge-armed descriptor is reported again while it stays ready, at growing
 * intervals. */
#ifndef POLLS_H
#define POLLS_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POLLS_MOST = 256, POLLS_AGAIN_US = 10000, POLLS_AGAIN_MOST_US = 1000000 };

struct engine;
struct engine_event;

struct polled {
    os_fd fd; /* set by the caller before the first polls_set, as the token */
    uint64_t token;
    unsigned interest; /* 0: not armed; private from here */
    bool edge;
    int64_t again; /* when to poll it again; 0: it was not ready last time */
    int64_t pause;
    struct polled *prev, *next;
};

struct polls {
    struct polled *list;
    size_t n;
};

/* As engine_arm, or as engine_disarm if interest is 0. 0, or -ENOSPC: POLLS_MOST are armed. */
int polls_set(struct polls *polls, struct polled *polled, unsigned interest, bool edge);

/* As engine_sleep without a timeout, for the engine and all armed descriptors. At most `room` events. */
int polls_sleep(struct polls *polls, struct engine *engine, struct engine_event *events, size_t room);

#endif
