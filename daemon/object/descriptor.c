/* descriptor.c: from the moment that a copy is made to the moment that it is closed. */
#include "descriptor.h"

#include "apart.h"
#include "cause.h"
#include "daemon/access/refusal.h"
#include "daemon/access/slots.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/loop/closer.h"
#include "direction.h"
#include "extras.h"
#include "fading.h"
#include "guard.h"
#include "hooks.h"
#include "making.h"
#include "news.h"
#include "registry.h"
#include "utlist.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CAUSE_BITS = 4, CAUSE_MASK = 15 }; /* those that the engine's bits mean */

static void on_armed(struct descriptor *descriptor, int result);
static void on_unguarded(struct descriptor *descriptor) { descriptor_end_job(descriptor); }
static const struct guard_events guard_events = {on_armed, on_unguarded};

int descriptor_init(struct descriptor *descriptor, uint64_t id, struct user *user, os_fd fd,
                    enum inspect_type type, struct refusal *refusal) {
    descriptor->id = id;
    descriptor->user = user;
    descriptor->fd = fd;
    descriptor->type = (uint8_t)type;
    descriptor->unwatched =
        inspect_may_be_unwatchable(type) && !engine_can_watch(descriptor->user->registry->env.engine, fd);
    if (descriptor->unwatched || !inspect_is_guarded(fd, type) ||
        !guard_open(descriptor, &guard_events, refusal))
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

/* Each direction by an entry of its own (apart.h). */
static bool arm_apart(struct descriptor *descriptor, const unsigned needs[2], unsigned extra, int *error) {
    struct apart_need apart[2] = {{0}};
    if (!descriptor->apart && (extras_guard(descriptor->extras) || !((needs[0] | needs[1]) & NEED_APART)))
        return false;
    for (int direction = 0; direction < 2; direction++) {
        apart[direction].ones = needs[direction] & NEED_APART;
        apart[direction].edge = needs[direction] & NEED_EDGE;
        apart[direction].interest = (needs[direction] & NEED_WATCH ? direction_interest(direction) : 0u) |
                                    (extra & direction_interest(direction));
    }
    return apart_arm(descriptor, apart, error);
}

static void arm_guard(struct descriptor *descriptor) {
    if (guard_arm(descriptor->extras->guard))
        descriptor_begin_job(descriptor);
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
    if (arm_apart(descriptor, needs, extra, &error))
        return error;
    interest = extra | interest_of(needs, &edge);
    /* A one-shot watch that nobody needs tells once at most and is then silent; one by edges would go on. */
    if (!interest && !engine_watch_is_edge(watch))
        return 0;
    armed = engine_watch_interest(watch);
    if (interest && engine_watch_is_edge(watch) == edge && (edge ? interest == armed : !(interest & ~armed)))
        return 0;
    if (extras_guard(descriptor->extras)) {
        engine_watch_note(watch, interest, edge);
        arm_guard(descriptor);
        return 0;
    }
    if (interest)
        return engine_arm(descriptor->user->registry->env.engine, watch, descriptor->fd, interest, edge,
                          descriptor->id);
    engine_disarm(descriptor->user->registry->env.engine, watch, descriptor->fd);
    return 0;
}

int descriptor_rearm(struct descriptor *descriptor) {
    int error = descriptor_arm(descriptor, 0);
    if (error == ENGINE_E_UNSUPPORTED) {
        descriptor_set_unwatched(descriptor);
        return 0;
    }
    if (error)
        descriptor_fail(descriptor, error);
    return error;
}

void descriptor_retell(struct descriptor *descriptor) {
    engine_watch_doubt(&descriptor->watch);
    (void)descriptor_rearm(descriptor);
}

/* Whoever subscribes to either direction. */
static void tell(struct descriptor *descriptor, int cause) {
    for (int direction = 0; direction < 2; direction++)
        descriptor->user->registry->hooks->on_ready(descriptor, direction, cause);
}

void descriptor_fail(struct descriptor *descriptor, int error) {
    log_write_about(LOG_TOPIC_DESCRIPTOR, LOG_NOBODY,
                    error < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, /* a cycle is a client's doing */
                    "cannot watch a descriptor, its waiters are woken; id=%" PRIu64 " error=%d",
                    descriptor->id, error);
    tell(descriptor, CAUSE_RESYNC);
    fading_add(descriptor->user->registry, descriptor->id);
}

void descriptor_set_unwatched(struct descriptor *descriptor) {
    descriptor->unwatched = true;
    tell(descriptor, CAUSE_READY);
    fading_add(descriptor->user->registry, descriptor->id);
}

static bool is_referred(const struct descriptor *descriptor) {
    if (descriptor_is_closing(descriptor))
        return false;
    return descriptor->subscribed || extras_makings(descriptor->extras) || descriptor->telling;
}

static void act(struct descriptor *descriptor) {
    unsigned causes = descriptor->news;
    descriptor->news = 0;
    for (int direction = 0; direction < 2; direction++) {
        int cause = (int)(causes >> direction * CAUSE_BITS & CAUSE_MASK);
        if (cause)
            descriptor->user->registry->hooks->on_ready(descriptor, direction, cause);
    }
    if (is_referred(descriptor))
        descriptor_settle(descriptor);
    else
        fading_add(descriptor->user->registry, descriptor->id);
}

/* Of the causes that the engine's bits mean for the directions that the entry is for. */
static unsigned causes_of(struct descriptor *descriptor, uint64_t token, unsigned events) {
    struct apart *apart = apart_find(descriptor);
    bool by_apart = apart_is_token(token);
    struct engine_watch *watch = by_apart ? apart ? &apart->watch : NULL : &descriptor->watch;
    unsigned causes = 0;
    if (!watch) /* it was closed while its answer was under way */
        return 0;
    engine_watch_told(watch);
    for (int direction = 0; direction < 2; direction++)
        if (!apart || by_apart == (apart->direction == direction))
            causes |= (unsigned)cause_of(events, direction) << direction * CAUSE_BITS;
    return causes;
}

void descriptor_on_ready(struct descriptor *descriptor, uint64_t token, unsigned events) {
    unsigned causes = causes_of(descriptor, token, events);
    if (!causes && !descriptor->news)
        descriptor_settle(descriptor);
    if (!causes)
        return;
    for (int direction = 0; direction < 2; direction++) {
        unsigned mask = (unsigned)CAUSE_MASK << direction * CAUSE_BITS;
        if ((causes & mask) > (descriptor->news & mask))
            descriptor->news = (uint8_t)((descriptor->news & ~mask) | (causes & mask));
    }
    if (!descriptor->noted && !news_put(descriptor, descriptor_catch_up))
        act(descriptor);
}

void descriptor_catch_up(struct descriptor *descriptor) {
    if (descriptor->news)
        act(descriptor);
}

bool descriptor_is_passing(const struct descriptor *descriptor) {
    const struct making *makings = extras_makings(descriptor->extras), *making;
    if (descriptor->telling)
        return true;
    if (!makings || descriptor->subscribed)
        return false;
    DL_FOREACH (makings, making)
        if (!making->ended)
            return false;
    return true;
}

void descriptor_tell_kept(struct descriptor *descriptor) {
    if (!descriptor_is_closing(descriptor) && !descriptor_is_passing(descriptor))
        extras_tell_closes(extras_take_closes(descriptor->extras));
}

static void on_closed(void *context) {
    struct descriptor *descriptor = context;
    struct registry *registry = descriptor->user->registry;
    struct descriptor_close *close = extras_take_closes(descriptor->extras);
    slots_give(registry->env.slots, 1);
    extras_free(registry, descriptor->extras);
    registry->hooks->on_closed(descriptor);
    extras_tell_closes(close);
}

/* Behind everybody who has the copy in his hands. */
static void close_copy(struct descriptor *descriptor) {
    if (descriptor->jobs)
        return;
    if (extras_guard(descriptor->extras)) {
        descriptor_begin_job(descriptor);
        guard_close(descriptor->extras->guard);
        return;
    }
    metrics_add(METRIC_CLOSES_WORKER, 1);
    closer_close(descriptor->user->registry->env.closer, descriptor->fd, descriptor->user->uid, on_closed,
                 descriptor);
}

void descriptor_drop(struct descriptor *descriptor) {
    const struct registry *registry = descriptor->user->registry;
    if (!extras_guard(descriptor->extras))
        engine_disarm(registry->env.engine, &descriptor->watch, descriptor->fd);
    apart_close(descriptor);
    registry->hooks->on_dropped(descriptor);
    descriptor->state = DESCRIPTOR_CLOSING;
    close_copy(descriptor);
}

void descriptor_told(struct descriptor *descriptor) {
    descriptor->telling--;
    descriptor_settle(descriptor);
    if (!descriptor_is_closing(descriptor))
        descriptor_tell_kept(descriptor);
}

void descriptor_end_job(struct descriptor *descriptor) {
    descriptor->jobs--;
    if (descriptor_is_closing(descriptor))
        close_copy(descriptor);
}

/* The sentry has armed it, or could not. */
static void on_armed(struct descriptor *descriptor, int result) {
    bool closing = descriptor_is_closing(descriptor);
    descriptor_end_job(descriptor); /* which frees the guard of one that is closing */
    if (closing)
        return;
    if (result == ENGINE_E_UNSUPPORTED) {
        descriptor_set_unwatched(descriptor);
        descriptor_on_ready(descriptor, descriptor->id, ENGINE_READ | ENGINE_WRITE);
    } else if (result) {
        engine_watch_note(&descriptor->watch, 0, false);
        descriptor_fail(descriptor, result);
    } else if (descriptor->extras->guard->again) {
        arm_guard(descriptor);
    }
}

void descriptor_abandon(struct descriptor *descriptor) {
    if (!descriptor->user->registry->held_up)
        free(extras_guard(descriptor->extras));
    on_closed(descriptor);
}

void descriptor_settle(struct descriptor *descriptor) {
    if (is_referred(descriptor))
        (void)descriptor_rearm(descriptor);
    else if (!descriptor_is_closing(descriptor))
        descriptor_drop(descriptor);
}
