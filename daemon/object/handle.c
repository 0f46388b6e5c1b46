/* handle.c: making, ending and freeing a pollable handle. */
#include "handle.h"

#include "belongings.h"
#include "daemon/base/log.h"
#include "pollable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEMAPHORE_FDS = 1, EVT_FDS = 2 };

/* Charged, without descriptors. NULL: the refusal. */
static struct handle *handle_new(struct belongings *owner, size_t n_fds, struct refusal *refusal) {
    struct registry *registry = owner->registry;
    struct handle *handle;
    if (!slots_may_keep(registry->slots, n_fds)) {
        users_refuse_table(registry->users, refusal);
        return NULL;
    }
    if (account_take(&owner->account, USER_DESCRIPTORS, n_fds, refusal))
        return NULL;
    handle = calloc(1, sizeof *handle);
    if (!handle) {
        account_give(&owner->account, USER_DESCRIPTORS, n_fds);
        refusal_set(refusal, REFUSAL_LIMIT, NULL, NULL, "the broker is out of memory");
        return NULL;
    }
    handle->registry = registry;
    handle->account = &owner->account;
    handle->user =
        user_ref(registry->users, (uint32_t)owner->account.user->uid); /* it is there: this cannot fail */
    handle->charged = n_fds;
    handle->fd = handle->bell = OS_FD_NONE;
    slots_take(registry->slots, n_fds);
    return handle;
}

static void give_back(struct handle *handle, size_t n_fds) {
    slots_give(handle->registry->slots, n_fds);
    handle->charged -= n_fds;
    if (handle->account)
        account_give(handle->account, USER_DESCRIPTORS, n_fds);
    else
        user_give(handle->user, USER_DESCRIPTORS, n_fds);
}

struct handle *handle_new_semaphore(struct belongings *owner, bool fired, struct refusal *refusal) {
    struct handle *handle = handle_new(owner, SEMAPHORE_FDS, refusal);
    if (!handle)
        return NULL;
    handle->fd = pollable_semaphore_new(fired);
    if (handle->fd != OS_FD_NONE)
        return handle;
    refusal_system(refusal, errno, "cannot make a handle");
    handle_free(handle);
    return NULL;
}

struct handle *handle_new_evt(struct belongings *owner, struct refusal *refusal) {
    struct handle *handle = handle_new(owner, EVT_FDS, refusal);
    int error = handle ? pollable_evt_new(&handle->fd, &handle->bell) : 0;
    if (!error)
        return handle;
    refusal_system(refusal, -error, "cannot make a handle");
    handle_free(handle);
    return NULL;
}

static void report(int error) {
    if (error)
        log_write(LOG_LEVEL_ERROR, "a pollable handle could not be made ready: %s", strerror(-error));
}

static void work(struct offload_job *job) { report(pollable_evt_end(((struct handle *)job)->fd)); }

static void on_worked(struct offload_job *job) {
    struct handle *handle = (struct handle *)job;
    handle->working = false;
    os_close(handle->bell);
    handle->bell = OS_FD_NONE;
    give_back(handle, 1);
    if (handle->freed)
        handle_free(handle);
}

void handle_end(struct handle *handle) {
    if (handle->ended)
        return;
    handle->ended = true;
    if (handle->bell == OS_FD_NONE) {
        report(pollable_semaphore_fire(handle->fd));
        return;
    }
    pollable_evt_ring(handle->bell);
    handle->job = (struct offload_job){.work = work,
                                       .done = on_worked,
                                       .drop = on_worked,
                                       .uid = (uint32_t)handle->user->uid,
                                       .quick = true};
    handle->working = true;
    offload_submit(handle->registry->offload, &handle->job);
}

void handle_leave(struct handle *handle) {
    if (handle->account)
        account_leave(handle->account, USER_DESCRIPTORS, handle->charged);
    handle->account = NULL;
}

void handle_free(struct handle *handle) {
    if (!handle)
        return;
    if (handle->working) {
        handle->freed = true;
        handle_leave(handle);
        return;
    }
    os_close(handle->fd); /* an epoll's lock is nobody else's when the last copy goes */
    os_close(handle->bell);
    give_back(handle, handle->charged);
    user_unref(handle->user);
    free(handle);
}
