/* nesting.h: a worker puts into a pollable handle what the loop must not: whatever belongs into a client's epoll descriptor, whose lock the
 * client can keep, and an epoll descriptor into any handle.
 *
 * The lock that the latter takes is one for the whole system, and anybody can keep it. So a uid has one worker at most at it: its others wait for
 * that one, and when it takes too long they are refused, and so is whatever comes until it is back. Of an epoll descriptor the worker has a copy
 * of its own, so that nobody who gives the descriptor back waits for it: closing an epoll descriptor is seen by nobody. Anything else has to
 * stay open until then. */
#ifndef NESTING_H
#define NESTING_H

#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "proto/os.h"

#include <stdbool.h>

struct env;
struct identity;
struct refusal;
struct user;

struct nesting_what {
    os_fd handle;
    os_fd wakeup; /* the handle is to be filled with it and `always` first; OS_FD_NONE: it has been */
    os_fd always;
    os_fd target; /* OS_FD_NONE: nothing, it is ready for ever */
    unsigned interest;
    bool copied; /* the worker is to have a copy of the target */
};

struct nesting {
    /* error is 0 or what pollable_evt_fill or pollable_evt_follow has answered, -EPERM also for no target; -EBUSY: it was never begun. Unless it
     * is 0 or -EPERM the handle is as empty as it was. */
    void (*done)(struct nesting *nesting);
    void (*late)(struct nesting *nesting); /* it was begun and takes long; done comes all the same */
    void (*drop)(struct nesting *nesting); /* instead of done: the broker ends */
    int error;
    struct offload_job job; /* private from here */
    struct loop_timer patience;
    struct ring node; /* in its user's, while it waits */
    const struct env *env;
    struct user *user;
    struct identity *identity; /* so that it takes none of the threads that are kept for closes */
    struct nesting_what what;
    bool is_late;
};

/* -1 and the refusal: one of that uid takes long, so that another would only wait. */
int nesting_check(const struct user *user, struct refusal *refusal);
int nesting_refuse(struct refusal *refusal);

/* identity: who asks. A copy is charged to the user; what is not copied, and nesting, must stay until done or drop. 0, or -1 and the
 * refusal. */
int nesting_start(struct nesting *nesting, const struct env *env, struct user *user,
                  struct identity *identity, const struct nesting_what *what, struct refusal *refusal);

#endif
