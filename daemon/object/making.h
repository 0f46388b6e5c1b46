/* making.h: a semaphore or an event of a guarded descriptor, from asked for to made.
 *
 * Whether there can be one, and whether it is ready at once, only the sentry finds out. Until then the object is not there, but the
 * descriptor stays for it, and what ends such objects meanwhile (remove, another file under the number, a close of ports) will
 * end this one as soon as it is made. */
#ifndef MAKING_H
#define MAKING_H

#include "guard.h"
#include "object.h"

struct binding;

struct making {
    struct guard_try try; /* its answer */
    struct binding *binding;
    struct making *prev, *next; /* the descriptor's */
    enum object_kind kind;
    uint8_t direction;
    uint8_t ended; /* cause; 0: not yet */
    /* The answer is there (or the broker ends, and nobody waits for it any more); making is its owner's again. */
    void (*done)(struct making *making);
};

/* Whether it takes a sentry to make that object. */
bool making_is_needed(const struct binding *binding, enum object_kind kind, int direction);

/* kind, direction and done are set. */
void making_start(struct making *making, struct binding *binding);

/* What is being made of that kind has ended before it was there. */
void making_end_all(struct descriptor *descriptor, enum object_kind kind, int cause);

#endif
