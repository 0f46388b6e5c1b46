/* indicator.c: the life of a semaphore or an event, from registered to ended to given back. */
#include "indicator.h"

#include "handle.h"
#include "making.h"
#include "notice.h"
#include "port.h"
#include "utlist.h"
#include "wait.h"

#include <stdlib.h>

/* Where a descriptor has the one of that kind; ports have theirs in their wraps. */
static struct indicator **place_of(struct descriptor *descriptor, enum object_kind kind, int direction) {
    return kind == OBJECT_SEMAPHORE ? &descriptor->semaphores[direction] : &descriptor->evts[direction];
}

void indicator_register(struct indicator *indicator, struct descriptor *descriptor, int direction) {
    indicator->descriptor = descriptor;
    indicator->key = descriptor->key;
    indicator->direction = (uint8_t)direction;
}

struct indicator *indicator_new(struct descriptor *descriptor, enum object_kind kind, int direction,
                                struct refusal *refusal) {
    struct belongings *owner = descriptor->object.owner;
    struct registry *registry = owner->registry;
    struct indicator *indicator;
    if (account_take(&owner->account, USER_OBJECTS, 1, refusal))
        return NULL;
    indicator = slab_take(&registry->indicators);
    if (!indicator || registry_add(registry, &indicator->object, kind, owner)) {
        if (indicator)
            slab_give(&registry->indicators, indicator);
        account_give(&owner->account, USER_OBJECTS, 1);
        refusal_set(refusal, REFUSAL_LIMIT, NULL, NULL, "the broker is out of memory");
        return NULL;
    }
    indicator_register(indicator, descriptor, direction);
    *place_of(descriptor, kind, direction) = indicator;
    notice_made(&indicator->object);
    return indicator;
}

enum cause indicator_cause_of(unsigned events, int direction) {
    if (events & ENGINE_ERROR)
        return CAUSE_ERROR;
    if (events & ENGINE_HANG_UP)
        return CAUSE_HANG_UP;
    if (direction == DIRECTION_WRITE)
        return events & ENGINE_WRITE ? CAUSE_READY : CAUSE_NONE;
    if (events & ENGINE_HALF_CLOSE)
        return CAUSE_HALF_CLOSE;
    return events & ENGINE_READ ? CAUSE_READY : CAUSE_NONE;
}

void indicator_end(struct indicator *indicator, int cause) {
    struct descriptor *descriptor = indicator->descriptor;
    if (!descriptor)
        return;
    enum object_kind kind = registry_kind(indicator->object.id);
    struct port *port = kind == OBJECT_PORT ? (struct port *)indicator : NULL;
    if (port)
        port->wrap->ports[indicator->direction] = NULL;
    else
        *place_of(descriptor, kind, indicator->direction) = NULL;
    notice_ended(indicator, cause);
    indicator->descriptor = NULL;
    indicator->cause = (uint8_t)cause;
    if (port)
        port_ended(port, descriptor);
    for (struct handle *handle = indicator->handle; handle; handle = handle->sibling)
        handle_end(handle);
    wait_wake(indicator, cause);
    if (indicator->released)
        indicator_free(indicator);
}

/* The client's copies stay as they are. */
static void drop_handle(struct handle *handle) {
    struct handle **link = &handle->of->handle;
    while (*link != handle)
        link = &(*link)->sibling;
    *link = handle->sibling;
    if (handle->asker != handle->of->object.owner)
        DL_DELETE2(handle->asker->lent, handle, lent_prev, lent_next);
    handle_free(handle);
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
    account_give(&owner->account, USER_OBJECTS, 1);
    registry_forget(registry, &indicator->object);
    bool port = registry_kind(indicator->object.id) == OBJECT_PORT;
    belongings_remove(&indicator->object);
    if (port)
        free(indicator);
    else
        slab_give(&registry->indicators, indicator);
}

void indicator_release(struct indicator *indicator) {
    indicator->released = true;
    notice_released(indicator);
    if (!indicator->descriptor)
        indicator_free(indicator);
}

struct handle *indicator_handle(const struct indicator *indicator, const struct belongings *asker) {
    struct handle *handle = indicator->handle;
    while (handle && handle->asker != asker)
        handle = handle->sibling;
    return handle;
}

struct handle *indicator_new_handle(const struct indicator *indicator, struct belongings *asker,
                                    struct refusal *refusal) {
    return indicator_is_semaphore(indicator)
               ? handle_new_semaphore(asker, indicator->cause != CAUSE_NONE, refusal)
               : handle_new_evt(asker, refusal);
}

void indicator_set_handle(struct indicator *indicator, struct belongings *asker, struct handle *handle,
                          int error) {
    handle->of = indicator;
    handle->asker = asker;
    handle->sibling = indicator->handle;
    indicator->handle = handle;
    if (asker != indicator->object.owner)
        DL_APPEND2(asker->lent, handle, lent_prev, lent_next);
    /* What cannot be watched is ready for ever, and so is what has ended. */
    if (!indicator_is_semaphore(indicator) && (error || !indicator->descriptor))
        handle_end(handle);
}

void indicator_end_all(struct descriptor *descriptor, enum object_kind kind, enum object_kind other,
                       int cause) {
    making_end_all(descriptor, kind, cause);
    making_end_all(descriptor, other, cause);
    for (int direction = 0; direction < 2; direction++) {
        struct indicator *one = *place_of(descriptor, kind, direction);
        if (one)
            indicator_end(one, cause);
        one = *place_of(descriptor, other, direction);
        if (one)
            indicator_end(one, cause);
    }
    descriptor_settle(descriptor);
}
