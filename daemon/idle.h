/* idle.h: when a broker that nobody needs leaves by itself. */
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
    bool set;
    uint64_t heard; /* what had been done when the quiet began */
};

void idle_init(struct idle *idle, struct loop *loop, struct sessions *sessions, struct door *door,
               int64_t limit_us);
void idle_deinit(struct idle *idle); /* zeros are allowed */

/* After each turn. */
void idle_after(struct idle *idle);

#endif
