/* timers.h: the timers of a loop in the order of their deadlines.
 *
 * A heap of pointers that has room for every timer it knows, so that only getting to know one needs memory:
 * setting it again cannot fail. A timer's place is its index in the heap, from 1; 0 means that it is not
 * set. */
#ifndef TIMERS_H
#define TIMERS_H

#include <stddef.h>

struct loop_timer;

struct timers {
    struct loop_timer **heap;
    size_t used, capacity;
    size_t known;
};

void timers_deinit(struct timers *timers);

/* Room for one more timer, which is known from now on. 0 or -ENOMEM. */
int timers_learn(struct timers *timers);

/* A known timer that is not set is known no longer. */
void timers_forget(struct timers *timers);

/* timer->deadline is set, timer->place is 0. */
void timers_add(struct timers *timers, struct loop_timer *timer);
void timers_remove(struct timers *timers, struct loop_timer *timer);

/* The one whose deadline comes first, or NULL. */
struct loop_timer *timers_first(const struct timers *timers);

#endif
