/* loop.h: the daemon's event loop: its own descriptors (listener, connections, engine), timers and signals.
 *
 * Single-threaded. Callbacks run one after another; each may add, change and remove anything, itself included. Callbacks must be short:
 * the loop reports everything that is ready before it calls the function given to loop_round, which does the work, in turns
 * (daemon/base/turn.h), and sends the replies.
 *
 * The loop owns the readiness engine, so watches armed there wake it. It passes the engine's events to the function given to loop_ready;
 * those found together with a ready watch come before that watch's callback: no older event follows what a callback has probed.
 *
 * Implemented by loop_engine.c and, for comparison, loop_libevent.c; tests step tests/support/loop_fake.c by hand. */
#ifndef LOOP_H
#define LOOP_H

#include "proto/os.h"

#include <stddef.h>
#include <stdint.h>

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* The lowest bits of a token: 0 in the loop's own tokens, not 0 in all others. */
enum { LOOP_TOKEN_BITS = 3, LOOP_TOKEN_MASK = (1 << LOOP_TOKEN_BITS) - 1 };

struct engine;
struct loop;

/* Its address is its token in the engine; the alignment makes the low bits 0. */
struct loop_watch {
    _Alignas(LOOP_TOKEN_MASK + 1) os_fd fd;
    void (*fn)(struct loop_watch *watch, unsigned events);
    struct loop *loop; /* private from here */
    unsigned interest;
    unsigned pass;
    void *impl[2];
};

struct loop_timer {
    void (*fn)(struct loop_timer *timer);
    struct loop *loop; /* private from here */
    int64_t deadline;
    size_t place; /* see timers.h */
};

/* NULL without memory or free descriptors. */
struct loop *loop_new(void);
void loop_free(struct loop *loop); /* NULL is allowed */

/* Runs until loop_stop. 0 or a negative errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* fn runs after each callback. The broker has none: it is for tests, which see by it whether the loop has called anything. */
void loop_after(struct loop *loop, void (*fn)(void *context), void *context);

/* fn runs after everything that is ready has been reported. It returns the time (os_now_us) until which the loop may sleep; 0: not at all,
 * there is more work; INT64_MAX: until something happens. */
void loop_round(struct loop *loop, int64_t (*fn)(void *context), void *context);

/* The loop owns the engine. fn gets the events of tokens that have a bit of LOOP_TOKEN_MASK; the other tokens are the loop's own. */
struct engine *loop_engine(const struct loop *loop);
void loop_ready(struct loop *loop, void (*fn)(void *context, uint64_t token, unsigned events), void *context);

/* Level-triggered. The caller owns the watch, and has set fd and fn. interest may be 0. 0 or a negative errno. */
int loop_watch(struct loop *loop, struct loop_watch *watch, unsigned interest);
int loop_set(struct loop_watch *watch, unsigned interest);
void loop_unwatch(struct loop_watch *watch); /* before fd is closed; a zeroed watch is allowed */

/* One-shot; setting again moves it. Never fires before its deadline (os_now_us). 0, or -ENOMEM the first time only. */
int loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t deadline);
/* Allocates the memory that the first loop_timer_set needs, so that none can fail. 0 or -ENOMEM. */
int loop_timer_prepare(struct loop *loop, struct loop_timer *timer);
void loop_timer_clear(struct loop_timer *timer); /* keeps the timer's memory for the next set */
void loop_timer_free(struct loop_timer *timer);  /* a zeroed timer is allowed */

/* The time until its deadline, not below 0; -1: it is not set. */
static inline int64_t loop_timer_left(const struct loop_timer *timer) {
    int64_t left = timer->place ? timer->deadline - os_now_us() : -1;
    return timer->place && left < 0 ? 0 : left;
}

/* fn runs in the loop, not in the handler. 0 or a negative errno. */
int loop_signal(struct loop *loop, int number, void (*fn)(void *context, int number), void *context);

#endif
