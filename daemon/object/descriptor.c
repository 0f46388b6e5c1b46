/* descriptor.c: from the moment that a copy is accepted to the moment that it is closed. */
#include "descriptor.h"

#include "apart.h"
#include "daemon/access/kept.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "guard.h"
#include "hooks.h"
#include "making.h"
#include "news.h"
#include "notice.h"
#include "utlist.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CAUSE_BITS = 4, CAUSE_MASK = 15 }; /* those that the engine's bits mean */

struct descriptor *descriptor_find(const struct belongings *belongings, uint64_t key) {
    return table_find(&belongings->numbers, key);
}

static void descriptor_free(struct registry *registry, struct descriptor *descriptor) {
    extras_free(registry, descriptor->extras);
    slab_give(&registry->descriptors, descriptor);
}

static void put_number(struct belongings *belongings, struct descriptor *descriptor) {
    table_add(&belongings->numbers, descriptor);
    numbering_ref(&belongings->numberings, number_place(descriptor->key));
}

static void take_number(struct belongings *belongings, struct descriptor *descriptor) {
    table_remove(&belongings->numbers, descriptor);
    numbering_unref(&belongings->numberings, number_place(descriptor->key));
}

/* Why a type is refused; any other that is may be what it likes. */
static const struct {
    const char *hint, *text;
} reasons[INSPECT_TYPES] = {
    [INSPECT_PATH] = {"open the file without O_PATH",
                      "a descriptor opened with O_PATH can be neither read nor watched"},
    [INSPECT_SIGNALFD] = {"wait for signals in the process they are sent to",
                          "a signalfd reports the signals of the process that polls it, here the broker"},
    [INSPECT_FANOTIFY] = {"read from it in the process that made it",
                          "reading from a fanotify group opens descriptors in the reading process"},
    [INSPECT_USERFAULTFD] = {"read from it in the process that made it",
                             "reading from a userfaultfd opens descriptors in the reading process"},
    [INSPECT_IO_URING] = {"pass the descriptors it works on instead",
                          "an io_uring keeps everything registered with it open"},
};

static int check(enum inspect_type type, os_fd fd, bool socket, struct refusal *refusal) {
    if (type == INSPECT_UNKNOWN)
        return refusal_set(refusal, REFUSAL_UNSUPPORTED, "number",
                           "try again; the broker needs a mounted /proc",
                           "cannot determine the descriptor's type");
    if (inspect_is_refused(type))
        return refusal_set(refusal, REFUSAL_INVALID, "number", reasons[type].hint, "%s", reasons[type].text);
    if (socket && !inspect_is_socket(type))
        return refusal_set(refusal, REFUSAL_INVALID, "number", "use the call for file descriptors",
                           "not a socket but of type %s", inspect_name(type));
    if (inspect_is_socket(type) && inspect_is_own(fd))
        return refusal_set(refusal, REFUSAL_INVALID, "number", NULL,
                           "the descriptor is a connection to this broker");
    return 0;
}

static void on_armed(struct descriptor *descriptor, int result);
static void on_unguarded(struct descriptor *descriptor) { descriptor_end_job(descriptor); }
static const struct guard_events guard_events = {on_armed, on_unguarded};

static struct descriptor *descriptor_new(struct belongings *belongings, uint64_t key, os_fd fd,
                                         enum inspect_type type, struct refusal *refusal) {
    struct registry *registry = belongings->registry;
    struct descriptor *descriptor;
    if (registry_reserve(belongings, OBJECT_DESCRIPTOR, refusal))
        return NULL;
    descriptor = table_reserve(&belongings->numbers) ? NULL : slab_take(&registry->descriptors);
    if (!descriptor) {
        registry_cancel(belongings, OBJECT_DESCRIPTOR);
        refusal_memory(refusal);
        return NULL;
    }
    registry_add(registry, &descriptor->object, OBJECT_DESCRIPTOR, belongings);
    descriptor->key = key;
    descriptor->fd = fd;
    descriptor->type = (uint8_t)type;
    descriptor->unwatched = inspect_may_be_unwatchable(type) && !engine_can_watch(registry->engine, fd);
    if (descriptor->unwatched || !inspect_is_guarded(fd, type) ||
        !guard_open(descriptor, &guard_events, refusal)) {
        notice_made(&descriptor->object);
        return descriptor;
    }
    registry_forget(registry, &descriptor->object);
    belongings_remove(&descriptor->object);
    descriptor_free(registry, descriptor);
    return NULL;
}

/* The number means another open file from now on. True if that ended something. */
static bool replace(struct belongings *belongings, struct descriptor *old) {
    take_number(belongings, old);
    if (old->closing)
        return false;
    descriptor_registry(old)->hooks->on_replaced(old);
    return true;
}

int descriptor_claim(struct belongings *belongings, uint64_t key, os_fd fd, bool socket, unsigned objects,
                     struct descriptor_claim *claim, struct refusal *refusal) {
    struct descriptor *old = descriptor_find(belongings, key);
    bool same = old && !old->closing && inspect_same(old->fd, fd);
    enum inspect_type type = same ? (enum inspect_type)old->type : inspect_type_of(fd);
    *claim = (struct descriptor_claim){.descriptor = old, .type = type, .same = same};
    if (check(type, fd, socket, refusal))
        return -1;
    if (same)
        return 0;
    if (account_check(&belongings->account, USER_OBJECTS, objects, refusal))
        return -1;
    claim->descriptor = descriptor_new(belongings, key, fd, type, refusal);
    if (!claim->descriptor)
        return -1;
    claim->kept = true;
    claim->replaced = old && replace(belongings, old);
    put_number(belongings, claim->descriptor);
    return 0;
}

static void ask_needs(const struct descriptor *descriptor, unsigned needs[2]) {
    descriptor_registry(descriptor)->hooks->on_needs(descriptor, needs);
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
        return engine_arm(descriptor_registry(descriptor)->engine, watch, descriptor->fd, interest, edge,
                          descriptor->object.id);
    engine_disarm(descriptor_registry(descriptor)->engine, watch, descriptor->fd);
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
        descriptor_registry(descriptor)->hooks->on_ready(descriptor, direction, cause);
}

void descriptor_fail(struct descriptor *descriptor, int error) {
    log_write_about(LOG_TOPIC_DESCRIPTOR, LOG_NOBODY,
                    error < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, /* a cycle is a client's doing */
                    "cannot watch a descriptor, its waiters are woken; id=%" PRIu64 " error=%d",
                    descriptor->object.id, error);
    tell(descriptor, CAUSE_RESYNC);
    fading_add(descriptor_registry(descriptor), descriptor->object.id);
}

void descriptor_set_unwatched(struct descriptor *descriptor) {
    descriptor->unwatched = true;
    tell(descriptor, CAUSE_READY);
}

/* By an object that there is; not of one that is owned by nobody. */
static bool is_subscribed(const struct descriptor *descriptor) {
    return descriptor->semaphores[0] || descriptor->semaphores[1] || descriptor->evts[0] ||
           descriptor->evts[1] || extras_wraps(descriptor->extras);
}

static bool is_referred(const struct descriptor *descriptor) {
    if (descriptor->closing)
        return false;
    return is_subscribed(descriptor) || extras_makings(descriptor->extras) || descriptor->telling;
}

static void act(struct descriptor *descriptor) {
    unsigned causes = descriptor->news;
    descriptor->news = 0;
    for (int direction = 0; direction < 2; direction++) {
        int cause = (int)(causes >> direction * CAUSE_BITS & CAUSE_MASK);
        if (cause)
            descriptor_registry(descriptor)->hooks->on_ready(descriptor, direction, cause);
    }
    if (is_referred(descriptor))
        descriptor_settle(descriptor);
    else
        fading_add(descriptor_registry(descriptor), descriptor->object.id);
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
    if (!makings || is_subscribed(descriptor))
        return false;
    DL_FOREACH (makings, making)
        if (!making->ended)
            return false;
    return true;
}

void descriptor_tell_kept(struct descriptor *descriptor) {
    if (!descriptor->closing && !descriptor_is_passing(descriptor))
        extras_tell_closes(extras_take_closes(descriptor->extras));
}

static void on_closed(void *context) {
    struct descriptor *descriptor = context;
    struct registry *registry = descriptor_registry(descriptor);
    struct belongings *owner = descriptor->object.owner;
    struct descriptor_close *close = extras_take_closes(descriptor->extras);
    notice_closed(descriptor);
    slots_give(registry->slots, 1);
    if (owner) {
        if (descriptor_find(owner, descriptor->key) == descriptor)
            take_number(owner, descriptor);
        belongings_remove(&descriptor->object);
    } else {
        struct object *object = &descriptor->object;
        kept_uncharge(descriptor->left.user, NULL, 1);
        DL_DELETE(registry->leaving, object);
        user_unref(descriptor->left.user);
    }
    descriptor_free(registry, descriptor);
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
    closer_close(descriptor_registry(descriptor)->closer, descriptor->fd, descriptor_user(descriptor)->uid,
                 on_closed, descriptor);
}

static void drop(struct descriptor *descriptor) {
    struct registry *registry = descriptor_registry(descriptor);
    if (!extras_guard(descriptor->extras))
        engine_disarm(registry->engine, &descriptor->watch, descriptor->fd);
    apart_close(descriptor);
    registry->hooks->on_dropped(descriptor);
    registry_forget(registry, &descriptor->object);
    descriptor->closing = true;
    close_copy(descriptor);
}

void descriptor_told(struct descriptor *descriptor) {
    descriptor->telling--;
    descriptor_settle(descriptor);
    if (!descriptor->closing)
        descriptor_tell_kept(descriptor);
}

void descriptor_end_job(struct descriptor *descriptor) {
    descriptor->jobs--;
    if (descriptor->closing)
        close_copy(descriptor);
}

/* The sentry has armed it, or could not. */
static void on_armed(struct descriptor *descriptor, int result) {
    bool closing = descriptor->closing;
    descriptor_end_job(descriptor); /* which frees the guard of one that is closing */
    if (closing)
        return;
    if (result == ENGINE_E_UNSUPPORTED) {
        descriptor_set_unwatched(descriptor);
        descriptor_on_ready(descriptor, descriptor->object.id, ENGINE_READ | ENGINE_WRITE);
    } else if (result) {
        engine_watch_note(&descriptor->watch, 0, false);
        descriptor_fail(descriptor, result);
    } else if (descriptor->extras->guard->again) {
        arm_guard(descriptor);
    }
}

void descriptor_abandon(struct descriptor *descriptor) {
    if (!descriptor_registry(descriptor)->held_up)
        free(extras_guard(descriptor->extras));
    on_closed(descriptor);
}

void descriptor_settle(struct descriptor *descriptor) {
    if (is_referred(descriptor))
        (void)descriptor_rearm(descriptor);
    else if (!descriptor->closing)
        drop(descriptor);
}

void descriptor_leave(struct descriptor *descriptor) {
    struct belongings *owner = descriptor->object.owner;
    struct registry *registry = owner->registry;
    if (!descriptor->closing)
        drop(descriptor);
    struct object *object = &descriptor->object;
    if (descriptor_find(owner, descriptor->key) == descriptor) /* others that are closed later look there */
        take_number(owner, descriptor);
    belongings_leave(object);
    descriptor->left.registry = registry;
    descriptor->left.user = user_ref(registry->users, owner->account.user->uid); /* which is there */
    DL_APPEND(registry->leaving, object);
}
