/* waitable.c: the lifecycle of a semaphore, an event or a port: registered, ended, released. */
#include "waitable.h"

#include "cause.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/slab.h"
#include "daemon/base/turn.h"
#include "extras.h"
#include "handle.h"
#include "hooks.h"
#include "notice_object.h"
#include "pollable.h"
#include "port.h"
#include "proto/container.h"
#include "registry.h"
#include "session_objects.h"
#include "utlist.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>

enum { HANDLES_AT_ONCE = 16 };

struct waitable *waitable_find(const struct binding *binding, enum object_kind kind, int direction) {
    struct waitable *waitable = binding->waitables;
    while (waitable && (waitable->direction != direction || object_kind_of(waitable->object.id) != kind))
        waitable = waitable->sibling;
    return waitable;
}

void waitable_register(struct waitable *waitable, struct binding *binding, int direction) {
    waitable->of.binding = binding;
    waitable->direction = (uint8_t)direction;
    bound_descriptor(binding)->subscribed = true;
}

struct waitable *waitable_new(struct binding *binding, enum object_kind kind, int direction,
                              struct refusal *refusal) {
    struct session_objects *owner = binding->object.owner;
    struct registry *registry = owner->registry;
    struct waitable *waitable;
    if (registry_reserve(owner, kind, refusal))
        return NULL;
    waitable = slab_take(&registry->waitables);
    if (!waitable) {
        registry_cancel(owner, kind);
        refusal_memory(refusal);
        return NULL;
    }
    registry_add(registry, &waitable->object, kind, owner);
    waitable_register(waitable, binding, direction);
    LL_PREPEND2(binding->waitables, waitable, sibling);
    notice_object_made(&waitable->object);
    return waitable;
}

int waitable_get_no_key(struct session_objects *owner, uint64_t *key) {
    uint64_t *place = &owner->hold_place;
    if (!*place && numbering_get(&owner->numberings, 0, place))
        return -ENOMEM;
    *key = number_key(*place, 0); /* holds are counted from 1 */
    return 0;
}

struct waitable *waitable_new_ended(struct session_objects *owner, enum object_kind kind, int direction,
                                    int cause, struct refusal *refusal) {
    struct registry *registry = owner->registry;
    struct waitable *waitable;
    uint64_t key;
    if (registry_reserve(owner, kind, refusal))
        return NULL;
    waitable = waitable_get_no_key(owner, &key) ? NULL : slab_take(&registry->waitables);
    if (!waitable) {
        registry_cancel(owner, kind);
        refusal_memory(refusal);
        return NULL;
    }
    registry_add(registry, &waitable->object, kind, owner);
    waitable->direction = (uint8_t)direction;
    waitable->of.key = key;
    waitable->ended_at = registry->issued;
    waitable->cause = (uint8_t)cause;
    waitable->ended = true;
    return waitable;
}

/* ---- waiters ---------------------------------------------------------------------------------------------------- */

static void step(struct task *task);

bool waitable_expect(struct waitable *waitable) {
    struct waiters *waiters = waitable->waiters;
    if (waiters)
        return true;
    waiters = slab_take(&waitable->object.owner->registry->waiters);
    if (!waiters)
        return false;
    ring_init(&waiters->targets);
    waiters->task = (struct task){.step = step, .gives = true};
    waiters->of = waitable;
    waitable->waiters = waiters;
    return true;
}

static struct transfer *queue_of(const struct waitable *waitable) {
    return object_kind_of(waitable->object.id) == OBJECT_PORT ? ((const struct port *)waitable)->queue : NULL;
}

static void free_waiters(struct waitable *waitable) {
    slab_give(&waitable->object.owner->registry->waiters, waitable->waiters);
    waitable->waiters = NULL;
}

void waitable_trim(struct waitable *waitable) {
    if (!waitable->ended && waitable->waiters && !waitable->waiters->n && !queue_of(waitable))
        free_waiters(waitable);
}

bool waitable_join(struct waitable *waitable, struct ring *node) {
    if (!waitable_expect(waitable))
        return false;
    ring_add(&waitable->waiters->targets, node);
    waitable->waiters->n++;
    return true;
}

void waitable_part(struct waitable *waitable, struct ring *node) {
    ring_remove(node);
    waitable->waiters->n--;
    waitable_trim(waitable);
}

struct descriptor *waitable_descriptor(const struct waitable *waitable) {
    struct descriptor *descriptor = waitable_source(waitable);
    if (descriptor)
        return descriptor;
    return waitable->waiters ? waitable->waiters->descriptor : NULL;
}

static bool has_several_handles(const struct waitable *waitable, int n) {
    const struct handle *handle = waitable->handle;
    while (handle && n-- > 0)
        handle = handle->sibling;
    return handle != NULL;
}

/* The client keeps its copies. */
static void drop_handle(struct handle *handle) {
    struct waitable *waitable = handle->of;
    struct waiters *waiters = waitable->waiters;
    if (waiters && waiters->unended == handle)
        waiters->unended = handle->sibling;
    *(handle->elder ? &handle->elder->sibling : &waitable->handle) = handle->sibling;
    if (handle->sibling)
        handle->sibling->elder = handle->elder;
    if (handle->asker != waitable->object.owner) {
        table_remove(&handle->asker->lent_by_id, handle);
        DL_DELETE2(handle->asker->lent, handle, lent_prev, lent_next);
    }
    handle_free(handle);
}

bool waitable_shed(struct waitable *waitable) {
    if (!has_several_handles(waitable, 1))
        return false;
    drop_handle(waitable->handle);
    return true;
}

static const struct object_hooks *hooks_of(const struct waitable *waitable) {
    return waitable->object.owner->registry->hooks;
}

static void tell_one(struct waiters *waiters) {
    struct waitable *waitable = waiters->of;
    const struct object_hooks *hooks = hooks_of(waitable);
    struct handle *handle = waiters->unended;
    if (waiters->n) {
        hooks->on_target_ended(CONTAINER_OF(ring_first(&waiters->targets), struct wait_target, of_node),
                               waitable->cause);
    } else if (queue_of(waitable)) {
        hooks->on_transfer_ended((struct port *)waitable);
    } else if (handle) {
        waiters->unended = handle->sibling;
        handle_end(handle);
    } else {
        (void)waitable_shed(waitable);
    }
}

/* Notifies the waiters of the end, one at a time. If the id has been released, drops the handles too. */
static void step(struct task *task) {
    struct waiters *waiters = CONTAINER_OF(task, struct waiters, task);
    struct waitable *waitable = waiters->of;
    struct lane *lane = &waitable->object.owner->account.user->lane;
    struct descriptor *descriptor = waiters->descriptor;
    while (waiters->n || queue_of(waitable) || waiters->unended ||
           (waitable->released && has_several_handles(waitable, 1))) {
        if (turn_is_over(lane->turns)) {
            turn_queue(lane, task);
            return;
        }
        turn_spend(lane->turns, 1);
        tell_one(waiters);
    }
    free_waiters(waitable);
    if (waitable->released)
        waitable_free(waitable);
    if (descriptor)
        descriptor_told(descriptor);
}

static void tell_change(struct waitable *waitable) {
    if (waitable->recorded)
        waitable->object.owner->registry->changed(&waitable->object, false);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* Notifies many handles in steps, if there is memory for that. */
static void end_handles(struct waitable *waitable) {
    if (has_several_handles(waitable, HANDLES_AT_ONCE) && waitable_expect(waitable)) {
        waitable->waiters->unended = waitable->handle;
        return;
    }
    for (struct handle *handle = waitable->handle; handle; handle = handle->sibling)
        handle_end(handle);
}

void waitable_end(struct waitable *waitable, int cause) {
    struct descriptor *descriptor = waitable_source(waitable);
    if (!descriptor)
        return;
    struct binding *binding = waitable->of.binding;
    struct port *port = object_kind_of(waitable->object.id) == OBJECT_PORT ? (struct port *)waitable : NULL;
    if (port)
        port->wrap->ports[waitable->direction] = NULL;
    else
        LL_DELETE2(binding->waitables, waitable, sibling);
    notice_object_ended(waitable, cause);
    waitable->of.key = binding->key;
    waitable->ended_at = waitable->object.owner->registry->issued;
    waitable->ended = true;
    waitable->cause = (uint8_t)cause;
    if (port)
        hooks_of(waitable)->on_port_ended(port, descriptor);
    descriptor->subscribed = binding->waitables || extras_wraps(descriptor->extras);
    tell_change(waitable);
    end_handles(waitable);
    if (!waitable->waiters) {
        if (waitable->released)
            waitable_free(waitable);
        return;
    }
    waitable->waiters->descriptor = descriptor;
    descriptor->notifying++;
    turn_queue(&waitable->object.owner->account.user->lane, &waitable->waiters->task);
}

void waitable_end_handle(struct handle *handle) {
    handle_end(handle);
    drop_handle(handle);
}

void waitable_free(struct waitable *waitable) {
    struct session_objects *owner = waitable->object.owner;
    struct registry *registry = owner->registry;
    while (waitable->handle)
        drop_handle(waitable->handle);
    if (waitable->recorded)
        registry->changed(&waitable->object, true);
    if (!waitable->forgotten)
        registry_forget(registry, &waitable->object);
    bool port = object_kind_of(waitable->object.id) == OBJECT_PORT;
    session_objects_remove(&waitable->object);
    if (port)
        free(waitable);
    else
        slab_give(&registry->waitables, waitable);
}

void waitable_release(struct waitable *waitable) {
    bool was_released = waitable->released;
    waitable->released = true;
    waitable->creates = 0;
    if (waitable->releases < UINT16_MAX)
        waitable->releases++;
    notice_object_released(waitable);
    if (waitable_source(waitable)) {
        if (!was_released)
            tell_change(waitable);
        return;
    }
    if (!waitable->waiters && has_several_handles(waitable, HANDLES_AT_ONCE) &&
        waitable_expect(waitable)) /* drop them in steps */
        turn_queue(&waitable->object.owner->account.user->lane, &waitable->waiters->task);
    if (!waitable->waiters) {
        waitable_free(waitable);
        return;
    }
    registry_forget(waitable->object.owner->registry, &waitable->object);
    waitable->forgotten = true;
}

uint32_t waitable_count_create(struct waitable *waitable) {
    bool lifts = waitable->released;
    waitable->released = false;
    if (lifts)
        tell_change(waitable);
    if (waitable->creates < UINT16_MAX)
        waitable->creates++;
    return waitable->releases + UINT32_C(1);
}

/* Takes the call back. True: no other call stands. */
static bool take_back(struct waitable *waitable, uint32_t undo) {
    if (object_kind_of(waitable->object.id) == OBJECT_PORT)
        return true;
    if (undo != waitable->releases + UINT32_C(1) || waitable->releases == UINT16_MAX ||
        waitable->creates == UINT16_MAX)
        return false;
    if (waitable->creates > 1) {
        waitable->creates--;
        return false;
    }
    return true;
}

void waitable_undo_create(struct waitable *waitable, uint32_t undo) {
    bool port = object_kind_of(waitable->object.id) == OBJECT_PORT;
    if (!take_back(waitable, undo))
        return;
    waitable->released = false; /* else its end would free it */
    if (port || !waitable->releases)
        waitable_end(waitable, port ? CAUSE_PORT_CLOSED : CAUSE_REMOVED);
    waitable_release(waitable);
}

struct waitable *waitable_registered(const struct binding *binding) {
    const struct wrap *wraps = extras_wraps(bound_descriptor(binding)->extras);
    for (int direction = 0; direction < 2; direction++) {
        struct waitable *waitable = waitable_find(binding, OBJECT_SEMAPHORE, direction);
        if (!waitable)
            waitable = waitable_find(binding, OBJECT_EVT, direction);
        if (!waitable && wraps && wraps->ports[direction])
            waitable = &wraps->ports[direction]->waitable;
        if (waitable)
            return waitable;
    }
    return NULL;
}

struct handle *waitable_handle(const struct waitable *waitable, const struct session_objects *asker) {
    struct handle *first = waitable->handle;
    if (asker == waitable->object.owner)
        return first && first->asker == asker ? first : NULL;
    return first ? table_find(&asker->lent_by_id, waitable->object.id) : NULL;
}

struct handle *waitable_new_handle(const struct waitable *waitable, struct session_objects *asker,
                                   os_fd attached, struct refusal *refusal) {
    bool own = attached == OS_FD_NONE;
    if (waitable_is_semaphore(waitable))
        return own ? handle_new_semaphore(asker, waitable->ended, refusal)
                   : handle_new_semaphore_attached(asker, attached, refusal);
    if (pollable_evt_form() == POLLABLE_HINT)
        return handle_new_hint(asker, refusal);
    return own ? handle_new_evt(asker, refusal) : handle_new_evt_attached(asker, attached, refusal);
}

int waitable_set_handle(struct waitable *waitable, struct session_objects *asker, struct handle *handle,
                        int error) {
    struct handle *first = waitable->handle;
    handle->id = waitable->object.id;
    if (asker != waitable->object.owner && table_add(&asker->lent_by_id, handle))
        return -ENOMEM;
    handle->of = waitable;
    handle->asker = asker;
    handle->elder = first && first->asker == waitable->object.owner ? first : NULL;
    handle->sibling = handle->elder ? first->sibling : first;
    *(handle->elder ? &first->sibling : &waitable->handle) = handle;
    if (handle->sibling)
        handle->sibling->elder = handle;
    if (asker != waitable->object.owner)
        DL_APPEND2(asker->lent, handle, lent_prev, lent_next);
    /* An event that cannot be watched is ready forever, and so is what has ended. */
    if (error || waitable->ended)
        handle_end(handle);
    return 0;
}
