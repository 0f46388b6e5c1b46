/* waitable.h: what semaphores, events and ports have in common: something that is ready or not, and whoever waits for it.
 *
 * a waitable refers to its binding while it is registered. Ending it (fired, removed, replaced, expired) gives it a cause for ever,
 * wakes every waiter and lets go of the binding. It stays, ready, until its session ends or its id is released.
 * What makes the kinds differ is in semaphore.c, evt.c and port.c. */
#ifndef WAITABLE_H
#define WAITABLE_H

#include "bound.h"
#include "daemon/base/ring.h"
#include "daemon/base/turn.h"
#include "numbering.h"
#include "object.h"

struct session_objects;
struct handle;
struct refusal;

/* Whoever is told when a waitable ends: targets of waits, what is queued on a port, and handles if there are many. It is there while there is any, and until all
 * have been told. */
struct waiters {
    struct ring targets; /* oldest first */
    struct task task;    /* tells them */
    struct waitable *of;
    struct descriptor *descriptor; /* once `of` has ended; it stays until all have been told */
    struct handle *unended;        /* then: the first of its handles that is not told yet */
    uint32_t n;
};

struct waitable {
    struct object object;
    union {
        struct binding *binding; /* while registered */
        uint64_t key;            /* once ended: of its number; see numbering.h */
    } of;
    struct waitable *sibling; /* binding->waitables; a port is not in there */
    struct waiters *waiters;
    struct handle *handle; /* pollable: the first of those that were asked for, or NULL */
    uint8_t direction;
    uint8_t cause; /* once ended */
    bool ended;
    bool released;
    bool forgotten; /* the id finds nothing any more */
};

/* What it is made of while it is registered; NULL once it has ended. */
static inline struct descriptor *waitable_source(const struct waitable *waitable) {
    return waitable->ended ? NULL : bound_descriptor(waitable->of.binding);
}

/* Of its number, also when it has ended. */
static inline uint64_t waitable_key(const struct waitable *waitable) {
    return waitable->ended ? waitable->of.key : waitable->of.binding->key;
}

static inline int64_t waitable_number(const struct waitable *waitable) {
    return number_of_key(waitable_key(waitable));
}

static inline bool waitable_is_semaphore(const struct waitable *waitable) {
    return object_kind_of(waitable->object.id) == OBJECT_SEMAPHORE;
}

/* A registered semaphore or event for that direction of the binding, which must have none of that kind there. NULL: the refusal. */
struct waitable *waitable_new(struct binding *binding, enum object_kind kind, int direction,
                              struct refusal *refusal);

/* The semaphore or the event that is registered for a direction of the binding, or NULL. */
struct waitable *waitable_find(const struct binding *binding, enum object_kind kind, int direction);

/* For a new one of any kind that has its id: refers to the binding. */
void waitable_register(struct waitable *waitable, struct binding *binding, int direction);

/* Ends it, if it has not ended: its cause is decided now, and whoever waits for it is told in steps. The descriptor is updated or rearmed
 * by the caller. A released one is freed when all have been told. */
void waitable_end(struct waitable *waitable, int cause);

/* Its descriptor, also while others are told of its end; else NULL. */
struct descriptor *waitable_descriptor(const struct waitable *waitable);

/* A target waits for it, and no longer. False: without memory. */
bool waitable_join(struct waitable *waitable, struct ring *node);
void waitable_part(struct waitable *waitable, struct ring *node);
struct ring *waitable_newest(const struct waitable *waitable); /* or NULL */

/* Sees to it that what will be queued on a port can be told of its end. False: without memory. And: something has left the queue. */
bool waitable_expect(struct waitable *waitable);
void waitable_settle(struct waitable *waitable);

/* Only for an ended one, when all have been told. */
void waitable_free(struct waitable *waitable);

/* For the end of a session, before waitable_free: drops one of several handles. False: there is one at most. */
bool waitable_shed(struct waitable *waitable);

/* Gives the id back, now or when it ends. */
void waitable_release(struct waitable *waitable);

/* The pollable handle that this session, its own or another one, has asked for; NULL: none. */
struct handle *waitable_handle(const struct waitable *waitable, const struct session_objects *asker);

/* A pollable handle for it, charged to that session, which follows nothing yet unless it is that of a semaphore. epoll: of an event or a port,
 * the client's, which the handle takes and a worker is to fill (handle.h); OS_FD_NONE: one of the broker's. NULL: the refusal. */
struct handle *waitable_new_handle(const struct waitable *waitable, struct session_objects *asker,
                                   os_fd epoll, struct refusal *refusal);

/* The handle is the waitable's, which has none for that session. error: what pollable_evt_follow has answered for it, or 0. 0 or -ENOMEM:
 * it is still the caller's. */
int waitable_set_handle(struct waitable *waitable, struct session_objects *asker, struct handle *handle,
                        int error);

/* The session that asked for this handle of another session's object ends: the handle is ready for ever, and freed. */
void waitable_end_lent(struct handle *handle);

/* Some waitable that is registered for the binding, or NULL. */
struct waitable *waitable_registered(const struct binding *binding);

#endif
