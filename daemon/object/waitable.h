/* waitable.h: the common part of semaphores, events and ports: ready or not, and a list of waiters.
 *
 * A waitable refers to its binding while it is registered. Ending it (fired, removed, replaced, expired) gives
 * it a final cause, wakes all waiters and drops the binding. It stays, ready, until its session ends or its id
 * is released. semaphore.c, evt.c and port.c contain what differs. */
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

/* What must be notified when a waitable ends: targets of waits, a port's transfers, and the handles if there
 * are many. It exists while there is any of these, and until all have been notified. */
struct waiters {
    struct ring targets; /* oldest first */
    struct task task;    /* notifies them */
    struct waitable *of;
    /* Once `of` has ended: its descriptor, which stays open until all have been notified. */
    struct descriptor *descriptor;
    struct handle *unended; /* once `of` has ended: the first handle still to be notified */
    uint32_t n;
};

struct waitable {
    struct object object;
    union {
        struct binding *binding; /* while registered */
        uint64_t key;            /* once ended: the number's key (numbering.h) */
    } of;
    union {
        struct waitable *sibling; /* while registered, in binding->waitables; not for ports */
        uint64_t ended_at;        /* once ended: how many ids had been issued by then (registry_number) */
    };
    struct waiters *waiters;
    struct handle *handle; /* the first of its pollable handles, or NULL */
    uint8_t direction;
    uint8_t cause; /* once ended */
    bool ended : 1;
    bool released : 1;
    bool forgotten : 1; /* its id finds nothing any more */
    bool recorded : 1;  /* registry->changed is told of its end, and when it is gone */
    bool confirmed : 1; /* the keeper is known to have it */
    uint8_t place;      /* in the wait that began last: its first target for it (wait.c) */
    /* Not used for ports: how often it was released, and how many create calls have returned it since and were not undone. From
     * UINT16_MAX on they stay, and nothing is undone. */
    uint16_t releases, creates;
};

/* Returns its descriptor while it is registered; NULL once it has ended. */
static inline struct descriptor *waitable_source(const struct waitable *waitable) {
    return waitable->ended ? NULL : bound_descriptor(waitable->of.binding);
}

/* The key of its number, also once it has ended. */
static inline uint64_t waitable_key(const struct waitable *waitable) {
    return waitable->ended ? waitable->of.key : waitable->of.binding->key;
}

static inline int64_t waitable_number(const struct waitable *waitable) {
    return number_of_key(waitable_key(waitable));
}

static inline bool waitable_is_semaphore(const struct waitable *waitable) {
    return object_kind_of(waitable->object.id) == OBJECT_SEMAPHORE;
}

/* Makes and registers a semaphore or event. The binding must have none of that kind and direction. NULL with
 * the refusal. */
struct waitable *waitable_new(struct binding *binding, enum object_kind kind, int direction,
                              struct refusal *refusal);

/* The same for one that has ended, with that cause, and has no binding. The direction only describes it. */
struct waitable *waitable_new_ended(struct session_objects *owner, enum object_kind kind, int direction,
                                    int cause, struct refusal *refusal);

/* A key that no number has, for what has ended. 0 or -ENOMEM. */
int waitable_get_no_key(struct session_objects *owner, uint64_t *key);

/* Returns the binding's semaphore or event of that direction, or NULL. */
struct waitable *waitable_find(const struct binding *binding, enum object_kind kind, int direction);

/* Registers a new waitable of any kind, which must have its id, in the binding. */
void waitable_register(struct waitable *waitable, struct binding *binding, int direction);

/* Ends the waitable unless it has ended: sets its cause now and notifies the waiters in steps. The caller must
 * update or rearm the descriptor. A released waitable is freed when all have been notified. */
void waitable_end(struct waitable *waitable, int cause);

/* Returns its descriptor, also while waiters are notified of its end; else NULL. */
struct descriptor *waitable_descriptor(const struct waitable *waitable);

/* Adds and removes a waiting target. waitable_join returns false if there is no memory. */
bool waitable_join(struct waitable *waitable, struct ring *node);
void waitable_part(struct waitable *waitable, struct ring *node);

/* waitable_expect makes the waiters, for a transfer that will be queued on a port; it returns false if there is
 * no memory. waitable_trim frees them if nothing waits any more; call it when a transfer has left the queue. */
bool waitable_expect(struct waitable *waitable);
void waitable_trim(struct waitable *waitable);

/* The waitable must have ended and all waiters must have been notified. */
void waitable_free(struct waitable *waitable);

/* For the end of a session, before waitable_free: drops one of several handles. Returns false if there is at most one. */
bool waitable_shed(struct waitable *waitable);

/* Releases the id: frees the waitable, now or when it has ended and all waiters have been notified. */
void waitable_release(struct waitable *waitable);

/* A create call returns it: counts the call, and lifts a release that has not taken effect. Returns the number that undoes
 * this call. */
uint32_t waitable_count_create(struct waitable *waitable);

/* Undoes a create call: it did not return the waitable to anybody. If no other has since it was released last, or ever, the
 * waitable ends, unless a release was lifted, and is released. The caller must update the descriptor. */
void waitable_undo_create(struct waitable *waitable, uint32_t undo);

/* Returns the pollable handle that the session `asker` has requested, or NULL. */
struct handle *waitable_handle(const struct waitable *waitable, const struct session_objects *asker);

/* Makes a pollable handle, charged to the asker. That of an event or a port follows nothing yet. attached: the
 * client's eventfd for a semaphore, or its epoll for an event or a port, which the handle takes and, the epoll, a worker must fill
 * (handle.h); or OS_FD_NONE for one of the broker's own. Where handles have other forms it must be OS_FD_NONE; a hint is not armed yet. NULL
 * with the refusal. */
struct handle *waitable_new_handle(const struct waitable *waitable, struct session_objects *asker,
                                   os_fd attached, struct refusal *refusal);

/* Gives the handle to the waitable, which must have none of that asker. error: the result of
 * pollable_evt_follow, or 0. Returns 0, or -ENOMEM; then the handle is still the caller's. */
int waitable_set_handle(struct waitable *waitable, struct session_objects *asker, struct handle *handle,
                        int error);

/* Makes one of its handles ready forever and frees it: the session that requested it ends, or it cannot be armed. */
void waitable_end_handle(struct handle *handle);

/* Returns some waitable that is registered in the binding, or NULL. */
struct waitable *waitable_registered(const struct binding *binding);

#endif
