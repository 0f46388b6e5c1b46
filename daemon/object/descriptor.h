/* descriptor.h: one descriptor that the broker owns: its copy of what a client calls by a number.
 *
 * It lives as long as a semaphore, an event or a wrap refers to it (descriptor_settle looks); then it is taken out of the engine, handed to be closed,
 * and really gone when the close has ended. Until then its number finds it, so that a remove can wait for the end.
 * descriptor_arm is the only caller of engine_arm: what is asked for is what live semaphores and parked waits need, no more. */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

#include "belongings.h"
#include "cause.h"
#include "daemon/access/refusal.h"
#include "extras.h"
#include "inspect.h"

struct indicator;
struct waitqueue;

struct descriptor {
    struct object object;
    uint64_t key;                    /* of its number; see numbering.h */
    struct indicator *semaphores[2]; /* registered ones, by direction */
    union {
        struct indicator *evts[2];
        struct { /* when its session has ended, and object.owner is NULL */
            struct registry *registry;
            struct user *user; /* on whose account it is; referred to */
        } left;
    };
    struct waitqueue *queues; /* whoever waits, one for each direction */
    struct extras *extras;    /* or NULL */
    os_fd fd;
    unsigned jobs; /* of workers and sentries on the copy; it is closed behind them */
    unsigned
        telling; /* indicators that have ended and whose waiters have not all been told; it stays for them */
    struct engine_watch watch; /* what has been asked of the engine, or of the sentry's */
    uint8_t type;              /* enum inspect_type */
    uint8_t news;              /* causes for which it is to be told, four bits by direction (news.h) */
    bool unwatched : 1;        /* always ready: the kernel has said that it cannot watch it */
    bool plain : 1;            /* as stream_job's, once a worker has found out */
    bool closing : 1;          /* nothing refers to it any more */
    bool apart : 1;            /* its directions are watched apart (apart.h) */
    bool noted : 1;            /* its id is in its user's news */
};

struct descriptor_claim {
    struct descriptor *descriptor;
    enum inspect_type type;
    bool kept;     /* fd is the broker's copy now; if not, it is still the caller's, of that type */
    bool same;     /* fd is one more copy of the descriptor's open file */
    bool replaced; /* the number named another open file, whose objects have ended */
};

/* Whose account it is on, and where it is registered, also when its session has ended. */
static inline struct user *descriptor_user(const struct descriptor *descriptor) {
    const struct belongings *owner = descriptor->object.owner;
    return owner ? owner->account.user : descriptor->left.user;
}

static inline struct registry *descriptor_registry(const struct descriptor *descriptor) {
    const struct belongings *owner = descriptor->object.owner;
    return owner ? owner->registry : descriptor->left.registry;
}

/* What its process calls it. */
static inline int64_t descriptor_number(const struct descriptor *descriptor) {
    return number_of_key(descriptor->key);
}

/* The descriptor of that number (its key) for the open file fd: the one that is there if it is the same, else a new one, replacing an old
 * one. fd counts as a taken slot. With `socket` it must be one. objects: how many are going to be made of
 * it, for which there must be room before anything is replaced. 0, or -1 and the refusal; then nothing has changed. A new descriptor that nothing refers to must be given to descriptor_settle. */
int descriptor_claim(struct belongings *belongings, uint64_t key, os_fd fd, bool socket, unsigned objects,
                     struct descriptor_claim *claim, struct refusal *refusal);

/* The one that the key of a number finds, also while it is being closed; or NULL. */
struct descriptor *descriptor_find(const struct belongings *belongings, uint64_t key);

/* What live semaphores, parked waits and transfers need: ENGINE_READ, ENGINE_WRITE. edge is only ever set. */
unsigned descriptor_needs(const struct descriptor *descriptor, bool *edge);

/* Asks the engine for what is needed now. If it fails, or a sentry's does later, every waiter is told the cause resync.
 * 0, or what descriptor_arm answers. */
int descriptor_rearm(struct descriptor *descriptor);

/* As descriptor_rearm, for a descriptor whose watch must also be possible: ENGINE_E_* or a negative errno is answered
 * and nothing has changed. extra: directions (ENGINE_READ, ENGINE_WRITE) beside what is needed now. Not for a guarded one, unless extra
 * is 0. */
int descriptor_arm(struct descriptor *descriptor, unsigned extra);

/* It is told anew if it is ready, however it was armed. */
void descriptor_retell(struct descriptor *descriptor);

/* It cannot be watched: its waiters are told. */
void descriptor_fail(struct descriptor *descriptor, int error);

/* The kernel does not watch it: it is always ready. */
void descriptor_set_unwatched(struct descriptor *descriptor);

/* All that waited for an indicator of it have been told of its end. */
void descriptor_told(struct descriptor *descriptor);

/* A worker or a sentry has the copy in its hands, and has it no more. */
static inline void descriptor_begin_job(struct descriptor *descriptor) { descriptor->jobs++; }
void descriptor_end_job(struct descriptor *descriptor);

/* The engine told of it, by that token. */
void descriptor_on_ready(struct descriptor *descriptor, uint64_t token, unsigned events);

/* What the engine told of it and is not done yet is done now. */
void descriptor_catch_up(struct descriptor *descriptor);

/* Drops the copy if nothing refers to it; else sees to it that the engine knows what is needed. */
void descriptor_settle(struct descriptor *descriptor);

/* Its session ends: dropped if it is not yet, and owned by nobody until it is closed. */
void descriptor_leave(struct descriptor *descriptor);

/* The broker ends, and nobody will tell of the close: the copy is left to the kernel. */
void descriptor_abandon(struct descriptor *descriptor);

/* Whether it will be closed, or be referred to after all, is not decided: objects that are being made have ended already (making.h), or
 * somebody is still to be told of an end. */
bool descriptor_is_passing(const struct descriptor *descriptor);

/* Whoever awaits the close does so no longer if something refers to the descriptor after all. */
void descriptor_tell_kept(struct descriptor *descriptor);

#endif
