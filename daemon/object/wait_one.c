/* wait_one.c: what a wake-one wait does beside what every wait does. */
#include "wait_one.h"

#include "waitqueue.h"

struct waitqueue *wait_queue_of(const struct wait_target *target) {
    const struct descriptor *descriptor = target->of ? indicator_descriptor(target->of) : NULL;
    return descriptor ? waitqueue_find(descriptor, target->of->direction) : NULL;
}

void wait_hold(struct wait_target *target) {
    struct waitqueue *queue = target->wait->one && !target->held ? wait_queue_of(target) : NULL;
    if (!queue)
        return;
    waitqueue_hold(queue);
    target->held = true;
}

void wait_release(struct wait_target *target, struct waitqueue *queue) {
    if (target->held)
        waitqueue_release(queue);
    target->held = false;
}

void wait_looked(struct wait *wait) {
    for (size_t i = 0; wait->one && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        struct waitqueue *queue = target->held ? wait_queue_of(target) : NULL;
        if (!queue)
            continue;
        struct descriptor *descriptor = queue->descriptor;
        wait_release(target, queue);
        waitqueue_settle(queue);
        (void)descriptor_rearm(descriptor);
    }
}

void wait_remember(struct wait *wait) {
    for (size_t i = 0; wait->one && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        struct waitqueue *queue = target->cause ? wait_queue_of(target) : NULL;
        if (queue)
            waitqueue_remember(queue, wait->connection);
        if (queue && target->held)
            queue->given = true;
        if (target->cause)
            target->given = false; /* it has what it was given */
    }
}

void wait_forget_answered(struct wait *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct waitqueue *queue = wait->targets[i].cause ? NULL : wait_queue_of(&wait->targets[i]);
        if (queue)
            waitqueue_forget(queue);
    }
}

void wait_leave_to_others(struct wait *wait) {
    for (size_t i = 0; wait->one && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        bool waits = wait->all ? target->held : target->armed && !target->given;
        const struct waitqueue *queue = waits && target->cause == CAUSE_READY ? wait_queue_of(target) : NULL;
        if (!queue || !queue->given)
            continue;
        target->cause = CAUSE_NONE;
        wait->ready--;
    }
}
