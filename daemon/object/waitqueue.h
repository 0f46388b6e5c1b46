/* waitqueue.h: the waits (for the event and the ports) and the transfers of one direction of a descriptor.
 *
 * A queue exists while something waits in it. It knows what the descriptor must be watched for without visiting
 * its members (waitqueue_needs). An activity takes all armed targets, and the oldest wake-one target, in
 * constant time; these are then notified in steps, in turns of the uid.
 *
 * However many ports a descriptor has, one transfer per direction is tried at a time, and the others wait
 * behind it. For some descriptors poll(2) keeps reporting readiness that does not help (an error queue; another
 * reader that is faster). After WAITQUEUE_VAIN futile tries in a row the watch is edge-triggered, and a
 * transfer is tried without an edge after pauses that double each time.
 *
 * Wake-one: the queue remembers the connection that an activity was given to. When that connection ends,
 * waitqueue_retest checks again for the others, unless its client keeps the activity. A wait that was notified and has still to check holds the queue
 * and its watch, so that it can find out who was given the activity. */
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
    struct ring armed;       /* targets that the next activity takes */
    struct ring ones;        /* targets of wake-one waits for any, oldest first; an activity takes one */
    struct ring told;        /* taken, and still to be notified */
    struct ring transfers;   /* oldest first, at most one of each port */
    struct ring pool;        /* in its user's pools, while it has wake-one waits */
    struct transfer *trying; /* a worker has it */
    /* Number of the last activity, counted over all queues (registry->rounds). A target in `armed` has the same (wait.h). */
    uint64_t round;
    unsigned vain;       /* futile tries in a row */
    unsigned armed_ones; /* armed targets of wake-one waits for all; they need edges */
    unsigned held;       /* targets of wake-one waits that were notified and have still to check */
    uint32_t answered;   /* wake-one: the connection that was answered last */
    uint8_t direction;
    uint8_t cause;    /* of the last activity; CAUSE_NONE: none yet */
    bool several : 1; /* other connections were answered too since it was last seen idle */
    bool given : 1;   /* the last activity was given to a wake-one wait */
    bool give : 1;    /* the last activity is still to be given */
    bool try:
        /* A transfer is to be tried. */
        1;
    bool again : 1;  /* an activity came during a try */
    bool failed : 1; /* the descriptor cannot be watched: all transfers fail */
    bool stepping : 1;
};

/* Returns the queue of that direction, or NULL. */
struct waitqueue *waitqueue_find(const struct descriptor *descriptor, int direction);

/* The same, but makes a missing one. NULL if there is no memory. */
struct waitqueue *waitqueue_get(struct descriptor *descriptor, int direction);

/* Frees the queue if nothing waits in it. Call it when something has left. */
void waitqueue_update(struct waitqueue *queue);

/* For a dropped descriptor: frees the queue, in which nothing may wait. */
void waitqueue_free(struct waitqueue *queue);

/* True if the direction must be watched. Sets *edge if the watch must be edge-triggered, and never clears it. */
bool waitqueue_needs(const struct waitqueue *queue, bool *edge);

/* An activity has come. CAUSE_RESYNC: none can be reported any more. */
void waitqueue_tell(struct waitqueue *queue, int cause);

/* True if wake-one waits need each activity reported alone. */
bool waitqueue_has_ones(const struct waitqueue *queue);

/* Arms and disarms a target. missed: the last activity came after the check that found the target not ready. */
void waitqueue_add(struct waitqueue *queue, struct wait_target *target, bool missed);
void waitqueue_remove(struct waitqueue *queue, struct wait_target *target);

/* Returns the queue of the target's descriptor and direction, or NULL if there is none. */
struct waitqueue *waitqueue_of(const struct wait_target *target);

/* Bracket the time from a wake-one target's notification to its wait's check, or its leaving. They do nothing
 * for other targets, or when called twice. */
void waitqueue_hold(struct wait_target *target);
void waitqueue_release(struct wait_target *target);

/* The wait that was given the last activity has left unanswered: gives the activity to another one. */
void waitqueue_give_on(struct waitqueue *queue);

/* The first is for a wait that is answered: remembers its connection as that which was given its targets'
 * activities. The second clears what is remembered for targets that the wait has found idle. */
void waitqueue_remember(struct wait_request *wait);
void waitqueue_forget(struct wait_request *wait);

/* Marks the wait's targets as not ready if their activity was given to another wait; they wait for the next
 * one. A target that is not armed is checked for the first time, and stays ready. */
void waitqueue_leave_to_others(struct wait_request *wait);

/* The connection has ended: gives what it was given to another wait, if the descriptor is still ready. keeps: its client
 * has taken that, and the queues only forget the connection. */
void waitqueue_retest(struct user *user, uint32_t connection, bool keeps);

#endif
