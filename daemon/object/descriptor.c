/* descriptor.c: arming, notifying and closing the broker's copies. */
#include "descriptor.h"

#include "cause.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/loop/closer.h"
#include "deferred_drop.h"
#include "direction.h"
#include "extras.h"
#include "hooks.h"
#include "pending_create.h"
#include "ready_list.h"
#include "registry.h"
#include "split_watch.h"
#include "thread_watch.h"
#include "utlist.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CAUSE_BITS = 4, CAUSE_MASK = 15 }; /* of the causes that cause_of returns */

static void on_armed(struct descriptor *descriptor, int result);
static void on_thread_watch_gone(struct descriptor *descriptor) { descriptor_end_job(descriptor); }
static const struct thread_watch_events thread_watch_events = {on_armed, on_thread_watch_gone};

int descriptor_init(struct descriptor *descriptor, uint64_t id, struct user *user, os_fd fd,
                    enum inspect_type type, struct refusal *refusal) {
    descriptor->id = id;
    descriptor->user = user;
    descriptor->fd = fd;
    descriptor->type = (uint8_t)type;
    descriptor->unwatched =
        inspect_is_unwatchable(type) ||
        (inspect_may_be_unwatchable(type) && !engine_can_watch(descriptor->user->registry->env.engine, fd));
    if (descriptor->unwatched || !inspect_needs_thread(fd, type) ||
        !thread_watch_open(descriptor, &thread_watch_events, refusal))
        return 0;
    extras_free(descriptor->user->registry, descriptor->extras);
    descriptor->extras = NULL;
    return -1;
}

static void ask_needs(const struct descriptor *descriptor, unsigned needs[2]) {
    descriptor->user->registry->hooks->on_needs(descriptor, needs);
}

static unsigned interest_of(const unsigned needs[2], bool *edge) {
    unsigned interest = 0;
    for (int direction = 0; direction < 2; direction++) {
        interest |= needs[direction] & NEED_WATCH ? direction_interest(direction) : 0u;
        *edge = *edge || needs[direction] & NEED_EDGE;
    }
    return interest;
}

unsigned descriptor_needs(const struct descriptor *descriptor, bool *edge) {
    unsigned needs[2];
    ask_needs(descriptor, needs);
    return interest_of(needs, edge);
}

/* Watches each direction by an engine entry of its own (split_watch.h). Returns false if one entry is to watch both. */
static bool arm_split_watch(struct descriptor *descriptor, const unsigned needs[2], unsigned extra,
                            int *error) {
    struct split_watch_need split_watch[2] = {{0}};
    if (!descriptor->split_watch &&
        (extras_thread_watch(descriptor->extras) || !((needs[0] | needs[1]) & NEED_SPLIT)))
        return false;
    for (int direction = 0; direction < 2; direction++) {
        split_watch[direction].ones = needs[direction] & NEED_SPLIT;
        split_watch[direction].edge = needs[direction] & NEED_EDGE;
        split_watch[direction].interest =
            (needs[direction] & NEED_WATCH ? direction_interest(direction) : 0u) |
            (extra & direction_interest(direction));
    }
    return split_watch_arm(descriptor, split_watch, error);
}

static void arm_thread_watch(struct descriptor *descriptor, bool retell) {
    if (thread_watch_arm(descriptor->extras->thread_watch, retell))
        descriptor_begin_job(descriptor);
}

/* An unneeded one-shot watch reports once at most; an edge-triggered one would go on. And an epoll descriptor is polled while it is
 * armed, which can take something from its program (taker.h). */
static bool may_stay_armed(const struct descriptor *descriptor) {
    bool polled = extras_thread_watch(descriptor->extras) && descriptor->type == INSPECT_EPOLL;
    return !engine_watch_is_edge(&descriptor->watch) &&
           !(polled && engine_watch_interest(&descriptor->watch));
}

/* A copy of which nobody but its hold is to be told anything. */
static int arm_for_hang_up(struct descriptor *descriptor) {
    struct engine_watch *watch = &descriptor->watch;
    if (engine_watch_is_for_hang_up(watch))
        return 0;
    if (!extras_thread_watch(descriptor->extras))
        return engine_arm(descriptor->user->registry->env.engine, watch, descriptor->fd, ENGINE_HANG_UP, true,
                          descriptor->id);
    engine_watch_note(watch, ENGINE_HANG_UP, true);
    arm_thread_watch(descriptor, false);
    return 0;
}

int descriptor_arm(struct descriptor *descriptor, unsigned extra) {
    struct engine_watch *watch = &descriptor->watch;
    bool edge = false;
    unsigned needs[2], interest, armed;
    int error;
    if (descriptor->unwatched)
        return extra ? ENGINE_E_UNSUPPORTED : 0;
    if (extra)
        descriptor_catch_up(descriptor);
    ask_needs(descriptor, needs);
    if (arm_split_watch(descriptor, needs, extra, &error))
        return error;
    interest = extra | interest_of(needs, &edge);
    armed = engine_watch_interest(watch);
    if (!interest && extras_hang_up(descriptor->extras))
        return arm_for_hang_up(descriptor);
    if (!interest && may_stay_armed(descriptor))
        return 0;
    if (interest && engine_watch_is_edge(watch) == edge && (edge ? interest == armed : !(interest & ~armed)))
        return 0;
    if (extras_thread_watch(descriptor->extras)) {
        bool retell = engine_watch_is_doubted(watch);
        engine_watch_note(watch, interest, edge);
        arm_thread_watch(descriptor, retell);
        return 0;
    }
    if (interest)
        return engine_arm(descriptor->user->registry->env.engine, watch, descriptor->fd, interest, edge,
                          descriptor->id);
    engine_disarm(descriptor->user->registry->env.engine, watch, descriptor->fd);
    return 0;
}

static void notify_all(struct descriptor *descriptor, int cause) {
    for (int direction = 0; direction < 2; direction++)
        descriptor->user->registry->hooks->on_ready(descriptor, direction, cause);
}

/* It cannot be watched (error: ENGINE_E_* or a negative errno): its waiters are notified with resync. */
static void fail_to_watch(struct descriptor *descriptor, int error) {
    log_write_about(
        LOG_TOPIC_DESCRIPTOR, descriptor->user->uid,
        error < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, /* a client can cause a cycle */
        "cannot watch a descriptor: its waiters are woken; id=%" PRIu64 " uid=%" PRIu64 " type=%s error=%d",
        descriptor->id, descriptor->user->uid, inspect_name((enum inspect_type)descriptor->type), error);
    notify_all(descriptor, CAUSE_RESYNC);
    deferred_drop_add(descriptor->user->registry, descriptor->id);
}

/* The kernel cannot watch it: it counts as always ready from now on. */
static void set_unwatched(struct descriptor *descriptor) {
    descriptor->unwatched = true;
    notify_all(descriptor, CAUSE_READY);
    deferred_drop_add(descriptor->user->registry, descriptor->id);
}

int descriptor_rearm(struct descriptor *descriptor) {
    int error = descriptor_arm(descriptor, 0);
    if (error == ENGINE_E_UNSUPPORTED) {
        set_unwatched(descriptor);
        return 0;
    }
    if (error)
        fail_to_watch(descriptor, error);
    return error;
}

void descriptor_retell(struct descriptor *descriptor) {
    engine_watch_doubt(&descriptor->watch);
    (void)descriptor_rearm(descriptor);
}

static bool is_referred(const struct descriptor *descriptor) {
    if (descriptor_is_closing(descriptor))
        return false;
    return descriptor->subscribed || descriptor->held || extras_pending_creates(descriptor->extras) ||
           descriptor->notifying;
}

static void deliver(struct descriptor *descriptor) {
    unsigned causes = descriptor->causes;
    descriptor->causes = 0;
    for (int direction = 0; direction < 2; direction++) {
        int cause = (int)(causes >> direction * CAUSE_BITS & CAUSE_MASK);
        if (cause)
            descriptor->user->registry->hooks->on_ready(descriptor, direction, cause);
    }
    if (is_referred(descriptor))
        descriptor_update(descriptor);
    else
        deferred_drop_add(descriptor->user->registry, descriptor->id);
}

/* Returns the causes of these engine events, for the directions that the token's entry watches. */
static unsigned causes_of(struct descriptor *descriptor, uint64_t token, unsigned events) {
    struct split_watch *split_watch = split_watch_find(descriptor);
    bool by_split_watch = split_watch_is_token(token);
    struct engine_watch *watch =
        by_split_watch ? split_watch ? &split_watch->watch : NULL : &descriptor->watch;
    unsigned causes = 0;
    if (!watch) /* the split watch was closed after the engine had collected this event */
        return 0;
    engine_watch_told(watch);
    for (int direction = 0; direction < 2; direction++)
        if (!split_watch || by_split_watch == (split_watch->direction == direction))
            causes |= (unsigned)cause_of(events, direction) << direction * CAUSE_BITS;
    return causes;
}

/* A pipe without readers has an error, on Linux. The error of a socket can be one that it goes on after. */
static bool has_hung_up(const struct descriptor *descriptor, unsigned events) {
    return events & ENGINE_HANG_UP || (events & ENGINE_ERROR && descriptor->type == INSPECT_PIPE);
}

void descriptor_on_ready(struct descriptor *descriptor, uint64_t token, unsigned events) {
    unsigned causes = causes_of(descriptor, token, events);
    if (extras_hang_up(descriptor->extras) && has_hung_up(descriptor, events)) {
        descriptor->user->registry->hooks->on_hang_up(descriptor->extras->hold);
        return;
    }
    if (!causes && !descriptor->causes)
        descriptor_update(descriptor);
    if (!causes)
        return;
    for (int direction = 0; direction < 2; direction++) {
        unsigned mask = (unsigned)CAUSE_MASK << direction * CAUSE_BITS;
        if ((causes & mask) > (descriptor->causes & mask))
            descriptor->causes = (uint8_t)((descriptor->causes & ~mask) | (causes & mask));
    }
    if (!descriptor->listed && !ready_list_put(descriptor, descriptor_catch_up))
        deliver(descriptor);
}

void descriptor_catch_up(struct descriptor *descriptor) {
    if (descriptor->causes)
        deliver(descriptor);
}

bool descriptor_is_passing(const struct descriptor *descriptor) {
    const struct pending_create *pending_creates = extras_pending_creates(descriptor->extras),
                                *pending_create;
    if (descriptor->notifying)
        return true;
    if (!pending_creates || descriptor->subscribed || descriptor->held)
        return false;
    DL_FOREACH (pending_creates, pending_create)
        if (!pending_create->ended)
            return false;
    return true;
}

void descriptor_tell_kept(struct descriptor *descriptor) {
    struct ring closes;
    if (descriptor_is_closing(descriptor) || descriptor_is_passing(descriptor))
        return;
    ring_init(&closes);
    extras_take_closes(descriptor->extras, &closes);
    extras_tell_closes(&closes);
}

static void on_closed(void *context) {
    struct descriptor *descriptor = context;
    struct registry *registry = descriptor->user->registry;
    struct ring closes;
    ring_init(&closes);
    extras_take_closes(descriptor->extras, &closes);
    fd_table_give(registry->env.fd_table, 1);
    struct hold *hold = extras_leave_hold(descriptor->extras);
    extras_free(registry, descriptor->extras);
    registry->hooks->on_closed(descriptor);
    if (hold)
        registry->hooks->on_copy_closed(hold);
    extras_tell_closes(&closes);
}

/* Runs once no other thread uses the fd. */
static void close_copy(struct descriptor *descriptor) {
    if (descriptor->jobs)
        return;
    if (extras_thread_watch(descriptor->extras)) {
        descriptor_begin_job(descriptor);
        closer_hurry(descriptor->user->registry->env.closer);
        thread_watch_close(descriptor->extras->thread_watch);
        return;
    }
    metrics_add(METRIC_CLOSES, 1);
    closer_close(descriptor->user->registry->env.closer, descriptor->fd, descriptor->user->uid, on_closed,
                 descriptor);
}

void descriptor_drop(struct descriptor *descriptor) {
    const struct registry *registry = descriptor->user->registry;
    if (!extras_thread_watch(descriptor->extras))
        engine_disarm(registry->env.engine, &descriptor->watch, descriptor->fd);
    split_watch_close(descriptor);
    registry->hooks->on_dropped(descriptor);
    descriptor->state = DESCRIPTOR_CLOSING;
    close_copy(descriptor);
}

void descriptor_told(struct descriptor *descriptor) {
    descriptor->notifying--;
    descriptor_update(descriptor);
    if (!descriptor_is_closing(descriptor))
        descriptor_tell_kept(descriptor);
}

void descriptor_end_job(struct descriptor *descriptor) {
    descriptor->jobs--;
    if (descriptor_is_closing(descriptor))
        close_copy(descriptor);
}

/* The poller thread has armed the watch, or failed to. */
static void on_armed(struct descriptor *descriptor, int result) {
    bool closing = descriptor_is_closing(descriptor);
    descriptor_end_job(descriptor); /* frees the thread watch if the descriptor is closing */
    if (closing)
        return;
    if (result == ENGINE_E_UNSUPPORTED) {
        set_unwatched(descriptor);
        descriptor_on_ready(descriptor, descriptor->id, ENGINE_READ | ENGINE_WRITE);
    } else if (result) {
        engine_watch_note(&descriptor->watch, 0, false);
        fail_to_watch(descriptor, result);
    } else if (descriptor->extras->thread_watch->again) {
        arm_thread_watch(descriptor, false);
    }
}

void descriptor_abandon(struct descriptor *descriptor) {
    if (!descriptor->user->registry->held_up)
        free(extras_thread_watch(descriptor->extras));
    on_closed(descriptor);
}

void descriptor_update(struct descriptor *descriptor) {
    if (is_referred(descriptor))
        (void)descriptor_rearm(descriptor);
    else if (!descriptor_is_closing(descriptor))
        descriptor_drop(descriptor);
}
