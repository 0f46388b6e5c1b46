/* subscribers.c: telling them, and ending them. */
#include "subscribers.h"

#include "hooks.h"
#include "making.h"
#include "waitqueue.h"

unsigned subscribers_need(const struct descriptor *descriptor, int direction) {
    const struct waitqueue *queue = descriptor->queues[direction];
    bool edge = false;
    unsigned needs = descriptor->semaphores[direction] ? NEED_WATCH : 0;
    if (!queue)
        return needs;
    if (waitqueue_needs(queue, &edge))
        needs |= NEED_WATCH;
    return needs | (edge ? NEED_EDGE : 0u) | (waitqueue_has_ones(queue) ? NEED_APART : 0u);
}

void subscribers_ready(struct descriptor *descriptor, int direction, int cause) {
    if (descriptor->semaphores[direction])
        indicator_end(descriptor->semaphores[direction], cause);
    if (descriptor->queues[direction])
        waitqueue_tell(descriptor->queues[direction], cause);
}

void subscribers_replaced(struct descriptor *descriptor) {
    subscribers_end(descriptor, OBJECT_SEMAPHORE, OBJECT_EVT, CAUSE_REPLACED);
}

void subscribers_dropped(struct descriptor *descriptor) {
    for (int direction = 0; direction < 2; direction++)
        waitqueue_free(descriptor->queues[direction]);
}

void subscribers_end(struct descriptor *descriptor, enum object_kind kind, enum object_kind other,
                     int cause) {
    descriptor_catch_up(descriptor); /* what has fired before has not ended otherwise */
    making_end_all(descriptor, kind, cause);
    making_end_all(descriptor, other, cause);
    for (int direction = 0; direction < 2; direction++) {
        struct indicator *one = *indicator_place(descriptor, kind, direction);
        if (one)
            indicator_end(one, cause);
        one = *indicator_place(descriptor, other, direction);
        if (one)
            indicator_end(one, cause);
    }
    descriptor_settle(descriptor);
}
