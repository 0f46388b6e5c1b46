/* waitqueue.h: whoever waits for one direction of a descriptor: waits (for its event and its ports) and transfers.
 *
 * It is there while somebody waits. What the descriptor must be watched for is known without looking at those who wait
 * (waitqueue_needs). An activity takes all armed targets at once, which costs the same however many there are, and only decides who is
 * told; telling them is done in steps, in turns of the uid. Of the wake-one targets an activity takes the oldest.
 *
 * However many ports a descriptor has, one transfer of a direction is tried at a time; the others wait behind it. Of some descriptors
 * poll(2) tells again and again what does not help (an error queue, another reader who is faster): after WAITQUEUE_VAIN tries in a row
 * the descriptor is watched by edges, and tried without one after pauses that double each time.
 *
 * Wake-one: the connection that an activity was given to is remembered. When that ends, waitqueue_retest looks again for the others. A wait
 * that was told and has still to look holds the queue, and what it is watched by, so that it finds out to whom the activity went. */
#ifndef WAITQUEUE_H
#define WAITQUEUE_H

#include "daemon/base/turn.h"

#include <stdbool.h>
#include <stdint.h>

enum { WAITQUEUE_VAIN = 8 };

struct descriptor;
struct transfer;
struct user;
struct wait_request;
struct wait_target;

struct waitqueue {
    struct descriptor *descriptor;
    struct waitqueue *next; /* the descriptor's other one */
    struct task task;
    struct ring armed;       /* targets that the next activity takes, oldest first */
    struct ring ones;        /* targets of wake-one waits for any: it takes the oldest */
    struct ring told;        /* taken, and not told yet */
    struct ring transfers;   /* at most one of each port, oldest first */
    struct ring pool;        /* in its user's pools, while it has `ones` */
    struct transfer *trying; /* a worker has it in hand */
    uint64_t round; /* of the last activity, counted over all queues: an armed target has this one (wait.h) */
    unsigned vain;  /* tries in a row */
    unsigned armed_ones; /* armed targets of wake-one waits for all: they need edges */
    unsigned held;       /* targets of wake-one waits that were told and have still to look */
    uint32_t answered;   /* the connection that was last answered as the one of several */
    uint8_t direction;
    uint8_t cause;    /* of the last activity; CAUSE_NONE: there was none yet */
    bool several : 1; /* others were answered before `answered`, and it was not seen idle since */
    bool given : 1;   /* the last activity was given to one */
    bool give : 1;    /* it is still to be given */
    bool try:
        1;           /* a transfer is to be tried */
    bool again : 1;  /* there was an activity while one was being tried */
    bool failed : 1; /* it cannot be watched: all transfers fail */
    bool stepping : 1;
};

/* The one for that direction, or NULL. */
struct waitqueue *waitqueue_find(const struct descriptor *descriptor, int direction);

/* The same, made if there is none. NULL without memory. */
struct waitqueue *waitqueue_get(struct descriptor *descriptor, int direction);

/* Somebody has left: it goes when nobody is left. */
void waitqueue_update(struct waitqueue *queue);

/* Its descriptor is dropped, and nobody waits. */
void waitqueue_free(struct waitqueue *queue);

/* Whether somebody needs the direction to be watched. edge is only ever set. */
bool waitqueue_needs(const struct waitqueue *queue, bool *edge);

/* There is an activity, or (CAUSE_RESYNC) there will be none that can be told of. */
void waitqueue_tell(struct waitqueue *queue, int cause);

/* Whether wake-one waits need its activities told one by one. */
bool waitqueue_has_ones(const struct waitqueue *queue);

/* A target is armed, or no longer. missed: the last activity came after the look that has found it not ready. */
void waitqueue_add(struct waitqueue *queue, struct wait_target *target, bool missed);
void waitqueue_remove(struct waitqueue *queue, struct wait_target *target);

/* The queue in which the target is, or would be; NULL: there is none. */
struct waitqueue *waitqueue_of(const struct wait_target *target);

/* A target of a wake-one wait was told, and has still to look; it has looked, or leaves. Nothing happens for another, or twice. */
void waitqueue_hold(struct wait_target *target);
void waitqueue_release(struct wait_target *target);

/* Who was given the last activity has left without being answered. */
void waitqueue_give_on(struct waitqueue *queue);

/* A wait is answered: the activities were given to its connection. And: of what it has seen idle nothing is left of what anybody was
 * answered for. */
void waitqueue_remember(struct wait_request *wait);
void waitqueue_forget(struct wait_request *wait);

/* Of an activity that another wait was given this one has to wait for the next. What is not armed it looks at for the first time. */
void waitqueue_leave_to_others(struct wait_request *wait);

/* That connection has ended: what it was given for is given to another one, if the descriptor is still ready. */
void waitqueue_retest(struct user *user, uint32_t connection);

#endif
