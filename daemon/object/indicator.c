/* indicator.c: the life of a semaphore or an event, from registered to ended to given back. */
#include "indicator.h"

#include "belongings.h"
#include "cause.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/slab.h"
#include "daemon/base/turn.h"
#include "extras.h"
#include "handle.h"
#include "hooks.h"
#include "notice.h"
#include "port.h"
#include "proto/container.h"
#include "registry.h"
#include "utlist.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>

enum { HANDLES_AT_ONCE = 16 };

struct indicator *indicator_find(const struct binding *binding, enum object_kind kind, int direction) {
    struct indicator *indicator = binding->indicators;
    while (indicator && (indicator->direction != direction || object_kind_of(indicator->object.id) != kind))
        indicator = indicator->sibling;
    return indicator;
}

void indicator_register(struct indicator *indicator, struct binding *binding, int direction) {
    indicator->of.binding = binding;
    indicator->direction = (uint8_t)direction;
    bound_descriptor(binding)->subscribed = true;
}

struct indicator *indicator_new(struct binding *binding, enum object_kind kind, int direction,
                                struct refusal *refusal) {
    struct belongings *owner = binding->object.owner;
    struct registry *registry = owner->registry;
    struct indicator *indicator;
    if (registry_reserve(owner, kind, refusal))
        return NULL;
    indicator = slab_take(&registry->indicators);
    if (!indicator) {
        registry_cancel(owner, kind);
        refusal_memory(refusal);
        return NULL;
    }
    registry_add(registry, &indicator->object, kind, owner);
    indicator_register(indicator, binding, direction);
    LL_PREPEND2(binding->indicators, indicator, sibling);
    notice_made(&indicator->object);
    return indicator;
}

/* ---- whoever waits ---------------------------------------------------------------------------------------------- */

static void step(struct task *task);

bool indicator_expect(struct indicator *indicator) {
    struct waiters *waiters = indicator->waiters;
    if (waiters)
        return true;
    waiters = slab_take(&indicator->object.owner->registry->waiters);
    if (!waiters)
        return false;
    ring_init(&waiters->targets);
    waiters->task.step = step;
    waiters->of = indicator;
    indicator->waiters = waiters;
    return true;
}

static struct transfer *queue_of(const struct indicator *indicator) {
    return object_kind_of(indicator->object.id) == OBJECT_PORT ? ((const struct port *)indicator)->queue
                                                               : NULL;
}

static void free_waiters(struct indicator *indicator) {
    slab_give(&indicator->object.owner->registry->waiters, indicator->waiters);
    indicator->waiters = NULL;
}

void indicator_settle(struct indicator *indicator) {
    if (!indicator->ended && indicator->waiters && !indicator->waiters->n && !queue_of(indicator))
        free_waiters(indicator);
}

bool indicator_join(struct indicator *indicator, struct ring *node) {
    if (!indicator_expect(indicator))
        return false;
    ring_add(&indicator->waiters->targets, node);
    indicator->waiters->n++;
    return true;
}

void indicator_part(struct indicator *indicator, struct ring *node) {
    ring_remove(node);
    indicator->waiters->n--;
    indicator_settle(indicator);
}

struct ring *indicator_newest(const struct indicator *indicator) {
    return indicator->waiters && indicator->waiters->n ? indicator->waiters->targets.prev : NULL;
}

struct descriptor *indicator_descriptor(const struct indicator *indicator) {
    struct descriptor *descriptor = indicator_source(indicator);
    if (descriptor)
        return descriptor;
    return indicator->waiters ? indicator->waiters->descriptor : NULL;
}

static bool has_several_handles(const struct indicator *indicator, int n) {
    const struct handle *handle = indicator->handle;
    while (handle && n-- > 0)
        handle = handle->sibling;
    return handle != NULL;
}

/* The client's copies stay as they are. */
static void drop_handle(struct handle *handle) {
    struct indicator *indicator = handle->of;
    struct waiters *waiters = indicator->waiters;
    if (waiters && waiters->unended == handle)
        waiters->unended = handle->sibling;
    *(handle->elder ? &handle->elder->sibling : &indicator->handle) = handle->sibling;
    if (handle->sibling)
        handle->sibling->elder = handle->elder;
    if (handle->asker != indicator->object.owner) {
        table_remove(&handle->asker->lent_by_id, handle);
        DL_DELETE2(handle->asker->lent, handle, lent_prev, lent_next);
    }
    handle_free(handle);
}

bool indicator_shed(struct indicator *indicator) {
    if (!has_several_handles(indicator, 1))
        return false;
    drop_handle(indicator->handle);
    return true;
}

static const struct object_hooks *hooks_of(const struct indicator *indicator) {
    return indicator->object.owner->registry->hooks;
}

static void tell_one(struct waiters *waiters) {
    struct indicator *indicator = waiters->of;
    const struct object_hooks *hooks = hooks_of(indicator);
    struct handle *handle = waiters->unended;
    if (waiters->n) {
        hooks->on_target_ended(CONTAINER_OF(ring_first(&waiters->targets), struct wait_target, of_node),
                               indicator->cause);
    } else if (queue_of(indicator)) {
        hooks->on_transfer_ended((struct port *)indicator);
    } else if (handle) {
        waiters->unended = handle->sibling;
        handle_end(handle);
    } else {
        (void)indicator_shed(indicator);
    }
}

/* One after the other is told that it has ended. If its id was given back, its handles go as well. */
static void step(struct task *task) {
    struct waiters *waiters = CONTAINER_OF(task, struct waiters, task);
    struct indicator *indicator = waiters->of;
    struct lane *lane = &indicator->object.owner->account.user->lane;
    struct descriptor *descriptor = waiters->descriptor;
    while (waiters->n || queue_of(indicator) || waiters->unended ||
           (indicator->released && has_several_handles(indicator, 1))) {
        if (turn_is_over(lane->turns)) {
            turn_queue(lane, task);
            return;
        }
        turn_spend(lane->turns, 1);
        tell_one(waiters);
    }
    free_waiters(indicator);
    if (indicator->released)
        indicator_free(indicator);
    if (descriptor)
        descriptor_told(descriptor);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* Many are told in steps, if there is memory for that. */
static void end_handles(struct indicator *indicator) {
    if (has_several_handles(indicator, HANDLES_AT_ONCE) && indicator_expect(indicator)) {
        indicator->waiters->unended = indicator->handle;
        return;
    }
    for (struct handle *handle = indicator->handle; handle; handle = handle->sibling)
        handle_end(handle);
}

void indicator_end(struct indicator *indicator, int cause) {
    struct descriptor *descriptor = indicator_source(indicator);
    if (!descriptor)
        return;
    struct binding *binding = indicator->of.binding;
    struct port *port = object_kind_of(indicator->object.id) == OBJECT_PORT ? (struct port *)indicator : NULL;
    if (port)
        port->wrap->ports[indicator->direction] = NULL;
    else
        LL_DELETE2(binding->indicators, indicator, sibling);
    notice_ended(indicator, cause);
    indicator->of.key = binding->key;
    indicator->ended = true;
    indicator->cause = (uint8_t)cause;
    if (port)
        hooks_of(indicator)->on_port_ended(port, descriptor);
    descriptor->subscribed = binding->indicators || extras_wraps(descriptor->extras);
    end_handles(indicator);
    if (!indicator->waiters) {
        if (indicator->released)
            indicator_free(indicator);
        return;
    }
    indicator->waiters->descriptor = descriptor;
    descriptor->telling++;
    turn_queue(&indicator->object.owner->account.user->lane, &indicator->waiters->task);
}

void indicator_end_lent(struct handle *handle) {
    handle_end(handle);
    drop_handle(handle);
}

void indicator_free(struct indicator *indicator) {
    struct belongings *owner = indicator->object.owner;
    struct registry *registry = owner->registry;
    while (indicator->handle)
        drop_handle(indicator->handle);
    if (!indicator->forgotten)
        registry_forget(registry, &indicator->object);
    bool port = object_kind_of(indicator->object.id) == OBJECT_PORT;
    belongings_remove(&indicator->object);
    if (port)
        free(indicator);
    else
        slab_give(&registry->indicators, indicator);
}

void indicator_release(struct indicator *indicator) {
    indicator->released = true;
    notice_released(indicator);
    if (indicator_source(indicator))
        return;
    if (!indicator->waiters && has_several_handles(indicator, HANDLES_AT_ONCE) &&
        indicator_expect(indicator)) /* they go in steps */
        turn_queue(&indicator->object.owner->account.user->lane, &indicator->waiters->task);
    if (!indicator->waiters) {
        indicator_free(indicator);
        return;
    }
    registry_forget(indicator->object.owner->registry, &indicator->object);
    indicator->forgotten = true;
}

struct indicator *indicator_registered(const struct binding *binding) {
    const struct wrap *wraps = extras_wraps(bound_descriptor(binding)->extras);
    for (int direction = 0; direction < 2; direction++) {
        struct indicator *indicator = indicator_find(binding, OBJECT_SEMAPHORE, direction);
        if (!indicator)
            indicator = indicator_find(binding, OBJECT_EVT, direction);
        if (!indicator && wraps && wraps->ports[direction])
            indicator = &wraps->ports[direction]->indicator;
        if (indicator)
            return indicator;
    }
    return NULL;
}

struct handle *indicator_handle(const struct indicator *indicator, const struct belongings *asker) {
    struct handle *first = indicator->handle;
    if (asker == indicator->object.owner)
        return first && first->asker == asker ? first : NULL;
    return first ? table_find(&asker->lent_by_id, indicator->object.id) : NULL;
}

struct handle *indicator_new_handle(const struct indicator *indicator, struct belongings *asker, os_fd epoll,
                                    struct refusal *refusal) {
    if (indicator_is_semaphore(indicator))
        return handle_new_semaphore(asker, indicator->cause != CAUSE_NONE, refusal);
    return epoll == OS_FD_NONE ? handle_new_evt(asker, refusal) : handle_new_attached(asker, epoll, refusal);
}

int indicator_set_handle(struct indicator *indicator, struct belongings *asker, struct handle *handle,
                         int error) {
    struct handle *first = indicator->handle;
    handle->id = indicator->object.id;
    if (asker != indicator->object.owner && table_add(&asker->lent_by_id, handle))
        return -ENOMEM;
    handle->of = indicator;
    handle->asker = asker;
    handle->elder = first && first->asker == indicator->object.owner ? first : NULL;
    handle->sibling = handle->elder ? first->sibling : first;
    *(handle->elder ? &first->sibling : &indicator->handle) = handle;
    if (handle->sibling)
        handle->sibling->elder = handle;
    if (asker != indicator->object.owner)
        DL_APPEND2(asker->lent, handle, lent_prev, lent_next);
    /* What cannot be watched is ready for ever, and so is what has ended. */
    if (!indicator_is_semaphore(indicator) && (error || indicator->ended))
        handle_end(handle);
    return 0;
}
