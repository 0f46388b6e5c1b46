/* wait.h: one request that waits for any of several waitables, or for all of them.
 *
 * A wait first checks all its targets. If that does not satisfy it, it goes in flight and arms the targets that
 * are not ready: a semaphore notifies its waiters when it ends, and any other target is put into the queue of
 * its descriptor's direction (waitqueue.h). Each armed target is notified once. A wait for any is then done,
 * with all targets that another check finds ready; the notified one counts even if another holder has drained
 * it meanwhile. A wait for all counts the targets that have not been notified (`missing`). When that is 0 it
 * checks again in its uid's turn, and rearms the targets that are not ready after all. So targets that are
 * ready, or become so again and again, cost nothing until none is missing.
 *
 * The loop may not poll descriptors with a thread watch (thread_watch.h); the poller thread is asked. During
 * that probe the wait is in flight, and only its limit and the ends of its targets affect it. If the poller
 * thread is late, those targets count as not ready.
 *
 * Wake-one (`one`): each activity is given to the oldest in-flight wake-one wait for that descriptor's
 * direction. So a check by an in-flight wait ignores readiness that comes from an activity given to another
 * one. A wait for all takes the activity that completes it, unless another wait has that; of several waits for
 * all, the one that has waited longest for it takes it. Targets it was notified of before count while they are
 * ready. A wait that was given an activity and leaves unanswered gives it on. An ended waitable answers every
 * wait.
 *
 * Ids may be repeated. Only the first target of an id counts in a check, is linked, armed and notified; the
 * others get its cause. Two looks at one descriptor can differ, even in one poll(2).
 *
 * An in-flight wait is in its owner's list, and its targets are in their waitables' lists. It refers to
 * registered waitables, and to ended ones until it has been notified. An ended waitable may be released and
 * freed any time after that, so the wait keeps the cause and drops the reference. */
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
    struct ring of_node;    /* in of->waiters while the wait is in flight */
    struct ring queue_node; /* in a ring of the descriptor's queue until notified */
    struct wait_request *wait;
    struct waitable *of; /* NULL: ready forever, with cause `ended` */
    uint64_t id;         /* as in the request */
    /* The queue's round when the target was armed, less 1 if an activity had been missed. Before that:
     * registry->rounds when the poller thread was asked. */
    uint64_t round;
    uint8_t cause; /* by the last check; CAUSE_NONE: not ready */
    uint8_t ended;
    uint8_t told;  /* cause of an activity since the last check */
    uint8_t seen;  /* events that the poller thread has found, for the next check */
    uint8_t first; /* the first target with the same id: its own place if it is that */
    bool armed;    /* counted in wait->missing */
    bool given;    /* wake-one: an activity was given to this target */
    bool held;     /* wake-one: notified, and its wait has still to check (waitqueue_hold) */
};

struct wait_request {
    struct session_objects *owner;
    struct wait_request *prev, *next; /* owner->waits, while in flight */
    /* Called when the wait has left all lists. `ready` is the number of ready targets; 0: the limit has passed. */
    void (*done)(struct wait_request *wait);
    const bool *left; /* set when its connection has ended; NULL: no connection */
    struct loop_timer timer;
    /* The next check, because the limit has passed, no target is missing, or the poller thread has answered. */
    struct task task;
    struct probe *probe; /* in flight on the poller thread, or NULL */
    bool all, one;
    bool inflight;
    bool last;           /* the next check decides: the limit has passed, or is 0 */
    bool lost;           /* a target cannot be watched any more: the wait ends with what is ready */
    bool answered;       /* the poller thread has answered, for the next check */
    bool repeated;       /* the request repeats an id */
    uint32_t connection; /* the asking connection's number, for wake-one */
    size_t missing;      /* armed targets */
    size_t ready;
    size_t n;
    struct wait_target *targets;
};

/* The bytes for a wait of n targets; and an initialized wait in such memory, all zero but owner, n and targets. */
size_t wait_size(size_t n);
struct wait_request *wait_init(void *memory, struct session_objects *owner, size_t n);

/* Checks and perhaps goes in flight. Returns 1: satisfied (`ready` is the number of ready targets), or not and
 * limit_us is 0 (`ready` is 0), and done is not called; 0: in flight, with limit_us 0 only until the poller
 * thread has answered; -1 with the refusal. limit_us below 0: no limit. */
int wait_begin(struct wait_request *wait, int64_t limit_us, struct refusal *refusal);

/* Takes an in-flight wait out of all lists. done is not called. */
void wait_leave(struct wait_request *wait);

/* The wait's session ends. Completes the wait, with that cause for targets that have not ended: they may be
 * another session's. */
void wait_expire(struct wait_request *wait, int cause);

/* Hook (hooks.h): an activity has taken the target out of all rings of its queue. */
void wait_tell(struct wait_target *target, int cause);

/* Hook (hooks.h): the target's waitable has ended. Drops the target's reference to it. */
void wait_end(struct wait_target *target, int cause);

/* True if an earlier target of its wait has the same id. */
static inline bool wait_target_is_repeat(const struct wait_target *target) {
    return target != &target->wait->targets[target->first];
}

/* The next three are in wait_probe.c. True if a target has a thread watch. */
bool wait_needs_thread(const struct wait_request *wait);

/* Asks the poller thread about those targets; its answer queues the next check. Returns 1; 0: there are none,
 * or the poller thread is late; -1 with the refusal. */
int wait_probe(struct wait_request *wait, struct refusal *refusal);

/* True while its answer is awaited. Gives the probe up if all its targets have ended. */
bool wait_is_probing(struct wait_request *wait);

/* True if its connection has ended; the wait will leave soon. */
static inline bool wait_is_left(const struct wait_request *wait) { return wait->left && *wait->left; }

#endif
