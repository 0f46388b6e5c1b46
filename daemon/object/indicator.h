/* indicator.h: what semaphores, events and ports have in common: something that is ready or not, and whoever waits for it.
 *
 * An indicator refers to its binding while it is registered. Ending it (fired, removed, replaced, expired) gives it a cause for ever,
 * wakes every waiter and lets go of the binding. It stays, ready, until its session ends or its id is released.
 * What makes the kinds differ is in semaphore.c, evt.c and port.c. */
#ifndef INDICATOR_H
#define INDICATOR_H

#include "bound.h"
#include "daemon/base/ring.h"
#include "daemon/base/turn.h"
#include "numbering.h"
#include "object.h"

struct belongings;
struct handle;
struct refusal;

/* Whoever is told when an indicator ends: targets of waits, what is queued on a port, and handles if there are many. It is there while there is any, and until all
 * have been told. */
struct waiters {
    struct ring targets; /* oldest first */
    struct task task;    /* tells them */
    struct indicator *of;
    struct descriptor *descriptor; /* once `of` has ended; it stays until all have been told */
    struct handle *unended;        /* then: the first of its handles that is not told yet */
    uint32_t n;
};

struct indicator {
    struct object object;
    union {
        struct binding *binding; /* while registered */
        uint64_t key;            /* once ended: of its number; see numbering.h */
    } of;
    struct indicator *sibling; /* binding->indicators; a port is not in there */
    struct waiters *waiters;
    struct handle *handle; /* pollable: the first of those that were asked for, or NULL */
    uint8_t direction;
    uint8_t cause; /* once ended */
    bool ended;
    bool released;
    bool forgotten; /* the id finds nothing any more */
};

/* What it is made of while it is registered; NULL once it has ended. */
static inline struct descriptor *indicator_source(const struct indicator *indicator) {
    return indicator->ended ? NULL : bound_descriptor(indicator->of.binding);
}

/* Of its number, also when it has ended. */
static inline uint64_t indicator_key(const struct indicator *indicator) {
    return indicator->ended ? indicator->of.key : indicator->of.binding->key;
}

static inline int64_t indicator_number(const struct indicator *indicator) {
    return number_of_key(indicator_key(indicator));
}

static inline bool indicator_is_semaphore(const struct indicator *indicator) {
    return object_kind_of(indicator->object.id) == OBJECT_SEMAPHORE;
}

/* A registered semaphore or event for that direction of the binding, which must have none of that kind there. NULL: the refusal. */
struct indicator *indicator_new(struct binding *binding, enum object_kind kind, int direction,
                                struct refusal *refusal);

/* The semaphore or the event that is registered for a direction of the binding, or NULL. */
struct indicator *indicator_find(const struct binding *binding, enum object_kind kind, int direction);

/* For a new one of any kind that has its id: refers to the binding. */
void indicator_register(struct indicator *indicator, struct binding *binding, int direction);

/* Ends it, if it has not ended: its cause is decided now, and whoever waits for it is told in steps. The descriptor is settled or rearmed
 * by the caller. A released one is freed when all have been told. */
void indicator_end(struct indicator *indicator, int cause);

/* Its descriptor, also while others are told of its end; else NULL. */
struct descriptor *indicator_descriptor(const struct indicator *indicator);

/* A target waits for it, and no longer. False: without memory. */
bool indicator_join(struct indicator *indicator, struct ring *node);
void indicator_part(struct indicator *indicator, struct ring *node);
struct ring *indicator_newest(const struct indicator *indicator); /* or NULL */

/* Sees to it that what will be queued on a port can be told of its end. False: without memory. And: something has left the queue. */
bool indicator_expect(struct indicator *indicator);
void indicator_settle(struct indicator *indicator);

/* Only for an ended one, when all have been told. */
void indicator_free(struct indicator *indicator);

/* For the end of a session, before indicator_free: drops one of several handles. False: there is one at most. */
bool indicator_shed(struct indicator *indicator);

/* Gives the id back, now or when it ends. */
void indicator_release(struct indicator *indicator);

/* The pollable handle that this session, its own or another one, has asked for; NULL: none. */
struct handle *indicator_handle(const struct indicator *indicator, const struct belongings *asker);

/* A pollable handle for it, charged to that session, which follows nothing yet unless it is that of a semaphore. epoll: of an event or a port,
 * the client's, which the handle takes and a worker is to fill (handle.h); OS_FD_NONE: one of the broker's. NULL: the refusal. */
struct handle *indicator_new_handle(const struct indicator *indicator, struct belongings *asker, os_fd epoll,
                                    struct refusal *refusal);

/* The handle is the indicator's, which has none for that session. error: what pollable_evt_follow has answered for it, or 0. 0 or -ENOMEM:
 * it is still the caller's. */
int indicator_set_handle(struct indicator *indicator, struct belongings *asker, struct handle *handle,
                         int error);

/* The session that asked for this handle of another session's object ends: the handle is ready for ever, and freed. */
void indicator_end_lent(struct handle *handle);

/* Some indicator that is registered for the binding, or NULL. */
struct indicator *indicator_registered(const struct binding *binding);

#endif
