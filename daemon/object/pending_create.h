/* pending_create.h: a request to make a semaphore or an event of a descriptor with a thread watch, in flight.
 *
 * Only the poller thread can find out whether the descriptor can be watched and whether it is ready. Until then
 * the object does not exist, but the pending create keeps the descriptor alive. An event that would end the
 * object meanwhile (remove, another file under the number, a close of ports) is remembered and ends it as soon
 * as it has been made. */
#ifndef PENDING_CREATE_H
#define PENDING_CREATE_H

#include "object.h"
#include "thread_watch.h"

struct binding;

struct pending_create {
    struct thread_watch_try try; /* the poller thread's answer */
    struct binding *binding;
    struct pending_create *prev, *next; /* in extras->pending_creates */
    enum object_kind kind;
    uint8_t direction;
    uint8_t ended; /* the cause that is to end the object, or 0 */
    /* Called in the loop when the answer is there, or when the broker ends and nobody waits any more. The
     * memory is the owner's again. */
    void (*done)(struct pending_create *pending_create);
};

/* True if a poller thread must be asked before that object can be made. */
bool pending_create_is_needed(const struct binding *binding, enum object_kind kind, int direction);

/* The caller sets kind, direction and done, and keeps the memory until done is called. */
void pending_create_start(struct pending_create *pending_create, struct binding *binding);

/* Remembers cause as the end of all pending objects of that kind. */
void pending_create_end_all(struct descriptor *descriptor, enum object_kind kind, int cause);

#endif
