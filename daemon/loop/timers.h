/* timers.h: the timers of a loop in the order of their deadlines.
 *
 * A heap of pointers with room for every known timer, so only timers_learn allocates: setting a known timer cannot fail. A timer's place is
 * its index in the heap, from 1; 0: it is not set. */
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

/* Makes room for one more timer, which is known from now on. 0 or -ENOMEM. */
int timers_learn(struct timers *timers);

/* Makes a known timer that is not set unknown. */
void timers_forget(struct timers *timers);

/* timers_add: the caller has set timer->deadline; timer->place is 0. */
void timers_add(struct timers *timers, struct loop_timer *timer);
void timers_remove(struct timers *timers, struct loop_timer *timer);

/* The timer with the earliest deadline, or NULL. */
struct loop_timer *timers_first(const struct timers *timers);

#endif
