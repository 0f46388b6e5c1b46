/* objects.c: the composition of this directory. The table below lists every upward call (hooks.h). */
#include "objects.h"

#include "always_ready.h"
#include "daemon/base/slab.h"
#include "deferred_drop.h"
#include "extras.h"
#include "handle.h"
#include "hold.h"
#include "hooks.h"
#include "port.h"
#include "probe.h"
#include "registry.h"
#include "split_watch.h"
#include "subscribers.h"
#include "transfer.h"
#include "wait.h"
#include "waitqueue.h"

#include <stddef.h>

static const struct object_hooks hooks = {
    .on_needs = subscribers_need,
    .on_ready = subscribers_ready,
    .on_dropped = subscribers_dropped,
    .on_closed = binding_closed,
    .on_copy_closed = hold_copy_closed,
    .on_hang_up = hold_hung_up,
    .on_replaced = subscribers_replaced,
    .on_target_ready = wait_tell,
    .on_transfer_ready = transfer_ready,
    .on_transfer_failed = transfer_fail,
    .on_target_ended = wait_end,
    .on_port_ended = port_ended,
    .on_transfer_ended = transfer_end,
};

static void update(struct object *object) { descriptor_update(bound_of_object(object)); }

int objects_init(struct registry *registry, const struct env *env) {
    int error = registry_init(registry, env);
    if (!error)
        error = deferred_drop_init(registry, update);
    if (!error)
        error = probes_init(registry);
    if (!error)
        error = always_ready_init(registry);
    if (!error)
        error = handles_init(registry);
    if (!error)
        error = holds_init(registry);
    if (error)
        goto fail;
    registry->hooks = &hooks;
    table_init(&registry->split_watches, offsetof(struct split_watch, id), registry->objects.seed);
    slab_init(&registry->bounds, sizeof(struct bound));
    slab_init(&registry->extras, sizeof(struct extras));
    slab_init(&registry->waitables, sizeof(struct waitable));
    slab_init(&registry->waiters, sizeof(struct waiters));
    slab_init(&registry->waitqueues, sizeof(struct waitqueue));
    return 0;
fail:
    holds_deinit(registry);
    handles_deinit(registry);
    always_ready_deinit(registry);
    probes_deinit(registry);
    deferred_drop_deinit(registry);
    registry_deinit(registry);
    return error;
}

void objects_deinit(struct registry *registry) {
    while (registry->leaving)
        descriptor_abandon(bound_of_object(registry->leaving));
    holds_deinit(registry);
    handles_deinit(registry);
    always_ready_deinit(registry);
    probes_deinit(registry);
    deferred_drop_deinit(registry);
    registry_deinit(registry);
    table_deinit(&registry->split_watches);
    slab_deinit(&registry->bounds);
    slab_deinit(&registry->extras);
    slab_deinit(&registry->waitables);
    slab_deinit(&registry->waiters);
    slab_deinit(&registry->waitqueues);
}
