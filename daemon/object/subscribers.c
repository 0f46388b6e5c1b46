/* subscribers.c: notifies and ends subscribers. Semaphores are found through the binding, waits and transfers
 * through the queues. */
#include "subscribers.h"

#include "cause.h"
#include "daemon/access/user.h"
#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "hooks.h"
#include "pending_create.h"
#include "registry.h"
#include "session_objects.h"
#include "spool.h"
#include "waitable.h"
#include "waitqueue.h"

void subscribers_need(const struct descriptor *descriptor, unsigned needs[2]) {
    const struct waitable *waitable = bound_binding(descriptor)->waitables;
    needs[0] = needs[1] = 0;
    for (; waitable; waitable = waitable->sibling)
        if (waitable_is_semaphore(waitable))
            needs[waitable->direction] = NEED_WATCH;
    for (const struct waitqueue *queue = descriptor->queues; queue; queue = queue->next) {
        bool edge = false;
        if (waitqueue_needs(queue, &edge))
            needs[queue->direction] |= NEED_WATCH;
        if (edge)
            needs[queue->direction] |= NEED_EDGE;
        if (waitqueue_has_ones(queue))
            needs[queue->direction] |= NEED_SPLIT;
    }
    if (spool_needs(extras_spool(descriptor->extras)))
        needs[DIRECTION_READ] |= NEED_WATCH;
}

void subscribers_ready(struct descriptor *descriptor, int direction, int cause) {
    struct waitable *semaphore = waitable_find(bound_binding(descriptor), OBJECT_SEMAPHORE, direction);
    struct waitqueue *queue;
    if (semaphore)
        waitable_end(semaphore, cause);
    queue = waitqueue_find(descriptor, direction);
    if (queue)
        waitqueue_tell(queue, cause);
    if (direction == DIRECTION_READ && extras_spool(descriptor->extras))
        spool_ready(extras_spool(descriptor->extras));
}

void subscribers_dropped(struct descriptor *descriptor) {
    while (descriptor->queues)
        waitqueue_free(descriptor->queues);
    registry_forget(descriptor->user->registry, &bound_binding(descriptor)->object);
}

void subscribers_replaced(struct binding *binding) {
    subscribers_end(binding, OBJECT_SEMAPHORE, OBJECT_EVT, CAUSE_REPLACED);
}

static void end_one(const struct binding *binding, enum object_kind kind, int direction, uint64_t n,
                    int cause) {
    struct waitable *waitable = waitable_find(binding, kind, direction);
    if (waitable && registry_number(binding->object.owner->registry, waitable->object.id) < n)
        waitable_end(waitable, cause);
}

void subscribers_end(struct binding *binding, enum object_kind kind, enum object_kind other, int cause) {
    struct descriptor *descriptor = bound_descriptor(binding);
    descriptor_catch_up(
        descriptor); /* a semaphore that should have fired before must not end with another cause */
    pending_create_end_all(descriptor, kind, cause);
    pending_create_end_all(descriptor, other, cause);
    for (int direction = 0; direction < 2; direction++) {
        end_one(binding, kind, direction, UINT64_MAX, cause);
        end_one(binding, other, direction, UINT64_MAX, cause);
    }
    descriptor_update(descriptor);
}

void subscribers_end_first(struct binding *binding, enum object_kind kind, uint64_t n, int cause) {
    struct descriptor *descriptor = bound_descriptor(binding);
    descriptor_catch_up(descriptor);
    for (int direction = 0; direction < 2; direction++)
        end_one(binding, kind, direction, n, cause);
    descriptor_update(descriptor);
}
