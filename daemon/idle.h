/* idle.h: exits the broker when it has been idle for the time of idle-exit. */
#ifndef IDLE_H
#define IDLE_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct door;
struct sessions;

struct idle {
    struct loop *loop;
    struct sessions *sessions;
    struct door *door;
    int64_t limit_us; /* 0: never */
    struct loop_timer empty, quiet;
    bool set;       /* `empty` is */
    uint64_t heard; /* requests and admitted connections so far, when the timer was set */
};

void idle_init(struct idle *idle, struct loop *loop, struct sessions *sessions, struct door *door,
               int64_t limit_us);
/* Another limit, from now on; 0: never. */
void idle_set_limit(struct idle *idle, int64_t limit_us);

void idle_deinit(struct idle *idle); /* zeros are allowed */

/* To be called after each turn. */
void idle_after(struct idle *idle);

#endif
