/* nesting.h: a worker adds to a pollable handle what the loop must not: anything to a client's epoll descriptor, whose lock the
 * client can hold; and an epoll descriptor to any handle.
 *
 * The latter takes a lock that exists once per system, and any process can hold it. So a uid has at most one worker at this: its
 * other jobs wait for that one, and are refused if it takes too long, as are new ones until it returns. If the target is an epoll
 * descriptor, the worker has a copy of its own, so that closing the original does not wait for the worker: the peer of an epoll
 * descriptor sees no close. Any other target must stay open until the job is done. */
#ifndef NESTING_H
#define NESTING_H

#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "proto/os.h"

#include <stdbool.h>

struct env;
struct identity;
struct kept;
struct refusal;
struct user;

struct nesting_what {
    os_fd handle;
    os_fd wakeup; /* fill the handle with it and `always` first; OS_FD_NONE: already filled */
    os_fd always;
    os_fd target; /* OS_FD_NONE: none, the handle is always ready */
    unsigned interest;
    bool counted; /* for a user that the broker does not trust: refused while its control group is full */
    bool
        copied; /* the target is an epoll descriptor: the worker uses a copy, and has all signals pending (pending.h) */
};

struct nesting {
    /* Called when it is over. error: the result of pollable_evt_fill or pollable_evt_follow (-EPERM also without a target), or
     * -EBUSY: not begun; -EDQUOT: the broker's control group is full. Unless it is 0 or -EPERM, the handle is as empty as before. */
    void (*done)(struct nesting *nesting);
    void (*late)(struct nesting *nesting); /* begun, but takes too long; done is still called */
    void (*drop)(struct nesting *nesting); /* instead of done: the broker exits */
    int error;
    struct offload_job job; /* private from here on */
    struct loop_timer patience;
    struct ring node; /* in user->nestings, while it waits */
    const struct env *env;
    struct user *user;
    struct kept *copy;         /* charge of the copy, until it is closed; NULL: no copy */
    struct identity *identity; /* keeps the job out of the threads reserved for closes */
    struct nesting_what what;
    bool is_late;
};

/* 0, or -1 and the refusal: a job of that uid takes too long, so that another one would only wait. */
int nesting_check(const struct user *user, struct refusal *refusal);
int nesting_refuse(struct refusal *refusal);

/* Starts or queues the job. identity: of the client. A copied target is charged to the user. Targets that are not copied, and
 * `nesting`, must stay until done or drop. 0, or -1 and the refusal. */
int nesting_start(struct nesting *nesting, const struct env *env, struct user *user,
                  struct identity *identity, const struct nesting_what *what, struct refusal *refusal);

#endif
