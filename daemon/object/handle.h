/* handle.h: the pollable handle of a semaphore, an event or a port, from made to closed.
 *
 * Made on demand, one for each object, and the same open file each time. When the object ends it is ready at once; that of an event
 * is then made ready for ever by a worker, and its bell and the broker's copy of it are not closed before. */
#ifndef HANDLE_H
#define HANDLE_H

#include "daemon/loop/offload.h"
#include "registry.h"

struct handle {
    struct offload_job job; /* while `working` */
    struct registry *registry;
    struct account *account; /* charged; NULL once the session has ended or the object is free: the user */
    struct user *user;
    size_t charged; /* descriptors */
    os_fd fd;       /* the client gets copies */
    os_fd bell;     /* of an event until a worker has made it ready for ever; else OS_FD_NONE */
    bool ended;
    bool working;
    bool freed; /* while working */
};

/* Of a semaphore, fired or not; of an event, not ready and following nothing yet. NULL: the refusal. */
struct handle *handle_new_semaphore(struct belongings *owner, bool fired, struct refusal *refusal);
struct handle *handle_new_evt(struct belongings *owner, struct refusal *refusal);

/* Ready from now on; also if it was told so already. */
void handle_end(struct handle *handle);

/* From now on it is on the user's account alone: its session may end. */
void handle_leave(struct handle *handle);

/* The client's copies stay as they are. NULL is allowed. */
void handle_free(struct handle *handle);

#endif
