/* indicator.c: the life of a semaphore or an event, from registered to ended to given back. */
#include "indicator.h"

#include "daemon/base/log.h"
#include "notice.h"
#include "pollable.h"
#include "port.h"
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Where a descriptor has the one of that kind; ports have theirs in their wraps. */
static struct indicator **place_of(struct descriptor *descriptor, enum object_kind kind, int direction) {
    return kind == OBJECT_SEMAPHORE ? &descriptor->semaphores[direction] : &descriptor->evts[direction];
}

void indicator_register(struct indicator *indicator, struct descriptor *descriptor, int direction) {
    indicator->descriptor = descriptor;
    indicator->number = descriptor->number;
    indicator->handle = OS_FD_NONE;
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

static void end_handle(struct indicator *indicator, struct descriptor *descriptor) {
    int error = indicator_is_semaphore(indicator) ? pollable_semaphore_fire(indicator->handle)
                                                  : pollable_evt_end(indicator->handle, descriptor->fd);
    if (error)
        log_write(LOG_LEVEL_ERROR, "a pollable handle could not be made ready; id=%" PRIu64 " error=%d",
                  indicator->object.id, error);
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
    indicator->descriptor = NULL;
    indicator->cause = (uint8_t)cause;
    notice_ended(indicator, cause);
    if (port)
        port_ended(port, descriptor);
    if (indicator->handle != OS_FD_NONE)
        end_handle(indicator, descriptor);
    wait_wake(indicator, cause);
    if (indicator->released)
        indicator_free(indicator);
}

void indicator_free(struct indicator *indicator) {
    struct belongings *owner = indicator->object.owner;
    struct registry *registry = owner->registry;
    if (indicator->handle != OS_FD_NONE) {
        os_close(indicator->handle);
        slots_give(registry->slots, 1);
        account_give(&owner->account, USER_DESCRIPTORS, 1);
    }
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
    if (!indicator->descriptor)
        indicator_free(indicator);
}

int indicator_handle(struct indicator *indicator, os_fd *handle, struct refusal *refusal) {
    struct belongings *owner = indicator->object.owner;
    struct registry *registry = owner->registry;
    const struct descriptor *descriptor = indicator->descriptor;
    os_fd target = descriptor && !descriptor->unwatched ? descriptor->fd : OS_FD_NONE;
    *handle = indicator->handle;
    if (*handle != OS_FD_NONE)
        return 0;
    if (!slots_may_keep(registry->slots, 1))
        return users_refuse_table(registry->users, refusal);
    if (account_take(&owner->account, USER_DESCRIPTORS, 1, refusal))
        return -1;
    *handle =
        indicator_is_semaphore(indicator)
            ? pollable_semaphore_new(indicator->cause != CAUSE_NONE)
            : pollable_evt_new(target, indicator->direction == DIRECTION_READ ? ENGINE_READ : ENGINE_WRITE);
    if (*handle == OS_FD_NONE) {
        account_give(&owner->account, USER_DESCRIPTORS, 1);
        if (errno == ELOOP)
            return refusal_set(refusal, REFUSAL_UNSUPPORTED, "id", "wait for the event instead",
                               "the descriptor is an epoll descriptor, nested too deep for a handle");
        return refusal_system(refusal, errno, "cannot make a handle");
    }
    slots_take(registry->slots, 1);
    indicator->handle = *handle;
    return 0;
}

void indicator_end_all(struct descriptor *descriptor, enum object_kind kind, enum object_kind other,
                       int cause) {
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
