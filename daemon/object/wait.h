/* wait.h: one request that waits for any of several waitables, or for all of them.
 *
 * A wait begins with a look at everything; if that does not satisfy it, it is in flight, and what is not ready is armed: in the queue of its
 * descriptor's direction (waitqueue.h), or, a semaphore, by being among those that are told when it ends. Every armed target is told once.
 * One for any is done then, with all that a look finds ready; what another holder drained meanwhile still counts. One for all counts what
 * has not been told of yet; when nothing is missing it looks once more in its uid's turn, and arms again what is not ready after all. So it
 * costs nothing that a part of what it waits for is ready, or comes and goes.
 *
 * What the loop may not ask about (thread_watch.h) is asked of the poller thread: such a wait is in flight while it looks, and for that long only its
 * limit and the ends of its targets touch it. Where the poller thread is held up, those targets count as not ready.
 *
 * Wake-one (`one`): of the in flight waits of a descriptor's direction that have it, the oldest is done for each new activity. So a look of a
 * in flight one does not count what is ready by an activity that was given to another; one for all is done by the activity that completes it
 * and is no other's (of several the one that has waited for it longest),
 * and what it was told of before counts as long as it is ready. Who was given an activity and leaves unanswered gives it on. An ended
 * waitable answers every wait.
 *
 * A in flight wait is in its owner's list and has its targets in their waitables' lists, one each (a repeated id is in there once).
 * It refers to registered waitables only, and to ended ones until it is told: those may be given back and freed at any time after that,
 * so the cause is kept and the reference dropped. */
#ifndef WAIT_H
#define WAIT_H

#include "daemon/base/ring.h"
#include "daemon/base/turn.h"
#include "daemon/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct probe;
struct session_objects;
struct waitable;
struct refusal;
struct wait_request;

struct wait_target {
    struct ring of_node;    /* in of->waiters, while the wait is in flight */
    struct ring queue_node; /* in a ring of the descriptor's queue, until it is told */
    struct wait_request *wait;
    struct waitable *of; /* NULL: ready for ever, for `ended` */
    uint64_t id;         /* as the request named it */
    uint64_t
        round; /* of the queue, when it was armed; before that, of all, when the poller thread was asked */
    uint8_t cause; /* of the last look; CAUSE_NONE: not ready */
    uint8_t ended;
    uint8_t told; /* cause of an activity since the last look */
    uint8_t seen; /* events that the poller thread has answered, for the next look */
    bool armed;   /* counted in wait->missing */
    bool given;   /* wake-one: an activity was given to it, with which it is to be answered */
    bool held;    /* wake-one: it was told, and its wait has still to look (waitqueue_hold) */
};

struct wait_request {
    struct session_objects *owner;
    struct wait_request *prev, *next; /* the owner's in flight ones */
    void (*done)(struct wait_request
                     *wait); /* it is unlinked; how many are ready is in `ready`, 0: the limit passed */
    const bool *left;        /* whether its connection has ended; NULL: it has none */
    struct loop_timer timer;
    struct task
        task; /* a look: its limit has passed, nothing is missing, or the poller thread has answered */
    struct probe *probe; /* it is looking by way of the poller thread */
    bool all, one;
    bool inflight;
    bool last;           /* this look decides: the limit has passed, or is 0 */
    bool lost;           /* something of it cannot be watched any more: it is done with what there is */
    bool answered;       /* the poller thread has answered, for the next look */
    bool repeated;       /* an id came twice */
    uint32_t connection; /* which one asked, for wake-one */
    size_t missing;      /* armed targets */
    size_t ready;
    size_t n;
    struct wait_target *targets;
};

/* Bytes of memory for a wait of n targets, and the wait in it, zero but for owner, n and targets. */
size_t wait_size(size_t n);
struct wait_request *wait_init(void *memory, struct session_objects *owner, size_t n);

/* Looks; 1: satisfied or limit_us is 0 (done is not called, `ready` says how many); 0: in flight; -1: the refusal.
 * limit_us below 0: none. */
int wait_begin(struct wait_request *wait, int64_t limit_us, struct refusal *refusal);

/* Takes a in flight wait out of everything; done is not called. */
void wait_leave(struct wait_request *wait);

/* Its session ends: what it waits for may be another one's, and go on. It is done, with that cause for what has not ended. */
void wait_expire(struct wait_request *wait, int cause);

/* Hook (hooks.h): an activity has taken this target, which is in no ring of the queue any more. */
void wait_tell(struct wait_target *target, int cause);

/* Hook: the target's waitable has ended. The target refers to it no longer. */
void wait_end(struct wait_target *target, int cause);

/* wait_probe.c: whether a target of it is watched by a poller thread. */
bool wait_needs_thread(const struct wait_request *wait);

/* Asks the poller thread about those; its answer queues the next look. 1; 0: there are none, or no answer can be expected; -1: the refusal. */
int wait_probe(struct wait_request *wait, struct refusal *refusal);

/* Whether it has not answered. When all that it was asked about has ended nobody waits for it any more. */
bool wait_is_probing(struct wait_request *wait);

/* Its connection has ended, and it will leave. */
static inline bool wait_is_left(const struct wait_request *wait) { return wait->left && *wait->left; }

#endif
