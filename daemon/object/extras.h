/* extras.h: the members of a descriptor that few descriptors need.
 *
 * The extras are allocated on first use and stay as long as the descriptor. A caller that will need them calls
 * extras_get before it changes anything, because memory may be short. */
#ifndef EXTRAS_H
#define EXTRAS_H

#include "daemon/base/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct descriptor;
struct hold;
struct thread_watch;
struct pending_create;
struct registry;
struct spool;
struct wrap;

/* A pending close wait. There can be very many of one descriptor, so they are told one by one: done gets the others, moves
 * them away, and passes them to extras_tell_closes in a later turn. */
struct descriptor_close {
    void (*done)(struct descriptor_close *close, struct ring *others);
    struct ring node; /* in extras->closes; once they are told, in the others of one of them */
};

struct extras {
    struct wrap *wraps;
    struct ring closes;                     /* struct descriptor_close */
    struct thread_watch *thread_watch;      /* if only a poller thread may poll the descriptor, else NULL */
    struct pending_create *pending_creates; /* requests to make an object, in flight (pending_create.h) */
    struct hold *hold;                      /* that this descriptor is a copy of (hold.h), or NULL */
    struct descriptor *of;                  /* then: this descriptor, */
    struct ring copy;                       /* and its node in hold->copies or ->ending */
    uint32_t groups[3];                     /* and hold_group */
    bool hang_up;                           /* and whether the hold is told of its hang-up */
    struct spool *spool;                    /* that takes what comes from it, or NULL */
};

/* These accept NULL and return NULL if there is none. */
static inline struct wrap *extras_wraps(const struct extras *extras) { return extras ? extras->wraps : NULL; }

static inline struct thread_watch *extras_thread_watch(const struct extras *extras) {
    return extras ? extras->thread_watch : NULL;
}

static inline struct pending_create *extras_pending_creates(const struct extras *extras) {
    return extras ? extras->pending_creates : NULL;
}

static inline bool extras_hang_up(const struct extras *extras) { return extras && extras->hang_up; }

static inline struct spool *extras_spool(const struct extras *extras) {
    return extras ? extras->spool : NULL;
}

/* Makes sure that the descriptor has extras. Returns false if there is no memory. */
bool extras_get(struct descriptor *descriptor);

/* NULL is allowed. */
void extras_free(struct registry *registry, struct extras *extras);

/* The descriptor is closed: it is no copy of a hold any more. The hold, or NULL. NULL is allowed. */
struct hold *extras_leave_hold(struct extras *extras);

/* Adds and removes a close wait. close->done runs once, when the descriptor has been closed or is certain to
 * stay (descriptor_tell_kept), unless it is removed before. The caller owns close and keeps it until then. */
void extras_await_close(struct extras *extras, struct descriptor_close *close);
void extras_forget_close(struct descriptor_close *close);

/* Moves all close waits to that ring. extras may be NULL. */
void extras_take_closes(struct extras *extras, struct ring *closes);

/* Calls done of the first, with the others. Does nothing if there is none. */
void extras_tell_closes(struct ring *closes);

#endif
