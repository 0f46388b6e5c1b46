/* handle.h: the pollable handle of a semaphore, an event or a port, from made to closed.
 *
 * Made on demand, one for each object, and the same open file each time. When the object ends it is ready at once; a little later a
 * worker makes it ready for ever. Workers close it, too: a client may have put it into an epoll descriptor of his whose lock he keeps,
 * or keep that of the handle itself. */
#ifndef HANDLE_H
#define HANDLE_H

#include "daemon/loop/offload.h"
#include "registry.h"

struct handle {
    struct offload_job job; /* while `working` */
    struct registry *registry;
    struct account *account; /* charged beside the user; NULL: the user alone */
    struct user *user;
    struct handle *prev, *next; /* while `fading` */
    size_t charged;             /* descriptors */
    os_fd fd;                   /* the client gets copies */
    os_fd bell;                 /* of an event until a worker has made it ready for ever; else OS_FD_NONE */
    int error;                  /* of the worker */
    bool ended;
    bool lasting; /* ready for ever, or never to be */
    bool fading;  /* a worker will make it so a little later */
    bool working;
    bool closing; /* the worker closes it */
    bool freed;
};

/* Of a semaphore, fired or not; of an event, not ready and following nothing yet. NULL: the refusal. */
struct handle *handle_new_semaphore(struct belongings *owner, bool fired, struct refusal *refusal);
struct handle *handle_new_evt(struct belongings *owner, struct refusal *refusal);

/* Ready from now on; also if it was told so already. */
void handle_end(struct handle *handle);

/* A worker makes it ready for ever. Of one that is `fading`. */
void handle_settle(struct handle *handle);

/* It is on the user's account alone, and on the session's again. */
void handle_leave(struct handle *handle);
void handle_join(struct handle *handle, struct belongings *owner);

/* The client's copies stay as they are. NULL is allowed. */
void handle_free(struct handle *handle);

#endif
