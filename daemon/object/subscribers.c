/* subscribers.c: telling them, and ending them: semaphores by way of the binding, waits and transfers by way of the queues. */
#include "subscribers.h"

#include "cause.h"
#include "daemon/access/user.h"
#include "descriptor.h"
#include "hooks.h"
#include "indicator.h"
#include "making.h"
#include "registry.h"
#include "waitqueue.h"

void subscribers_need(const struct descriptor *descriptor, unsigned needs[2]) {
    const struct indicator *indicator = bound_binding(descriptor)->indicators;
    needs[0] = needs[1] = 0;
    for (; indicator; indicator = indicator->sibling)
        if (indicator_is_semaphore(indicator))
            needs[indicator->direction] = NEED_WATCH;
    for (const struct waitqueue *queue = descriptor->queues; queue; queue = queue->next) {
        bool edge = false;
        if (waitqueue_needs(queue, &edge))
            needs[queue->direction] |= NEED_WATCH;
        if (edge)
            needs[queue->direction] |= NEED_EDGE;
        if (waitqueue_has_ones(queue))
            needs[queue->direction] |= NEED_APART;
    }
}

void subscribers_ready(struct descriptor *descriptor, int direction, int cause) {
    struct indicator *semaphore = indicator_find(bound_binding(descriptor), OBJECT_SEMAPHORE, direction);
    struct waitqueue *queue;
    if (semaphore)
        indicator_end(semaphore, cause);
    queue = waitqueue_find(descriptor, direction);
    if (queue)
        waitqueue_tell(queue, cause);
}

void subscribers_dropped(struct descriptor *descriptor) {
    while (descriptor->queues)
        waitqueue_free(descriptor->queues);
    registry_forget(descriptor->user->registry, &bound_binding(descriptor)->object);
}

void subscribers_replaced(struct binding *binding) {
    subscribers_end(binding, OBJECT_SEMAPHORE, OBJECT_EVT, CAUSE_REPLACED);
}

static void end_one(const struct binding *binding, enum object_kind kind, int direction, int cause) {
    struct indicator *indicator = indicator_find(binding, kind, direction);
    if (indicator)
        indicator_end(indicator, cause);
}

void subscribers_end(struct binding *binding, enum object_kind kind, enum object_kind other, int cause) {
    struct descriptor *descriptor = bound_descriptor(binding);
    descriptor_catch_up(descriptor); /* what has fired before has not ended otherwise */
    making_end_all(descriptor, kind, cause);
    making_end_all(descriptor, other, cause);
    for (int direction = 0; direction < 2; direction++) {
        end_one(binding, kind, direction, cause);
        end_one(binding, other, direction, cause);
    }
    descriptor_settle(descriptor);
}
