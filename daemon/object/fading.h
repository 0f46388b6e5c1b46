/* fading.h: what is done with descriptors a little later: those that nothing refers to since they became ready
 * are dropped, and of those that cannot be watched the waiters are woken.
 *
 * Dropping a copy takes system calls and wakes a worker. Done at once, that would come between the broker
 * and the client that it has just woken. So it is done when somebody asks for anything again, before the
 * request is looked at, or when FADING_US have passed. Only ids are noted: what has gone meanwhile, or is
 * referred to again, is left alone.
 *
 * That a descriptor cannot be watched is found out while somebody walks over its waiters: waking them there
 * would free them under his feet. */
#ifndef FADING_H
#define FADING_H

#include "daemon/loop/loop.h"

#include <stddef.h>
#include <stdint.h>

enum { FADING_US = 1000, FADING_MAX = 64 };

struct descriptor;
struct registry;

struct fading {
    struct loop_timer timer;
    uint64_t ids[FADING_MAX];
    size_t n;
    struct descriptor *failed;
};

/* 0 or -ENOMEM. */
int fading_init(struct registry *registry);
void fading_deinit(struct registry *registry);

/* Settles the descriptor a little later. */
void fading_add(struct registry *registry, const struct descriptor *descriptor);

/* descriptor_end_failed for it, from the loop. */
void fading_fail(struct registry *registry, struct descriptor *descriptor);

/* It is being closed. */
void fading_forget(struct registry *registry, const struct descriptor *descriptor);

/* Settles all of them now. */
void fading_settle(struct registry *registry);

#endif
