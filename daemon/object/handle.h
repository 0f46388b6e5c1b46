/* handle.h: the pollable handle of a semaphore, an event or a port, from creation to close.
 *
 * A handle is made on demand, one for each object and asking session, and the same open file each time. That of
 * a semaphore is an eventfd, and that of an event an epoll descriptor, which the client made and keeps; the broker has
 * a copy of it, and for an event a wakeup. What the broker made itself would be charged to its control group as long as
 * the client keeps it.
 * When the object ends, the loop makes the handle ready at once (not after one whose copies had so many watchers that this took
 * long: handle.c), and a worker makes it ready forever. Workers
 * also close handles: a client may have put one into an epoll descriptor whose lock it keeps, or may keep the
 * handle's own.
 *
 * Nothing waits for the worker, and waking one would delay the client that has just been woken. So the handles
 * of HANDLES_US are collected and submitted together. Until then a reader can make a semaphore's handle unready
 * again. A handle of root or the broker's own user is made ready forever at once.
 *
 * Where events have hints (hint.h) the handle of one is the broker's, with a wakeup. */
#ifndef HANDLE_H
#define HANDLE_H

#include "daemon/access/kept.h"
#include "daemon/loop/offload.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HANDLES_US = 1000, HANDLES_MOST = 64 };

struct session_objects;
struct waitable;
struct always_ready;
struct refusal;
struct registry;

struct handle {
    struct offload_job job; /* while `working` */
    struct registry *registry;
    struct kept kept;
    struct handle *prev, *next; /* while `listed` */
    /* From here to lent_next: set by the waitable that has it (waitable.h). asker is the session that asked. */
    struct session_objects *asker;
    struct waitable *of;
    uint64_t id; /* of->object.id, the key in asker->lent_by_id */
    /* Neighbours in the list of->handle: the owner's own handle is the first, other askers' follow. */
    struct handle *elder, *sibling;
    struct handle *lent_prev, *lent_next; /* asker->lent, if the object is another session's */
    os_fd fd;                             /* the client gets copies */
    struct always_ready *always;          /* of an event: what makes it ready for ever; NULL: a hint */
    struct handle **armed;                /* of a hint that is armed: where hint.c refers to it; else NULL */
    os_fd
        wakeup; /* of an event, and of a semaphore that is a pipe, until a worker has made it ready for ever; else OS_FD_NONE */
    int error;  /* the worker's result: a negative errno or 0 */
    bool hint;
    bool moved; /* another broker has made it */
    bool ended;
    bool always_ready; /* ready forever, or failed to become so */
    bool listed;
    bool working;
    bool closing; /* `working`: the worker closes it */
    bool freed;
};

/* Returns 0 or -ENOMEM. */
int handles_init(struct registry *registry);
/* Leaves the descriptors of listed handles to the kernel. Also allowed if handles_init failed or was never called. */
void handles_deinit(struct registry *registry);

/* Make a handle with a descriptor of the broker's own: a semaphore's, fired or not; an event's, unready and
 * following nothing yet; a hint, unready and not armed. Charged to the session. NULL with the refusal. */
struct handle *handle_new_semaphore(struct session_objects *owner, bool fired, struct refusal *refusal);
struct handle *handle_new_evt(struct session_objects *owner, struct refusal *refusal);
struct handle *handle_new_hint(struct session_objects *owner, struct refusal *refusal);

/* Make a handle with a client's descriptor, which it takes and which is counted in the fd table: a semaphore's, not
 * fired; an event's, which a worker must fill (pollable_evt_fill). NULL with the refusal; then the descriptor is still the
 * caller's. */
struct handle *handle_new_semaphore_attached(struct session_objects *owner, os_fd eventfd,
                                             struct refusal *refusal);
struct handle *handle_new_evt_attached(struct session_objects *owner, os_fd epoll, struct refusal *refusal);

/* One that an earlier broker had, and that its clients keep; it takes the descriptors, which are counted in the fd table. A hint is made ready: its clients ask for it again. wakeup may be
 * OS_FD_NONE. NULL with the refusal; then they are still the caller's. */
struct handle *handle_restore(struct session_objects *owner, os_fd fd, os_fd wakeup, bool semaphore,
                              struct refusal *refusal);

/* Makes it ready from now on. Later calls do nothing. */
void handle_end(struct handle *handle);

/* The first charges the user alone from now on, the second the session again. */
void handle_leave(struct handle *handle);
void handle_join(struct handle *handle, struct session_objects *owner);

/* Closes it on a worker and frees it; it becomes ready first if it has ended. The client keeps its copies. NULL
 * is allowed. */
void handle_free(struct handle *handle);

/* Whether one waits for a worker to make it ready for ever, or to close it. */
bool handles_wait(const struct registry *registry);

/* For the end of the broker: frees a handle that no waitable has, without a worker, and leaves its descriptors
 * to the kernel. */
void handle_abandon(struct handle *handle);

#endif
