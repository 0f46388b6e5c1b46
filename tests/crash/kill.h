/* kill.h: a page of memory shared by the campaign and the library that it preloads into portd.
 *
 * The library counts a broker's system calls that are steps of the protocol: those on the channel to the keeper, on clients' connections and the listener,
 * closes, watches, sleeps. While it is armed, the step number `target` ends the broker by SIGKILL, before the call or after it. The keeper has the
 * library as well, which does nothing there. */
#ifndef KILL_H
#define KILL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Names the file that is mapped. */
#define KILL_ENVIRONMENT "PORTD_TEST_KILL"

enum { KILL_STEP_NAME = 32 };

struct kill_page {
    atomic_bool armed;
    atomic_bool after;
    atomic_uint_fast64_t count, target; /* of steps since it was armed */
    atomic_uint_fast64_t at_start; /* not 0: the next broker is armed at its start, once, with this target */
    atomic_uint_fast64_t steps_of_start; /* of the last broker, before it first slept in its loop */
    atomic_int served;                   /* pid of the last broker that has slept in its loop */
    atomic_int killed;         /* pid of the broker that a step has ended; 0: none since it was armed */
    char step[KILL_STEP_NAME]; /* the call at which it was */
};

static inline void kill_arm(struct kill_page *page, uint64_t target, bool after) {
    atomic_store(&page->count, 0);
    atomic_store(&page->target, target);
    atomic_store(&page->after, after);
    atomic_store(&page->armed, true);
}

static inline void kill_disarm(struct kill_page *page) { atomic_store(&page->armed, false); }

#endif
