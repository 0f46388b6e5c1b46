/* hint.c: the wait behind an armed hint. It has no connection; its session's end completes it.
 *
 * A handle must not stay unreadable because the system has no memory for the byte. Then it is ended: a worker closes the wakeup, which needs none. It
 * cannot be armed any more, and is not replaced: all processes of the session that have it must learn that it is of no more use. */
#include "hint.h"

#include "daemon/access/account.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "handle.h"
#include "pollable.h"
#include "proto/container.h"
#include "session_objects.h"
#include "wait.h"
#include "waitable.h"

#include <stddef.h>
#include <stdlib.h>

struct hint {
    struct handle *handle;    /* NULL: it has been freed */
    struct wait_request wait; /* its target follows in memory */
};

static size_t size_of_hint(void) { return offsetof(struct hint, wait) + wait_size(1); }

static void hint_free(struct hint *hint) {
    struct account *account = &hint->wait.owner->account;
    charge_give_request(account->user, account, size_of_hint());
    free(hint);
}

static void ring(struct handle *handle) {
    if (!handle->ended && !pollable_hint_ring(handle->wakeup))
        handle_end(handle);
}

static void on_done(struct wait_request *wait) {
    struct hint *hint = CONTAINER_OF(wait, struct hint, wait);
    struct handle *handle = hint->handle;
    if (handle) {
        handle->armed = NULL;
        ring(handle);
    }
    hint_free(hint);
}

/* Charged and allocated. NULL: the refusal. */
static struct hint *hint_new(struct handle *handle, struct refusal *refusal) {
    struct account *account = &handle->asker->account;
    struct hint *hint;
    if (charge_take_request(account, size_of_hint(), refusal))
        return NULL;
    hint = malloc(size_of_hint());
    if (!hint) {
        charge_give_request(account->user, account, size_of_hint());
        refusal_memory(refusal);
        return NULL;
    }
    hint->handle = handle;
    wait_init(&hint->wait, handle->asker, 1);
    hint->wait.done = on_done;
    hint->wait.targets[0].of = handle->of;
    hint->wait.targets[0].id = handle->id;
    return hint;
}

/* 0, or -1 and the refusal: it is readable forever although its object has not ended. */
static int check_end(const struct handle *handle, struct refusal *refusal) {
    if (!handle->ended || handle->of->ended)
        return 0;
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, "wait for the object instead, or make it again",
                       "the handle stays readable: the system had no memory to make it so only once");
}

int hint_arm(struct handle *handle, struct refusal *refusal) {
    struct hint *hint;
    int result;
    if (handle->ended)
        return check_end(handle, refusal);
    if (handle->armed) { /* a byte may have stayed */
        pollable_hint_clear(handle->fd, handle->wakeup);
        return 0;
    }
    hint = hint_new(handle, refusal);
    if (!hint)
        return -1;
    pollable_hint_clear(handle->fd, handle->wakeup);
    result = wait_begin(&hint->wait, -1, refusal);
    if (!result) {
        handle->armed = &hint->handle;
        return 0;
    }
    ring(handle);
    hint_free(hint);
    return result > 0 ? check_end(handle, refusal) : -1;
}
