/* nesting.h: a worker puts an epoll descriptor into a pollable handle.
 *
 * The lock that this takes is one for the whole system, and anybody can keep it. So a uid has one worker at most at it: its others wait for
 * that one, and when it takes too long they are refused, and so is whatever comes until it is back. The worker has a copy of its own of the
 * descriptor, so that nobody who gives the descriptor back waits for it: closing an epoll descriptor is seen by nobody. */
#ifndef NESTING_H
#define NESTING_H

#include "daemon/object/registry.h"

struct nesting {
    void (*done)(
        struct nesting *nesting); /* error is pollable_evt_follow's answer, or -EBUSY: it was never begun */
    void (*late)(struct nesting *nesting); /* it was begun and takes long; done comes all the same */
    void (*drop)(struct nesting *nesting); /* instead of done: the broker ends */
    int error;
    struct offload_job job; /* private from here */
    struct loop_timer patience;
    struct ring node; /* in its user's, while it waits */
    struct registry *registry;
    struct user *user;
    struct identity *identity; /* so that it takes none of the threads that are kept for closes */
    os_fd handle, target;
    unsigned interest;
    bool is_late;
};

/* -1 and the refusal: one of that uid takes long, so that another would only wait. */
int nesting_check(const struct user *user, struct refusal *refusal);
int nesting_refuse(struct refusal *refusal);

/* identity: who asks. Copies target, which is charged to the user; handle and nesting must stay until done or drop. 0, or -1 and the refusal. */
int nesting_start(struct nesting *nesting, struct registry *registry, struct user *user,
                  struct identity *identity, os_fd handle, os_fd target, unsigned interest,
                  struct refusal *refusal);

#endif
