/* wait_one.h: wake-one, as far as one wait is concerned; waitqueue.h has the part of those who wait for the same.
 *
 * Nothing is done here for other waits, but for wait_queue_of. */
#ifndef WAIT_ONE_H
#define WAIT_ONE_H

#include "wait.h"

struct waitqueue;

/* The queue in which the target is, or would be; NULL: there is none. */
struct waitqueue *wait_queue_of(const struct wait_target *target);

/* It was told, and has still to look. And: it has looked, or leaves. */
void wait_hold(struct wait_target *target);
void wait_release(struct wait_target *target, struct waitqueue *queue);

/* The wait has looked and stays. */
void wait_looked(struct wait *wait);

/* It is answered: whose connection it was that got this activity. */
void wait_remember(struct wait *wait);

/* What is idle has nothing left of what anybody was answered for. Of every wait. */
void wait_forget_answered(struct wait *wait);

/* Of an activity that another wait was given this one has to wait for the next. What is not armed it looks at for the first time. */
void wait_leave_to_others(struct wait *wait);

#endif
