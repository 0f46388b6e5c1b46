/* loop_case.h: what the tests of loop.h share. */
#ifndef LOOP_CASE_H
#define LOOP_CASE_H

#include "tests/support/test.h"

#include "daemon/loop/loop.h"

/* A watch, a timer and what they did; several of them share an order. */
struct actor {
    struct loop_watch watch;
    struct loop_timer timer;
    unsigned events;
    size_t calls;
    size_t order;
    int64_t time;
    void (*then)(struct actor *actor);
    struct actor *other;
};

/* The loop under test: a case begins with loop_begin and ends with loop_free. */
extern struct loop *loop;
extern size_t order, afters; /* callbacks so far */

void loop_begin(void);

/* `then` may be NULL. */
void actor_init(struct actor *actor, os_fd fd, void (*then)(struct actor *actor));

/* Stops the loop: a `then`. */
void actor_stop(struct actor *actor);

#endif
