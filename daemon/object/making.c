/* making.c: the list of what is being made of a descriptor. */
#include "making.h"

#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "indicator.h"
#include "inspect.h"
#include "proto/container.h"
#include "utlist.h"

#include <stddef.h>

static void on_tried(struct guard_try *try) {
    struct making *making = CONTAINER_OF(try, struct making, try);
    struct descriptor *descriptor = bound_descriptor(making->binding);
    DL_DELETE(descriptor->extras->makings, making);
    descriptor_end_job(descriptor);
    making->done(making);
    descriptor_tell_kept(descriptor);
}

static void on_dropped(struct guard_try *try) {
    struct making *making = CONTAINER_OF(try, struct making, try);
    DL_DELETE(bound_descriptor(making->binding)->extras->makings, making);
    making->done(making);
}

/* What an epoll descriptor leads to shows when it is put into another one; all else can have an event. */
bool making_is_needed(const struct binding *binding, enum object_kind kind, int direction) {
    const struct descriptor *descriptor = bound_descriptor(binding);
    if (!extras_guard(descriptor->extras))
        return false;
    if (kind == OBJECT_SEMAPHORE)
        return !indicator_find(binding, kind, direction);
    return kind == OBJECT_EVT && descriptor->type == INSPECT_EPOLL &&
           !indicator_find(binding, kind, direction);
}

void making_start(struct making *making, struct binding *binding) {
    struct descriptor *descriptor = bound_descriptor(binding);
    unsigned interest = making->direction == DIRECTION_READ ? ENGINE_READ : ENGINE_WRITE;
    bool edge = false;
    making->binding = binding;
    making->try.done = on_tried;
    making->try.drop = on_dropped;
    DL_APPEND(descriptor->extras->makings, making);
    descriptor_begin_job(descriptor);
    interest |= descriptor_needs(descriptor, &edge);
    guard_try(descriptor->extras->guard, &making->try, interest, edge);
}

void making_end_all(struct descriptor *descriptor, enum object_kind kind, int cause) {
    struct making *making;
    DL_FOREACH (extras_makings(descriptor->extras), making)
        if (making->kind == kind && !making->ended)
            making->ended = (uint8_t)cause;
}
