/* loop_fake.h: drives the loop of loop_fake.c. Link that file instead of loop_libevent.c. */
#ifndef LOOP_FAKE_H
#define LOOP_FAKE_H

#include "daemon/loop/loop.h"

#include <stdbool.h>

/* Calls the watch with those of the events that it is interested in. False if that is none: nothing was
 * called. */
bool loop_fake_tell(struct loop_watch *watch, unsigned events);

/* Fires the timers whose deadline is not after that time, in their order. Returns how many. */
size_t loop_fake_reach(struct loop *loop, int64_t time);

/* When the next timer is due; INT64_MAX: none is set. */
int64_t loop_fake_next(const struct loop *loop);

/* Delivers the signal. False if nothing handles it. */
bool loop_fake_signal(struct loop *loop, int number);

/* The next loop_set with an interest returns this negative errno and does nothing, once. */
void loop_fake_fail_set(struct loop *loop, int error);

/* There is no memory for further timers. */
void loop_fake_fail_timer(struct loop *loop);

/* Watches that are not taken out yet. */
size_t loop_fake_watches(const struct loop *loop);

/* loop_stop was called. */
bool loop_fake_stopped(const struct loop *loop);

#endif
