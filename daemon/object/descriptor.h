/* descriptor.h: the broker's copy of an open file: watched, told of, closed.
 *
 * It lives as long as something refers to it (descriptor_update looks); then it is taken out of the engine, handed to be closed,
 * and really gone when the close has ended. Who refers to it, and what they call it by, it does not know: that is the binding's (binding.h), which
 * says when something is registered (`subscribed`), and is told through hooks.h.
 * descriptor_arm is the only caller of engine_arm: what is asked for is what live semaphores and in flight waits need, no more. */
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
    DESCRIPTOR_CLOSING, /* nothing refers to it any more */
    DESCRIPTOR_LEAVING  /* likewise, and on its user's account alone: its session has ended */
};

struct descriptor {
    uint64_t id;              /* what the engine tells of it by, and its row */
    struct user *user;        /* on whose account it is; referred to while it is DESCRIPTOR_LEAVING */
    struct waitqueue *queues; /* whoever waits, one for each direction */
    struct extras *extras;    /* or NULL */
    os_fd fd;
    unsigned jobs; /* of workers and poller threads on the copy; it is closed behind them */
    unsigned
        telling; /* waitables that have ended and whose waiters have not all been told; it stays for them */
    struct engine_watch watch; /* what has been asked of the engine, or of the poller thread's */
    uint8_t type;              /* enum inspect_type */
    uint8_t ready_list;        /* causes for which it is to be told, four bits by direction (ready_list.h) */
    unsigned char state : 2;   /* enum descriptor_state */
    bool subscribed : 1;       /* semaphores, events or ports are registered for it */
    bool unwatched : 1;        /* always ready: the kernel has said that it cannot watch it */
    bool plain : 1;            /* as stream_job's, once a worker has found out */
    bool split_watch : 1;      /* its directions are watched apart (split_watch.h) */
    bool noted : 1;            /* its id is in its user's news */
};

/* Nothing refers to it any more, and nothing will. */
static inline bool descriptor_is_closing(const struct descriptor *descriptor) {
    return descriptor->state != DESCRIPTOR_OPEN;
}

/* A new one, in memory of zeros: the broker's copy of that type, for the user. 0, or -1 and the refusal: then it is only memory again. */
int descriptor_init(struct descriptor *descriptor, uint64_t id, struct user *user, os_fd fd,
                    enum inspect_type type, struct refusal *refusal);

/* What live semaphores, in flight waits and transfers need: ENGINE_READ, ENGINE_WRITE. edge is only ever set. */
unsigned descriptor_needs(const struct descriptor *descriptor, bool *edge);

/* Asks the engine for what is needed now. If it fails, or a poller thread's does later, every waiter is told the cause resync.
 * 0, or what descriptor_arm answers. */
int descriptor_rearm(struct descriptor *descriptor);

/* As descriptor_rearm, for a descriptor whose watch must also be possible: ENGINE_E_* or a negative errno is answered
 * and nothing has changed. extra: directions (ENGINE_READ, ENGINE_WRITE) beside what is needed now. Not for a one that a poller thread watches, unless extra
 * is 0. */
int descriptor_arm(struct descriptor *descriptor, unsigned extra);

/* It is told anew if it is ready, however it was armed. */
void descriptor_retell(struct descriptor *descriptor);

/* It cannot be watched: its waiters are told. */
void descriptor_fail(struct descriptor *descriptor, int error);

/* The kernel does not watch it: it is always ready. */
void descriptor_set_unwatched(struct descriptor *descriptor);

/* All that waited for a waitable of it have been told of its end. */
void descriptor_told(struct descriptor *descriptor);

/* A worker or a poller thread has the copy in its hands, and has it no more. */
static inline void descriptor_begin_job(struct descriptor *descriptor) { descriptor->jobs++; }
void descriptor_end_job(struct descriptor *descriptor);

/* The engine told of it, by that token. */
void descriptor_on_ready(struct descriptor *descriptor, uint64_t token, unsigned events);

/* What the engine told of it and is not done yet is done now. */
void descriptor_catch_up(struct descriptor *descriptor);

/* Drops the copy if nothing refers to it; else sees to it that the engine knows what is needed. */
void descriptor_update(struct descriptor *descriptor);

/* Drops it, which nothing refers to and which is open. */
void descriptor_drop(struct descriptor *descriptor);

/* The broker ends, and nobody will tell of the close: the copy is left to the kernel. */
void descriptor_abandon(struct descriptor *descriptor);

/* Whether it will be closed, or be referred to after all, is not decided: objects that are being made have ended already (pending_create.h), or
 * somebody is still to be told of an end. */
bool descriptor_is_passing(const struct descriptor *descriptor);

/* Whoever awaits the close does so no longer if something refers to the descriptor after all. */
void descriptor_tell_kept(struct descriptor *descriptor);

#endif
