/* nesting.c: one at a time of each uid, and those that wait for it. */
#include "nesting.h"

#include "daemon/access/kept.h"
#include "daemon/object/pollable.h"

#include <errno.h>

enum { PATIENCE_US = 500000 };

static struct nesting *nesting_of(struct offload_job *job) { return RING_OF(job, struct nesting, job); }

int nesting_refuse(struct refusal *refusal) {
    return refusal_set(refusal, REFUSAL_LIMIT, "id", "wait for the event instead, or try again",
                       "the kernel's lock for nesting epoll descriptors is held by some process");
}

int nesting_check(const struct user *user, struct refusal *refusal) {
    return user->nesting && user->nesting->is_late ? nesting_refuse(refusal) : 0;
}

static void give_back(struct user *user) {
    kept_give(user, NULL, 1);
    user_unref(user);
}

static void on_closed(void *user) { give_back(user); }

static void leave(struct nesting *nesting) {
    if (ring_has(&nesting->node))
        ring_remove(&nesting->node);
    loop_timer_free(&nesting->patience);
    identity_unref(nesting->identity);
}

/* It is its owner's again. */
static void complete(struct nesting *nesting, int error) {
    leave(nesting);
    nesting->error = error;
    closer_close(nesting->registry->closer, nesting->target, nesting->user->uid, on_closed, nesting->user);
    nesting->done(nesting);
}

static void work(struct offload_job *job) {
    struct nesting *nesting = nesting_of(job);
    nesting->error =
        job->unfit ? job->unfit : pollable_evt_follow(nesting->handle, nesting->target, nesting->interest);
}

static void submit(struct nesting *nesting) {
    nesting->user->nesting = nesting;
    offload_submit(nesting->registry->offload, &nesting->job);
}

static void on_worked(struct offload_job *job) {
    struct nesting *nesting = nesting_of(job);
    struct ring *next = ring_first(&nesting->user->nestings);
    nesting->user->nesting = NULL;
    if (next) {
        ring_remove(next);
        submit(RING_OF(next, struct nesting, node));
    }
    complete(nesting, nesting->error);
}

/* The copy is left to the kernel. */
static void drop(struct nesting *nesting) {
    leave(nesting);
    give_back(nesting->user);
    nesting->drop(nesting);
}

static void on_dropped(struct offload_job *job) {
    struct nesting *nesting = nesting_of(job);
    struct ring *waiting = &nesting->user->nestings, *next;
    nesting->user->nesting = NULL;
    while ((next = ring_first(waiting)))
        drop(RING_OF(next, struct nesting, node));
    drop(nesting);
}

static void on_impatient(struct loop_timer *timer) {
    struct nesting *nesting = RING_OF(timer, struct nesting, patience);
    if (ring_has(&nesting->node)) {
        complete(nesting, -EBUSY);
        return;
    }
    nesting->is_late = true;
    nesting->late(nesting);
}

/* Charged and copied. */
static int take_target(struct nesting *nesting, os_fd target, struct refusal *refusal) {
    struct user *user = nesting->user;
    if (kept_take(user, NULL, 1, refusal))
        return -1;
    nesting->target = os_dup(target);
    if (nesting->target == OS_FD_NONE) {
        int error = errno;
        kept_give(user, NULL, 1);
        return refusal_system(refusal, error, "cannot copy the descriptor");
    }
    return 0;
}

int nesting_start(struct nesting *nesting, struct registry *registry, struct user *user,
                  struct identity *identity, os_fd handle, os_fd target, unsigned interest,
                  struct refusal *refusal) {
    nesting->registry = registry;
    nesting->user = user;
    nesting->handle = handle;
    nesting->interest = interest;
    nesting->patience.fn = on_impatient;
    nesting->job = (struct offload_job){.work = work,
                                        .done = on_worked,
                                        .drop = on_dropped,
                                        .uid = user->uid,
                                        .quick = true,
                                        .identity = identity};
    if (loop_timer_set(registry->loop, &nesting->patience, os_now_us() + PATIENCE_US))
        return refusal_memory(refusal);
    if (take_target(nesting, target, refusal)) {
        loop_timer_free(&nesting->patience);
        return -1;
    }
    user_ref(user->users, user->uid); /* it is there: this cannot fail */
    nesting->identity = identity_ref(identity);
    if (user->nesting)
        ring_add(&user->nestings, &nesting->node);
    else
        submit(nesting);
    return 0;
}
