/* descriptor.h: the broker's copy of an open file, from creation to close.
 *
 * A descriptor lives while something references it; descriptor_update checks that. An unreferenced one is
 * removed from the engine and given to the closer; it is freed when the close has completed. This file does not
 * know who the subscribers are, nor the session's name for the descriptor: they are called through hooks.h, and
 * the name belongs to the binding (binding.h). waitable.c sets `subscribed`.
 *
 * Only descriptor_arm has the engine watch fd, itself or by split_watch.c and thread_watch.c. It asks for what live semaphores, in-flight waits and transfers need, no more. */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

#include "daemon/readiness/engine.h"
#include "inspect.h"

#include <stdbool.h>
#include <stdint.h>

struct extras;
struct refusal;
struct user;
struct waitqueue;

enum descriptor_state {
    DESCRIPTOR_OPEN,
    DESCRIPTOR_CLOSING, /* unreferenced; to be closed when `jobs` is 0 */
    DESCRIPTOR_LEAVING  /* the same after its session has ended: charged to its user alone */
};

struct descriptor {
    uint64_t id;              /* its object id, and the token of its watch in the engine */
    struct user *user;        /* charged for it; holds a reference in DESCRIPTOR_LEAVING */
    struct waitqueue *queues; /* waits and transfers, one queue per direction */
    struct extras *extras;    /* or NULL */
    os_fd fd;
    unsigned jobs; /* workers and poller threads that use fd; it is closed when they are done */
    /* Ended waitables with waiters still to be notified. They keep the descriptor alive. */
    unsigned notifying;
    struct engine_watch watch; /* what the engine, or the poller thread, has been asked for */
    uint8_t type;              /* enum inspect_type */
    uint8_t causes;            /* still to be delivered, four bits per direction (ready_list.h) */
    unsigned char state : 2;   /* enum descriptor_state */
    bool subscribed : 1;       /* semaphores, events or ports are registered */
    bool unwatched : 1;        /* always ready: the kernel cannot watch it */
    bool plain : 1;            /* cached stream_job.plain, set by a worker */
    bool split_watch : 1;      /* has a split watch (split_watch.h) */
    bool listed : 1;           /* its id is in its user's ready list */
    bool held : 1;             /* the copy of a hold that has not ended (hold.h) */
    bool recorded : 1;         /* registry->changed is told when it is gone */
};

/* True once the descriptor is unreferenced and being closed; it cannot be referenced again. */
static inline bool descriptor_is_closing(const struct descriptor *descriptor) {
    return descriptor->state != DESCRIPTOR_OPEN;
}

/* Initializes a zeroed descriptor of that type with fd, for the user. Takes fd on success. Returns 0, or -1
 * with the refusal; then nothing needs to be undone. */
int descriptor_init(struct descriptor *descriptor, uint64_t id, struct user *user, os_fd fd,
                    enum inspect_type type, struct refusal *refusal);

/* Returns what live semaphores, in-flight waits and transfers need: ENGINE_READ, ENGINE_WRITE. Sets *edge if an
 * edge-triggered watch is needed, and never clears it. */
unsigned descriptor_needs(const struct descriptor *descriptor, bool *edge);

/* Arms the watch for what is needed now. If that fails, at once or later on a poller thread, every waiter gets
 * the cause resync. A descriptor that the kernel cannot watch counts as always ready instead, and 0 is returned;
 * otherwise what descriptor_arm returns. */
int descriptor_rearm(struct descriptor *descriptor);

/* Like descriptor_rearm, but a failure (ENGINE_E_* or a negative errno) is returned and changes nothing. extra:
 * directions (ENGINE_READ, ENGINE_WRITE) to watch besides; must be 0 for a descriptor with a thread watch. */
int descriptor_arm(struct descriptor *descriptor, unsigned extra);

/* Reports readiness again, whichever way the watch was armed. */
void descriptor_retell(struct descriptor *descriptor);

/* All waiters of one of its ended waitables have been notified. */
void descriptor_told(struct descriptor *descriptor);

/* Bracket the use of fd by a worker or a poller thread. The fd stays open in between. */
static inline void descriptor_begin_job(struct descriptor *descriptor) { descriptor->jobs++; }
void descriptor_end_job(struct descriptor *descriptor);

/* The engine reported the token: the descriptor's own or its split watch's. */
void descriptor_on_ready(struct descriptor *descriptor, uint64_t token, unsigned events);

/* Delivers the causes that wait in the ready list, now. */
void descriptor_catch_up(struct descriptor *descriptor);

/* Drops the descriptor if it is unreferenced, else rearms it. */
void descriptor_update(struct descriptor *descriptor);

/* Drops an open, unreferenced descriptor: removes it from the engine and closes it when its jobs are done. */
void descriptor_drop(struct descriptor *descriptor);

/* For the end of the broker, when no close will be reported: frees the descriptor and leaves the fd to the kernel. */
void descriptor_abandon(struct descriptor *descriptor);

/* True while it is undecided whether the descriptor will be closed: all its pending creates have been ended
 * (pending_create.h) and nothing else is registered, or waiters of an ended waitable are still to be notified. */
bool descriptor_is_passing(const struct descriptor *descriptor);

/* Completes pending close waits early if the descriptor is still referenced. */
void descriptor_tell_kept(struct descriptor *descriptor);

#endif
