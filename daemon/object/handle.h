/* handle.h: the pollable handle of a semaphore, an event or a port, from made to closed.
 *
 * That of an event is an epoll descriptor of the client's, who passes it and has it still; the broker keeps its copy and a wakeup.
 *
 * Made on demand, one for each object and session that asks, and the same open file each time. When the object ends it is ready at once; a worker makes it
 * ready for ever. Workers close it, too: a client may have put it into an epoll descriptor of his whose lock he keeps, or keep that of
 * the handle itself.
 *
 * Nobody waits for either, and to wake a worker would come between the broker and the client that it has just woken: so it is done when
 * HANDLES_US have passed, for all that have come together by then. Until then a reader can take away that a semaphore's is ready; that
 * of the broker's own user or root is made ready for ever at once. */
#ifndef HANDLE_H
#define HANDLE_H

#include "daemon/loop/offload.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HANDLES_US = 1000, HANDLES_MOST = 64 };

struct account;
struct session_objects;
struct waitable;
struct always_ready;
struct refusal;
struct registry;
struct user;

struct handle {
    struct offload_job job; /* while `working` */
    struct registry *registry;
    struct account *account; /* charged beside the user; NULL: the user alone */
    struct user *user;
    struct handle *prev, *next; /* while `listed` */
    struct session_objects *
        asker; /* this and the next four are of the waitable that has it (waitable.h): the session that asked */
    struct waitable *of;
    uint64_t id; /* of that */
    struct handle *elder,
        *sibling; /* before and behind it in of->handle: of other askers; the owner's own is the first */
    struct handle *lent_prev, *lent_next; /* asker->lent, if the object is another session's */
    size_t charged;                       /* descriptors */
    os_fd fd;                             /* the client gets copies */
    struct always_ready *always;          /* of an event: what makes it ready for ever */
    os_fd wakeup; /* of an event until a worker has made it ready for ever; else OS_FD_NONE */
    int error;    /* of the worker */
    bool ended;
    bool always_ready; /* ready for ever, or never to be */
    bool listed;
    bool working;
    bool closing; /* the worker closes it */
    bool freed;
};

/* 0 or -ENOMEM. */
int handles_init(struct registry *registry);
void handles_deinit(
    struct registry *
        registry); /* what is listed is left to the kernel; allowed also where handles_init has failed or has not been */

/* Of a semaphore, fired or not; of an event, not ready and following nothing yet. NULL: the refusal. */
struct handle *handle_new_semaphore(struct session_objects *owner, bool fired, struct refusal *refusal);
struct handle *handle_new_evt(struct session_objects *owner, struct refusal *refusal);

/* Of an event, with a client's epoll, which has its place in the table: a worker is to fill it (pollable_evt_fill). NULL: the refusal, and
 * the epoll is still the caller's. */
struct handle *handle_new_attached(struct session_objects *owner, os_fd epoll, struct refusal *refusal);

/* Ready from now on; also if it was told so already. */
void handle_end(struct handle *handle);

/* It is on the user's account alone, and on the session's again. */
void handle_leave(struct handle *handle);
void handle_join(struct handle *handle, struct session_objects *owner);

/* The client's copies stay as they are. NULL is allowed. */
void handle_free(struct handle *handle);

/* One that is no waitable's, and the broker ends: nothing is submitted any more, and its descriptors are left to the kernel. */
void handle_abandon(struct handle *handle);

#endif
