/* pending_create.c: the list of a descriptor's pending creates. */
#include "pending_create.h"

#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "inspect.h"
#include "proto/container.h"
#include "utlist.h"
#include "waitable.h"

#include <stddef.h>

static void on_tried(struct thread_watch_try *try) {
    struct pending_create *pending_create = CONTAINER_OF(try, struct pending_create, try);
    struct descriptor *descriptor = bound_descriptor(pending_create->binding);
    DL_DELETE(descriptor->extras->pending_creates, pending_create);
    descriptor_end_job(descriptor);
    pending_create->done(pending_create);
    descriptor_tell_kept(descriptor);
}

static void on_dropped(struct thread_watch_try *try) {
    struct pending_create *pending_create = CONTAINER_OF(try, struct pending_create, try);
    DL_DELETE(bound_descriptor(pending_create->binding)->extras->pending_creates, pending_create);
    pending_create->done(pending_create);
}

/* Only nesting an epoll descriptor in another one shows whether it leads to a cycle. Any other descriptor can
 * have an event. */
bool pending_create_is_needed(const struct binding *binding, enum object_kind kind, int direction) {
    const struct descriptor *descriptor = bound_descriptor(binding);
    if (!extras_thread_watch(descriptor->extras) ||
        !inspect_tells_ready((enum inspect_type)descriptor->type, direction == DIRECTION_WRITE))
        return false;
    if (kind == OBJECT_SEMAPHORE)
        return !waitable_find(binding, kind, direction);
    return kind == OBJECT_EVT && descriptor->type == INSPECT_EPOLL &&
           !waitable_find(binding, kind, direction);
}

void pending_create_start(struct pending_create *pending_create, struct binding *binding) {
    struct descriptor *descriptor = bound_descriptor(binding);
    unsigned interest = pending_create->direction == DIRECTION_READ ? ENGINE_READ : ENGINE_WRITE;
    bool edge = false;
    pending_create->binding = binding;
    pending_create->try.done = on_tried;
    pending_create->try.drop = on_dropped;
    DL_APPEND(descriptor->extras->pending_creates, pending_create);
    descriptor_begin_job(descriptor);
    interest |= descriptor_needs(descriptor, &edge);
    thread_watch_try(descriptor->extras->thread_watch, &pending_create->try, interest, edge);
}

void pending_create_end_all(struct descriptor *descriptor, enum object_kind kind, int cause) {
    struct pending_create *pending_create;
    DL_FOREACH (extras_pending_creates(descriptor->extras), pending_create)
        if (pending_create->kind == kind && !pending_create->ended)
            pending_create->ended = (uint8_t)cause;
}
