/* always_ready.h: eventfds that are ready forever, which keep the handles of ended events ready (pollable.h).
 *
 * Such an eventfd lies in each event handle and must make it ready even after the broker has let go of the
 * handle. So it cannot be closed with the last handle, and one eventfd per handle would cost too much. But no
 * two users share one: if an epoll is put into another, the kernel counts the paths through epolls to each file
 * in it and refuses more than 500 of one length. A user who puts its handles into that many epolls blocks only
 * itself.
 *
 * While handles use it, it is charged to its user as a descriptor. After that it is idle. The user's next
 * handle reuses it, or it is closed when there are more than ALWAYS_READY_IDLE; ended handles that the user
 * still has then become unready. That takes as many other users as there may be idle ones. */
#ifndef ALWAYS_READY_H
#define ALWAYS_READY_H

#include "daemon/access/kept.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    ALWAYS_READY_HANDLES = 256, /* handles per eventfd */
    ALWAYS_READY_IDLE = 64
};

struct refusal;
struct registry;
struct user;

struct always_ready {
    struct kept kept; /* idle: only the slot */
    os_fd fd;
    os_uid uid;
    size_t n;                         /* handles that use it; 0: idle */
    struct always_ready *prev, *next; /* the user's, those with room first; or the idle ones, oldest first */
};

/* Returns 0 or -ENOMEM. */
int always_ready_init(struct registry *registry);

/* Leaves the descriptors to the kernel. Also allowed if always_ready_init failed or was never called. */
void always_ready_deinit(struct registry *registry);

/* Returns an eventfd for one more handle of the user, and takes it back. NULL with the refusal. */
struct always_ready *always_ready_take(struct registry *registry, struct user *user, struct refusal *refusal);
void always_ready_give(struct registry *registry, struct user *user, struct always_ready *always_ready);

/* Closes the oldest idle ones beyond ALWAYS_READY_IDLE. After always_ready_give, but not when the broker ends and closes nothing any more. */
void always_ready_trim(struct registry *registry);

#endif
