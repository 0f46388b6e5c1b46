/* wait.h: one request that waits for any of several indicators, or for all of them.
 *
 * A wait begins with a look at everything; if that does not satisfy it, it is parked with the indicators that are not ready. When one of
 * them becomes ready the wait looks again (what another holder drained meanwhile does not count) and is done, or stays.
 * A target that was ready at the last look is not armed: so a wait for all never spins on the half that is ready.
 *
 * What the loop may not ask about (guard.h) is asked of the sentry: such a wait is parked while it looks, and for that long only its
 * limit and the ends of its targets touch it. Where the sentry is held up, those targets count as not ready.
 *
 * Wake-one (`one`): of the parked waits of an event that have it, the oldest is done for each new activity; its connection is
 * remembered, and when that ends wait_retest looks again for the others. An ended indicator answers every wait.
 *
 * A parked wait is in its owner's list and has its targets in their indicators' lists, one each (a repeated id is in there once).
 * It refers to registered indicators only: one that has ended may be given back and freed at any time, so its cause is kept and
 * the reference dropped. */
#ifndef WAIT_H
#define WAIT_H

#include "daemon/loop/loop.h"
#include "indicator.h"

#include <stdbool.h>
#include <stddef.h>

struct ask;
struct wait;

struct wait_target {
    struct wait *wait;
    struct indicator *of;            /* NULL: ready for ever, for `ended` */
    struct wait_target *prev, *next; /* in of->waiters, while linked */
    uint64_t id;                     /* as the request named it */
    uint8_t cause;                   /* of the last look; CAUSE_NONE: not ready */
    uint8_t ended;
    uint8_t told; /* cause of a wake that came while the wait was looking */
    uint8_t seen; /* events that the sentry has answered, for the next look */
    bool linked;
    bool armed;
};

struct wait {
    struct belongings *owner;
    struct wait *prev, *next; /* the owner's parked ones */
    void (*done)(
        struct wait *wait); /* it is unlinked; how many are ready is in `ready`, 0: the limit passed */
    struct loop_timer timer;
    struct ask *ask; /* it is looking by way of the sentry */
    bool all, one;
    bool parked;
    bool last;           /* this look decides: the limit has passed, or is 0 */
    bool first;          /* it has asked the sentry for its first look: a wake meanwhile may be older */
    bool busy;           /* looking in this very call: a wake meanwhile is not for it */
    uint32_t connection; /* which one asked, for wake-one */
    size_t ready;
    size_t n;
    struct wait_target *targets;
};

/* Bytes of memory for a wait of n targets, and the wait in it, zero but for owner, n and targets. */
size_t wait_size(size_t n);
struct wait *wait_init(void *memory, struct belongings *owner, size_t n);

/* Looks; 1: satisfied or limit_us is 0 (done is not called, `ready` says how many); 0: parked; -1: the refusal.
 * limit_us below 0: none. */
int wait_begin(struct wait *wait, int64_t limit_us, struct refusal *refusal);

/* Takes a parked wait out of everything; done is not called. */
void wait_leave(struct wait *wait);

/* Its session ends: what it waits for may be another one's, and go on. It is done, with that cause for what has not ended. */
void wait_end(struct wait *wait, int cause);

/* The indicator is ready for that cause: everybody (for `one`: one of them) looks. */
void wait_wake(struct indicator *indicator, int cause);

/* Whether a parked wait needs this event to be watched, and if so whether by edges (any wake-one). edge is only ever set. */
bool wait_wants(const struct indicator *evt, bool *edge);

/* A connection has ended. If it was answered as the one for this event, and the event is still ready, the next one is answered. */
void wait_retest(struct indicator *evt, uint32_t connection);

#endif
