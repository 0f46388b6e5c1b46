/* lasting.c: which of a user's is taken, and which of the idle ones is closed. */
#include "lasting.h"

#include "daemon/access/kept.h"
#include "daemon/access/quota.h"
#include "daemon/access/refusal.h"
#include "daemon/access/slots.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "pollable.h"
#include "registry.h"
#include "utlist.h"

#include <errno.h>
#include <stdlib.h>

struct lastings {
    struct lasting own; /* of the broker's user, from the start to the end */
    struct lasting *idle;
    size_t n_idle;
};

int lastings_init(struct registry *registry) {
    struct lastings *lastings = calloc(1, sizeof *lastings);
    if (!lastings)
        return -ENOMEM;
    registry->lastings = lastings;
    *lastings = (struct lastings){.own = {.fd = pollable_always(), .uid = registry->env.own}};
    DL_APPEND(lastings->idle, &lastings->own);
    return 0;
}

static void on_closed(void *slots) { slots_give(slots, 1); }

void lastings_deinit(struct registry *registry) {
    struct lastings *lastings = registry->lastings;
    if (!lastings)
        return;
    while (lastings->idle) {
        struct lasting *lasting = lastings->idle;
        DL_DELETE(lastings->idle, lasting);
        if (lasting == &lastings->own)
            continue;
        on_closed(registry->env.slots);
        free(lasting);
    }
    free(lastings);
    registry->lastings = NULL;
}

static struct lasting *find_idle(struct lastings *lastings, os_uid uid) {
    struct lasting *lasting = lastings->idle;
    while (lasting && lasting->uid != uid)
        lasting = lasting->next;
    return lasting;
}

/* It is the user's, and charged. 0, or -1 and the refusal. */
static int wake(struct lastings *lastings, struct lasting *lasting, struct user *user,
                struct refusal *refusal) {
    if (lasting != &lastings->own) {
        if (user_take(user, USER_DESCRIPTORS, 1, refusal))
            return -1;
        lastings->n_idle--;
    }
    DL_DELETE(lastings->idle, lasting);
    DL_PREPEND(user->lastings, lasting);
    return 0;
}

static struct lasting *make(struct user *user, struct refusal *refusal) {
    struct lasting *lasting;
    int error;
    if (kept_take(user, NULL, 1, refusal))
        return NULL;
    lasting = calloc(1, sizeof *lasting);
    error = lasting ? 0 : ENOMEM;
    if (lasting) {
        *lasting = (struct lasting){.fd = pollable_always_new(), .uid = user->uid};
        error = lasting->fd == OS_FD_NONE ? errno : 0;
    }
    if (!error) {
        DL_PREPEND(user->lastings, lasting);
        return lasting;
    }
    free(lasting);
    kept_give(user, NULL, 1);
    refusal_system(refusal, error, "cannot make a handle");
    return NULL;
}

/* Of the idle ones, the oldest. More than come at a time; and not when one comes, since that may be at the end of the broker. Closing takes the
 * locks of the epolls that it still lies in. */
static void close_some(struct registry *registry) {
    struct lastings *lastings = registry->lastings;
    for (int i = 0; i < 2 && lastings->n_idle > LASTING_IDLE; i++) {
        struct lasting *lasting = lastings->idle == &lastings->own ? lastings->own.next : lastings->idle;
        DL_DELETE(lastings->idle, lasting);
        lastings->n_idle--;
        closer_close(registry->env.closer, lasting->fd, lasting->uid, on_closed, registry->env.slots);
        free(lasting);
    }
}

struct lasting *lasting_take(struct registry *registry, struct user *user, struct refusal *refusal) {
    struct lastings *lastings = registry->lastings;
    struct lasting *lasting = user->lastings;
    if (!lasting || lasting->n == LASTING_HANDLES) {
        lasting = find_idle(lastings, user->uid);
        if (lasting && wake(lastings, lasting, user, refusal))
            return NULL;
        if (!lasting)
            lasting = make(user, refusal);
        if (!lasting)
            return NULL;
    }
    if (++lasting->n == LASTING_HANDLES) {
        DL_DELETE(user->lastings, lasting);
        DL_APPEND(user->lastings, lasting);
    }
    close_some(registry);
    return lasting;
}

void lasting_give(struct registry *registry, struct user *user, struct lasting *lasting) {
    struct lastings *lastings = registry->lastings;
    if (lasting->n-- == LASTING_HANDLES) {
        DL_DELETE(user->lastings, lasting);
        DL_PREPEND(user->lastings, lasting);
    }
    if (lasting->n)
        return;
    DL_DELETE(user->lastings, lasting);
    DL_APPEND(lastings->idle, lasting);
    if (lasting == &lastings->own)
        return;
    kept_uncharge(user, NULL, 1);
    lastings->n_idle++;
}
