/* polls.h: descriptors that are polled beside an engine, and not put into it: each sleep costs in proportion to them. One thread's.
 *
 * Activity alone cannot be seen. So what is armed by edges is told of again while it stays ready, in ever longer intervals, until it was
 * found not to be. */
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
    os_fd fd; /* set once, before the first arming, as the token */
    uint64_t token;
    unsigned interest; /* 0: not armed; private from here */
    bool edge;
    int64_t again; /* when to look again; 0: it was not ready when it was looked at last */
    int64_t pause;
    struct polled *prev, *next;
};

struct polls {
    struct polled *list;
    size_t n;
};

/* As engine_arm, or with interest 0 engine_disarm. 0, or -ENOSPC: POLLS_MOST are armed. */
int polls_set(struct polls *polls, struct polled *polled, unsigned interest, bool edge);

/* As engine_sleep, for ever, with the engine and all that is armed. At most room answers. */
int polls_sleep(struct polls *polls, struct engine *engine, struct engine_event *events, size_t room);

#endif
