/* pending_create.h: a semaphore or an event of a descriptor that a poller thread watches, from asked for to made.
 *
 * Whether there can be one, and whether it is ready at once, only the poller thread finds out. Until then the object is not there, but the
 * descriptor stays for it, and what ends such objects meanwhile (remove, another file under the number, a close of ports) will
 * end this one as soon as it is made. */
#ifndef PENDING_CREATE_H
#define PENDING_CREATE_H

#include "object.h"
#include "thread_watch.h"

struct binding;

struct pending_create {
    struct thread_watch_try try; /* its answer */
    struct binding *binding;
    struct pending_create *prev, *next; /* the descriptor's */
    enum object_kind kind;
    uint8_t direction;
    uint8_t ended; /* cause; 0: not yet */
    /* The answer is there (or the broker ends, and nobody waits for it any more); making is its owner's again. */
    void (*done)(struct pending_create *pending_create);
};

/* Whether it takes a poller thread to make that object. */
bool pending_create_is_needed(const struct binding *binding, enum object_kind kind, int direction);

/* kind, direction and done are set. */
void pending_create_start(struct pending_create *pending_create, struct binding *binding);

/* What is being made of that kind has ended before it was there. */
void pending_create_end_all(struct descriptor *descriptor, enum object_kind kind, int cause);

#endif
