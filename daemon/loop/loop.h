/* loop.h: the daemon's heartbeat: its own descriptors (listener, connections, engine), timers and signals.
 *
 * One thread. Callbacks run one after the other; each may add, change and remove anything, itself too. After
 * each callback the function given to loop_after runs: it sends what the callback has left to be sent. What a
 * callback does must be short, since all that is ready is told before the function given to loop_round runs:
 * that does the work, in turns (daemon/base/turn.h), and says whether there is more.
 *
 * The loop has the readiness engine, so what is armed there wakes it. Its answers are told by the function
 * given to loop_ready, and none is told after a watch's callback that was there before it: whoever asks in
 * the callback what is ready is not told of older things afterwards.
 *
 * Implemented by loop_engine.c and, for comparison, by loop_libevent.c; tests/support/loop_fake.c has one
 * that tests step by hand. */
#ifndef LOOP_H
#define LOOP_H

#include "proto/os.h"

#include <stddef.h>
#include <stdint.h>

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* The lowest bits of a token: all 0 in the loop's own, not all 0 in anybody else's. */
enum { LOOP_TOKEN_BITS = 3, LOOP_TOKEN_MASK = (1 << LOOP_TOKEN_BITS) - 1 };

struct engine;
struct loop;

/* Its address is a token of the engine, so its low bits are 0 on every machine. */
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

/* NULL without memory or descriptors. */
struct loop *loop_new(void);
void loop_free(struct loop *loop); /* NULL is allowed */

/* Runs until loop_stop. 0 or a negative errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

void loop_after(struct loop *loop, void (*fn)(void *context), void *context);

/* fn runs when everything that is ready has been told of. While it answers 0 the loop only looks and does not sleep; else it sleeps until
 * that time (os_now_us) at most, INT64_MAX: as long as nothing happens. */
void loop_round(struct loop *loop, int64_t (*fn)(void *context), void *context);

/* The engine is the loop's. fn is told of tokens that have a bit of LOOP_TOKEN_MASK; the others are the loop's own. */
struct engine *loop_engine(const struct loop *loop);
void loop_ready(struct loop *loop, void (*fn)(void *context, uint64_t token, unsigned events), void *context);

/* Level-triggered. The watch is the caller's memory, fd and fn set. interest may be 0. 0 or -errno. */
int loop_watch(struct loop *loop, struct loop_watch *watch, unsigned interest);
int loop_set(struct loop_watch *watch, unsigned interest);
void loop_unwatch(struct loop_watch *watch); /* before fd is closed; a watch of zeros is allowed */

/* One-shot; setting again moves it. Never fires before its deadline (os_now_us). 0 or -ENOMEM, only the first
 * time. */
int loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t deadline);
/* Takes the memory that the first set takes, so that no later one fails. 0 or -ENOMEM. */
int loop_timer_prepare(struct loop *loop, struct loop_timer *timer);
void loop_timer_clear(struct loop_timer *timer); /* keeps the timer's memory for the next set */
void loop_timer_free(struct loop_timer *timer);  /* a timer of zeros is allowed */

/* fn runs in the loop, not in the handler. 0 or a negative errno. */
int loop_signal(struct loop *loop, int number, void (*fn)(void *context, int number), void *context);

#endif
