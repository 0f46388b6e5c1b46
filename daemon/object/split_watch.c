/* split_watch.c: the second fd is closed before the first, in the order of the uid's closes. So it never is the last copy, and no socket queue or pipe
 * is released with it. */
#include "split_watch.h"

#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/loop.h"
#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "registry.h"

#include <stdlib.h>

enum { KIND_SPLIT = 6 /* no object has this kind; see registry.h */, KIND_MASK = LOOP_TOKEN_MASK };
_Static_assert((int)KIND_SPLIT > (int)OBJECT_SESSION && KIND_SPLIT <= KIND_MASK,
               "it would be another one's token");

static uint64_t split_token(uint64_t id) { return (id & ~(uint64_t)KIND_MASK) | KIND_SPLIT; }

bool split_watch_is_token(uint64_t token) { return (token & KIND_MASK) == KIND_SPLIT; }

uint64_t split_watch_id(uint64_t token) {
    return split_watch_is_token(token) ? (token & ~(uint64_t)KIND_MASK) | OBJECT_DESCRIPTOR : token;
}

struct split_watch *split_watch_find(const struct descriptor *descriptor) {
    return descriptor->split_watch ? table_find(&descriptor->user->registry->split_watches, descriptor->id)
                                   : NULL;
}

static void on_closed(void *context) {
    struct split_watch *split_watch = context;
    kept_release(&split_watch->kept);
    free(split_watch);
}

static bool may_have_one(const struct descriptor *descriptor) {
    return !extras_thread_watch(descriptor->extras) && limit_may_keep(descriptor->user, 1, 1) &&
           user_left(descriptor->user, USER_DESCRIPTORS) > 0;
}

static struct split_watch *split_watch_open(struct descriptor *descriptor, int direction) {
    struct registry *registry = descriptor->user->registry;
    struct refusal refusal; /* ignored: may_have_one has checked the limits */
    struct split_watch *split_watch;
    if (!may_have_one(descriptor) || table_reserve(&registry->split_watches))
        return NULL;
    split_watch = malloc(sizeof *split_watch);
    if (!split_watch)
        return NULL;
    *split_watch = (struct split_watch){.id = descriptor->id, .direction = (uint8_t)direction};
    if (kept_take(&split_watch->kept, descriptor->user, NULL, 1, &refusal)) {
        free(split_watch);
        return NULL;
    }
    split_watch->fd = os_dup(descriptor->fd);
    if (split_watch->fd == OS_FD_NONE) {
        on_closed(split_watch);
        return NULL;
    }
    (void)table_add(&registry->split_watches, split_watch);
    descriptor->split_watch = true;
    return split_watch;
}

/* Once a close is under way it does not belong to the descriptor any more, which may go before it or have another. */
void split_watch_close(struct descriptor *descriptor) {
    struct split_watch *split_watch = split_watch_find(descriptor);
    if (!split_watch)
        return;
    engine_disarm(descriptor->user->registry->env.engine, &split_watch->watch, split_watch->fd);
    table_remove(&descriptor->user->registry->split_watches, split_watch);
    descriptor->split_watch = false;
    closer_close(descriptor->user->registry->env.closer, split_watch->fd, descriptor->user->uid, on_closed,
                 split_watch);
}

/* Arms or disarms one entry, for one direction. */
static int arm(struct engine *engine, struct engine_watch *watch, os_fd fd, unsigned interest, bool edge,
               uint64_t token) {
    if (!interest && engine_watch_is_edge(watch))
        engine_disarm(engine, watch, fd);
    if (!interest || (engine_watch_is_edge(watch) == edge && engine_watch_interest(watch) == interest))
        return 0;
    return engine_arm(engine, watch, fd, interest, edge, token);
}

/* Returns the direction that moves to the second fd: not one that is edge-triggered already. */
static int leaving_direction(const struct descriptor *descriptor, const struct split_watch_need needs[2]) {
    const struct engine_watch *watch = &descriptor->watch;
    for (int direction = 0; direction < 2; direction++)
        if (engine_watch_is_edge(watch) && engine_watch_interest(watch) == direction_interest(direction))
            return !direction;
    return needs[DIRECTION_READ].ones ? DIRECTION_WRITE : DIRECTION_READ;
}

bool split_watch_arm(struct descriptor *descriptor, const struct split_watch_need needs[2], int *error) {
    struct engine *engine = descriptor->user->registry->env.engine;
    const struct split_watch_need *own, *other;
    struct split_watch *split_watch;
    if (!needs[0].ones && !needs[1].ones) {
        split_watch_close(descriptor);
        return false;
    }
    if (!descriptor->split_watch && !(needs[0].interest && needs[1].interest))
        return false;
    split_watch = descriptor->split_watch
                      ? split_watch_find(descriptor)
                      : split_watch_open(descriptor, leaving_direction(descriptor, needs));
    if (!split_watch)
        return false;
    own = &needs[!split_watch->direction];
    other = &needs[split_watch->direction];
    *error = arm(engine, &descriptor->watch, descriptor->fd, own->interest, own->edge, descriptor->id);
    if (*error || !arm(engine, &split_watch->watch, split_watch->fd, other->interest, other->edge,
                       split_token(descriptor->id)))
        return true;
    split_watch_close(descriptor);
    return false;
}
