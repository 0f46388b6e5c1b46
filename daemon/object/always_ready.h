/* always_ready.h: eventfds that are ready for ever, which make the handles of events so (pollable.h).
 *
 * A handle of an event is ready for ever by such a one that lies in it, also when the broker has nothing of the handle any more. So one cannot
 * be closed when the last handle is freed, and not each handle has one of its own. But one is never shared by two users: whoever puts an
 * epoll into another has the kernel count the ways that lead through epolls to each file in it, and refuses more than 500 of the same length.
 * A user who puts his handles into more than that uses up what there is for his, and for nobody else's.
 *
 * While there are handles with it, it is one of its user's descriptors. After that it is idle: his next handle has it, or it is closed when
 * there are many such; handles of his that have ended and that he still has are then ready no more. That takes as many other users as are
 * kept. */
#ifndef ALWAYS_READY_H
#define ALWAYS_READY_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    ALWAYS_READY_HANDLES = 256, /* of each */
    ALWAYS_READY_IDLE = 64
};

struct refusal;
struct registry;
struct user;

struct always_ready {
    os_fd fd;
    os_uid uid;
    size_t n;                         /* handles; 0: idle */
    struct always_ready *prev, *next; /* the user's, those with room first; or the idle ones, oldest first */
};

/* 0 or -ENOMEM. */
int always_ready_init(struct registry *registry);

/* The descriptors are left to the kernel. Allowed also where always_ready_init has failed or has not been. */
void always_ready_deinit(struct registry *registry);

/* For one more handle of that user. NULL: the refusal. */
struct always_ready *always_ready_take(struct registry *registry, struct user *user, struct refusal *refusal);
void always_ready_give(struct registry *registry, struct user *user, struct always_ready *always_ready);

#endif
