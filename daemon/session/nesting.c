/* nesting.c: one job at a time per uid, and a queue of its others. */
#include "nesting.h"

#include "daemon/access/kept.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/identity.h"
#include "daemon/loop/pending.h"
#include "daemon/object/env.h"
#include "daemon/object/pollable.h"
#include "daemon/object/taker.h"
#include "proto/container.h"

#include <errno.h>
#include <stdlib.h>

enum { PATIENCE_US = 500000 };

static struct nesting *nesting_of(struct offload_job *job) { return CONTAINER_OF(job, struct nesting, job); }

int nesting_refuse(struct refusal *refusal) {
    return refusal_set(refusal, REFUSAL_LIMIT, "id", "wait for the event instead, or try again",
                       "another process holds a kernel lock that the handle needs");
}

int nesting_check(const struct user *user, struct refusal *refusal) {
    return user->nesting && user->nesting->is_late ? nesting_refuse(refusal) : 0;
}

static void copy_free(struct kept *copy) {
    kept_release(copy);
    free(copy);
}

static void on_closed(void *copy) { copy_free(copy); }

static void leave(struct nesting *nesting) {
    if (ring_has(&nesting->node))
        ring_remove(&nesting->node);
    loop_timer_free(&nesting->patience);
    identity_unref(nesting->identity);
    user_unref(nesting->user);
}

/* Gives the struct back to its owner. */
static void complete(struct nesting *nesting, int error) {
    nesting->error = error;
    if (nesting->copy)
        closer_close(nesting->env->closer, nesting->what.target, nesting->user->uid, on_closed,
                     nesting->copy);
    leave(nesting);
    nesting->done(nesting);
}

static int put(const struct nesting_what *what) {
    if (what->counted && pollable_evt_is_full())
        return -EDQUOT;
    int error = what->wakeup == OS_FD_NONE ? 0 : pollable_evt_fill(what->handle, what->wakeup, what->always);
    if (error)
        return error;
    error = what->target == OS_FD_NONE
                ? -EPERM
                : taker_follow(what->handle, what->target, what->interest, what->copied);
    if (error && error != -EPERM && what->wakeup != OS_FD_NONE)
        pollable_evt_clear(what->handle, what->wakeup, what->always);
    return error;
}

static void work_put(void *context) {
    struct nesting *nesting = context;
    nesting->error = put(&nesting->what);
}

/* Adding an epoll descriptor polls it. */
static void work(struct offload_job *job) {
    struct nesting *nesting = nesting_of(job);
    if (job->unfit)
        nesting->error = job->unfit;
    else if (nesting->what.copied)
        pending_call(work_put, nesting);
    else
        work_put(nesting);
}

static void submit(struct nesting *nesting) {
    nesting->user->nesting = nesting;
    offload_submit(nesting->env->offload, &nesting->job);
}

static void on_worked(struct offload_job *job) {
    struct nesting *nesting = nesting_of(job);
    struct ring *next = ring_first(&nesting->user->nestings);
    nesting->user->nesting = NULL;
    if (next) {
        ring_remove(next);
        submit(CONTAINER_OF(next, struct nesting, node));
    }
    complete(nesting, nesting->error);
}

/* The kernel closes the copy at exit. */
static void drop(struct nesting *nesting) {
    if (nesting->copy)
        copy_free(nesting->copy);
    leave(nesting);
    nesting->drop(nesting);
}

static void on_dropped(struct offload_job *job) {
    struct nesting *nesting = nesting_of(job);
    struct ring *waiting = &nesting->user->nestings, *next;
    nesting->user->nesting = NULL;
    while ((next = ring_first(waiting)))
        drop(CONTAINER_OF(next, struct nesting, node));
    drop(nesting);
}

static void on_impatient(struct loop_timer *timer) {
    struct nesting *nesting = CONTAINER_OF(timer, struct nesting, patience);
    if (ring_has(&nesting->node)) {
        complete(nesting, -EBUSY);
        return;
    }
    nesting->is_late = true;
    nesting->late(nesting);
}

/* Copies the target and charges the copy. 0, or -1 and the refusal. */
static int copy_target(struct nesting *nesting, struct refusal *refusal) {
    struct kept kept = {0}, *copy;
    os_fd fd;
    if (kept_take(&kept, nesting->user, NULL, 1, refusal))
        return -1;
    copy = malloc(sizeof *copy);
    fd = copy ? os_dup(nesting->what.target) : OS_FD_NONE;
    if (fd == OS_FD_NONE) {
        int error = copy ? errno : ENOMEM;
        free(copy);
        kept_release(&kept);
        return refusal_system(refusal, error, "cannot copy the descriptor");
    }
    kept_move(copy, &kept);
    nesting->copy = copy;
    nesting->what.target = fd;
    return 0;
}

int nesting_start(struct nesting *nesting, const struct env *env, struct user *user,
                  struct identity *identity, const struct nesting_what *what, struct refusal *refusal) {
    nesting->env = env;
    nesting->user = user;
    nesting->copy = NULL;
    nesting->what = *what;
    nesting->patience.fn = on_impatient;
    nesting->job = (struct offload_job){.work = work,
                                        .done = on_worked,
                                        .drop = on_dropped,
                                        .uid = user->uid,
                                        .quick = true,
                                        .identity = identity};
    if (loop_timer_set(env->loop, &nesting->patience, os_now_us() + PATIENCE_US))
        return refusal_memory(refusal);
    if (what->copied && copy_target(nesting, refusal)) {
        loop_timer_free(&nesting->patience);
        return -1;
    }
    user_hold(user);
    nesting->identity = identity_ref(identity);
    if (user->nesting)
        ring_add(&user->nestings, &nesting->node);
    else
        submit(nesting);
    return 0;
}
