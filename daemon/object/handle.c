/* handle.c: making, ending and freeing pollable handles. */
#include "handle.h"

#include "always_ready.h"
#include "daemon/access/account.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/base/turn.h"
#include "daemon/loop/loop.h"
#include "pollable.h"
#include "proto/container.h"
#include "registry.h"
#include "session_objects.h"
#include "utlist.h"

#include <errno.h>
#include <stdlib.h>

enum {
    EVT_FDS = 2,
    SLOW_US = 1000, /* of the processor's time: a ring that wakes very many watchers */
    RINGS_LATER = 1024
};

/* The handles that are to be submitted to workers, and the timer for that. */
struct handles {
    struct loop_timer timer;
    struct handle *list;
    size_t n;
};

static int charge(struct kept *kept, struct account *account, size_t n_received, size_t n_opened,
                  struct refusal *refusal) {
    if (n_received && kept_receive(kept, account, refusal))
        return -1;
    return kept_take(kept, account->user, account, n_opened, refusal);
}

/* Charged, without descriptors. NULL: the refusal. */
static struct handle *handle_new(struct session_objects *owner, size_t n_received, size_t n_opened,
                                 struct refusal *refusal) {
    struct kept kept = {0};
    struct handle *handle = NULL;
    if (!charge(&kept, &owner->account, n_received, n_opened, refusal)) {
        handle = calloc(1, sizeof *handle);
        if (!handle)
            refusal_memory(refusal);
    }
    if (!handle) {
        kept_release(&kept);
        return NULL;
    }
    handle->registry = owner->registry;
    kept_move(&handle->kept, &kept);
    handle->fd = handle->wakeup = OS_FD_NONE;
    return handle;
}

/* Its descriptors are closed, or left to the kernel. */
static void dispose(struct handle *handle) {
    if (handle->always)
        always_ready_give(handle->registry, handle->kept.user, handle->always);
    kept_release(&handle->kept);
    free(handle);
}

struct handle *handle_new_semaphore(struct session_objects *owner, bool fired, struct refusal *refusal) {
    struct handle *handle = handle_new(owner, 0, fired ? 1 : pollable_semaphore_fds(), refusal);
    if (!handle)
        return NULL;
    handle->ended = handle->always_ready = fired;
    handle->fd = pollable_semaphore_new(fired, &handle->wakeup);
    if (handle->fd != OS_FD_NONE)
        return handle;
    refusal_system(refusal, errno, "cannot make a handle");
    if (handle->wakeup == OS_FD_NONE)
        dispose(handle);
    else
        handle_free(handle);
    return NULL;
}

struct handle *handle_new_semaphore_attached(struct session_objects *owner, os_fd eventfd,
                                             struct refusal *refusal) {
    struct handle *handle = handle_new(owner, 1, 0, refusal);
    if (!handle)
        return NULL;
    handle->fd = eventfd;
    kept_adopt(&handle->kept);
    return handle;
}

struct handle *handle_new_hint(struct session_objects *owner, struct refusal *refusal) {
    struct handle *handle = handle_new(owner, 0, EVT_FDS, refusal);
    if (!handle)
        return NULL;
    handle->hint = true;
    handle->fd = pollable_hint_new(&handle->wakeup);
    if (handle->fd != OS_FD_NONE)
        return handle;
    refusal_system(refusal, errno, "cannot make a handle");
    dispose(handle);
    return NULL;
}

static struct handle *new_evt(struct session_objects *owner, size_t n_received, struct refusal *refusal) {
    struct handle *handle = handle_new(owner, n_received, EVT_FDS - n_received, refusal);
    if (!handle)
        return NULL;
    handle->always = always_ready_take(owner->registry, handle->kept.user, refusal);
    if (handle->always)
        handle->wakeup = pollable_wakeup_new();
    if (handle->wakeup != OS_FD_NONE)
        return handle;
    if (handle->always)
        refusal_system(refusal, errno, "cannot make a handle");
    dispose(handle);
    return NULL;
}

struct handle *handle_new_evt(struct session_objects *owner, struct refusal *refusal) {
    struct handle *handle = new_evt(owner, 0, refusal);
    if (!handle)
        return NULL;
    handle->fd = pollable_evt_new();
    int error =
        handle->fd == OS_FD_NONE ? -errno : pollable_evt_fill(handle->fd, handle->wakeup, handle->always->fd);
    if (!error)
        return handle;
    refusal_system(refusal, -error, "cannot make a handle");
    handle_free(handle);
    return NULL;
}

struct handle *handle_new_evt_attached(struct session_objects *owner, os_fd epoll, struct refusal *refusal) {
    struct handle *handle = new_evt(owner, 1, refusal);
    if (!handle)
        return NULL;
    handle->fd = epoll;
    kept_adopt(&handle->kept);
    return handle;
}

struct handle *handle_restore(struct session_objects *owner, os_fd fd, os_fd wakeup, bool semaphore,
                              struct refusal *refusal) {
    bool hint = !semaphore && pollable_evt_form() == POLLABLE_HINT;
    struct handle *handle = handle_new(owner, 1, wakeup == OS_FD_NONE ? 0 : 1, refusal);
    if (!handle)
        return NULL;
    if (!semaphore && !hint &&
        !(handle->always = always_ready_take(owner->registry, handle->kept.user, refusal))) {
        dispose(handle);
        return NULL;
    }
    handle->fd = fd;
    handle->wakeup = wakeup;
    handle->hint = hint;
    handle->moved = true;
    kept_adopt(&handle->kept);
    if (wakeup != OS_FD_NONE)
        fd_table_give(owner->registry->env.fd_table, 1); /* `kept` counts it */
    else if (!semaphore)
        handle->ended = handle->always_ready = true;
    if (hint && wakeup != OS_FD_NONE)
        (void)pollable_hint_ring(wakeup);
    return handle;
}

/* ---- on a worker ------------------------------------------------------------------------------------------------ */

/* Readable forever, if not by the end of the wakeup. */
static int make_ready(const struct handle *handle) {
    if (handle->hint)
        return 0;
    if (!handle->always)
        return pollable_semaphore_end(handle->fd);
    return handle->moved ? pollable_evt_end_moved(handle->fd, handle->always->fd)
                         : pollable_evt_end(handle->fd, handle->always->fd);
}

static void work(struct offload_job *job) {
    struct handle *handle = (struct handle *)job;
    if (handle->ended && !handle->always_ready)
        handle->error = make_ready(handle);
    os_close(handle->wakeup);
    if (handle->closing)
        os_close(handle->fd);
}

static void list(struct handle *handle);

static void on_worked(struct offload_job *job) {
    struct handle *handle = (struct handle *)job;
    struct registry *registry = handle->registry;
    handle->working = false;
    handle->always_ready = true;
    if (handle->error)
        log_write_about(LOG_TOPIC_HANDLE, LOG_NOBODY, LOG_LEVEL_ERROR, "cannot signal a pollable handle: %s",
                        os_error_text(-handle->error));
    handle->error = 0;
    if (handle->closing) {
        dispose(handle);
        always_ready_trim(registry);
        return;
    }
    if (handle->wakeup != OS_FD_NONE)
        kept_close(&handle->kept);
    handle->wakeup = OS_FD_NONE;
    if (handle->freed)
        list(handle);
}

/* The broker ends. */
static void on_dropped(struct offload_job *job) { dispose((struct handle *)job); }

static void submit(struct handle *handle) {
    handle->job = (struct offload_job){
        .work = work, .done = on_worked, .drop = on_dropped, .uid = handle->kept.user->uid, .quick = true};
    handle->working = true;
    handle->closing = handle->freed;
    offload_submit(handle->registry->env.offload, &handle->job);
}

/* ---- handles that wait for a worker
 * ----------------------------------------------------------------------------- */

static void forget(struct handle *handle) {
    struct handles *handles = handle->registry->handles;
    DL_DELETE(handles->list, handle);
    handles->n--;
    handle->listed = false;
}

static void submit_all(struct handles *handles) {
    while (handles->list) {
        struct handle *handle = handles->list;
        forget(handle);
        submit(handle);
    }
}

bool handles_wait(const struct registry *registry) { return registry->handles->n > 0; }

static void on_timer(struct loop_timer *timer) { submit_all(CONTAINER_OF(timer, struct handles, timer)); }

static void list(struct handle *handle) {
    struct handles *handles = handle->registry->handles;
    if (handle->listed)
        return;
    DL_APPEND(handles->list, handle);
    handle->listed = true;
    if (++handles->n == HANDLES_MOST) {
        loop_timer_clear(&handles->timer);
        submit_all(handles);
    } else if (handles->n == 1) {
        (void)loop_timer_set(handle->registry->env.loop, &handles->timer, os_now_us() + HANDLES_US);
    }
}

int handles_init(struct registry *registry) {
    struct handles *handles = calloc(1, sizeof *handles);
    if (!handles)
        return -ENOMEM;
    handles->timer.fn = on_timer;
    registry->handles = handles;
    return loop_timer_prepare(registry->env.loop, &handles->timer);
}

void handles_deinit(struct registry *registry) {
    struct handles *handles = registry->handles;
    if (!handles)
        return;
    while (handles->list) {
        struct handle *handle = handles->list;
        forget(handle);
        dispose(handle);
    }
    loop_timer_free(&handles->timer);
    free(handles);
    registry->handles = NULL;
}

/* ---- in the loop ------------------------------------------------------------------------------------------------ */

static void ring(struct handle *handle) {
    if (handle->hint)
        (void)pollable_hint_ring(handle->wakeup); /* else the worker makes it readable */
    else if (handle->always)
        pollable_evt_ring(handle->wakeup);
    else if (limit_is_admin(handle->kept.user) && pollable_semaphore_fire(handle->fd))
        handle->always_ready = true;
    else if (!pollable_semaphore_ring(handle->fd, handle->wakeup))
        submit(handle);
}

/* Copies of a handle can have very many watchers, and the kernel wakes all of them within the call. The lane of the uid is charged for that,
 * whoever's turn it is: objects also end between the turns. */
static void ring_charged(struct handle *handle) {
    struct lane *lane = &handle->kept.user->lane;
    struct turns *turns = lane->turns;
    bool own = turns->last == lane;
    if (!own)
        (void)turn_charge(turns, turns->last);
    ring(handle);
    if (own)
        turn_cut_if_long(turns);
    else
        (void)turn_charge(turns, lane);
}

/* After a slow ring the user's next ones are left to workers; then one is tried again. So a user with many such handles has the loop for few of
 * them. */
static void ring_or_leave(struct handle *handle) {
    struct user *user = handle->kept.user;
    if (limit_is_admin(user)) {
        ring_charged(handle);
    } else if (user->rings_later) {
        user->rings_later--;
    } else {
        int64_t before = os_thread_us();
        ring_charged(handle);
        if (os_thread_us() - before > SLOW_US)
            user->rings_later = RINGS_LATER;
    }
}

void handle_end(struct handle *handle) {
    if (handle->ended)
        return;
    handle->ended = true;
    ring_or_leave(handle);
    if (!handle->working && !handle->always_ready)
        list(handle);
}

void handle_leave(struct handle *handle) { kept_leave(&handle->kept); }

void handle_join(struct handle *handle, struct session_objects *owner) {
    kept_join(&handle->kept, &owner->account);
}

void handle_free(struct handle *handle) {
    if (!handle)
        return;
    handle->freed = true;
    if (handle->armed)
        *handle->armed = NULL;
    handle->armed = NULL;
    handle_leave(handle);
    if (!handle->working)
        list(handle);
}

void handle_abandon(struct handle *handle) {
    handle_leave(handle);
    dispose(handle);
}
