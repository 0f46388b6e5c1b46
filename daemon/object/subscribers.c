/* subscribers.c: telling them, and ending them. */
#include "subscribers.h"

#include "hooks.h"
#include "making.h"
#include "waitqueue.h"

void subscribers_need(const struct descriptor *descriptor, unsigned needs[2]) {
    for (int direction = 0; direction < 2; direction++)
        needs[direction] = descriptor->semaphores[direction] ? NEED_WATCH : 0u;
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
    struct waitqueue *queue;
    if (descriptor->semaphores[direction])
        indicator_end(descriptor->semaphores[direction], cause);
    queue = waitqueue_find(descriptor, direction);
    if (queue)
        waitqueue_tell(queue, cause);
}

void subscribers_replaced(struct descriptor *descriptor) {
    subscribers_end(descriptor, OBJECT_SEMAPHORE, OBJECT_EVT, CAUSE_REPLACED);
}

void subscribers_dropped(struct descriptor *descriptor) {
    while (descriptor->queues)
        waitqueue_free(descriptor->queues);
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
