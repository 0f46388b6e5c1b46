/* always_ready.c: chooses an eventfd for a handle, and closes idle ones. */
#include "always_ready.h"

#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "pollable.h"
#include "registry.h"
#include "utlist.h"

#include <errno.h>
#include <stdlib.h>

struct always_readies {
    struct always_ready own; /* the broker's own user's, from start to end */
    struct always_ready *idle;
    size_t n_idle;
};

int always_ready_init(struct registry *registry) {
    struct always_readies *always_readies = calloc(1, sizeof *always_readies);
    if (!always_readies)
        return -ENOMEM;
    registry->always_readies = always_readies;
    *always_readies = (struct always_readies){.own = {.fd = pollable_always(), .uid = registry->env.own}};
    DL_APPEND(always_readies->idle, &always_readies->own);
    return 0;
}

static void always_ready_free(struct always_ready *always_ready) {
    kept_release(&always_ready->kept);
    free(always_ready);
}

static void on_closed(void *always_ready) { always_ready_free(always_ready); }

void always_ready_deinit(struct registry *registry) {
    struct always_readies *always_readies = registry->always_readies;
    if (!always_readies)
        return;
    while (always_readies->idle) {
        struct always_ready *always_ready = always_readies->idle;
        DL_DELETE(always_readies->idle, always_ready);
        if (always_ready != &always_readies->own)
            always_ready_free(always_ready);
    }
    free(always_readies);
    registry->always_readies = NULL;
}

static struct always_ready *find_idle(struct always_readies *always_readies, os_uid uid) {
    struct always_ready *always_ready = always_readies->idle;
    while (always_ready && always_ready->uid != uid)
        always_ready = always_ready->next;
    return always_ready;
}

/* Gives an idle one back to its user, and charges it. Returns 0, or -1 with the refusal. */
static int wake(struct always_readies *always_readies, struct always_ready *always_ready, struct user *user,
                struct refusal *refusal) {
    if (always_ready != &always_readies->own) {
        if (kept_charge(&always_ready->kept, user, 1, refusal))
            return -1;
        always_readies->n_idle--;
    }
    DL_DELETE(always_readies->idle, always_ready);
    DL_PREPEND(user->always_readies, always_ready);
    return 0;
}

static struct always_ready *make(struct user *user, struct refusal *refusal) {
    struct always_ready *always_ready;
    struct kept kept = {0};
    int error;
    if (kept_take(&kept, user, NULL, 1, refusal))
        return NULL;
    always_ready = calloc(1, sizeof *always_ready);
    error = always_ready ? 0 : ENOMEM;
    if (always_ready) {
        *always_ready = (struct always_ready){.fd = pollable_always_new(), .uid = user->uid};
        error = always_ready->fd == OS_FD_NONE ? errno : 0;
    }
    if (!error) {
        kept_move(&always_ready->kept, &kept);
        DL_PREPEND(user->always_readies, always_ready);
        return always_ready;
    }
    free(always_ready);
    kept_release(&kept);
    refusal_system(refusal, error, "cannot make a handle");
    return NULL;
}

/* A close takes the locks of the epolls that still contain the eventfd, so the closer does it. */
void always_ready_trim(struct registry *registry) {
    struct always_readies *always_readies = registry->always_readies;
    while (always_readies->n_idle > ALWAYS_READY_IDLE) {
        struct always_ready *always_ready =
            always_readies->idle == &always_readies->own ? always_readies->own.next : always_readies->idle;
        DL_DELETE(always_readies->idle, always_ready);
        always_readies->n_idle--;
        closer_close(registry->env.closer, always_ready->fd, always_ready->uid, on_closed, always_ready);
    }
}

struct always_ready *always_ready_take(struct registry *registry, struct user *user,
                                       struct refusal *refusal) {
    struct always_readies *always_readies = registry->always_readies;
    struct always_ready *always_ready = user->always_readies;
    if (!always_ready || always_ready->n == ALWAYS_READY_HANDLES) {
        always_ready = find_idle(always_readies, user->uid);
        if (always_ready && wake(always_readies, always_ready, user, refusal))
            return NULL;
        if (!always_ready)
            always_ready = make(user, refusal);
        if (!always_ready)
            return NULL;
    }
    if (++always_ready->n == ALWAYS_READY_HANDLES) {
        DL_DELETE(user->always_readies, always_ready);
        DL_APPEND(user->always_readies, always_ready);
    }
    always_ready_trim(registry);
    return always_ready;
}

void always_ready_give(struct registry *registry, struct user *user, struct always_ready *always_ready) {
    struct always_readies *always_readies = registry->always_readies;
    if (always_ready->n-- == ALWAYS_READY_HANDLES) {
        DL_DELETE(user->always_readies, always_ready);
        DL_PREPEND(user->always_readies, always_ready);
    }
    if (always_ready->n)
        return;
    DL_DELETE(user->always_readies, always_ready);
    DL_APPEND(always_readies->idle, always_ready);
    if (always_ready == &always_readies->own)
        return;
    kept_uncharge(&always_ready->kept, 1);
    always_readies->n_idle++;
}
