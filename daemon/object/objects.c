/* objects.c: putting the room together. All calls upward in it are named here. */
#include "objects.h"

#include "apart.h"
#include "ask.h"
#include "daemon/base/slab.h"
#include "extras.h"
#include "fading.h"
#include "handle.h"
#include "hooks.h"
#include "lasting.h"
#include "port.h"
#include "registry.h"
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
    .on_replaced = subscribers_replaced,
    .on_target_ready = wait_tell,
    .on_transfer_ready = transfer_ready,
    .on_transfer_failed = transfer_fail,
    .on_target_ended = wait_end,
    .on_port_ended = port_ended,
    .on_transfer_ended = transfer_end,
};

static void settle(struct object *object) { descriptor_settle(bound_of_object(object)); }

int objects_init(struct registry *registry, const struct env *env) {
    int error = registry_init(registry, env);
    if (!error)
        error = fading_init(registry, settle);
    if (!error)
        error = asks_init(registry);
    if (!error)
        error = lastings_init(registry);
    if (!error)
        error = handles_init(registry);
    if (error)
        goto fail;
    registry->hooks = &hooks;
    table_init(&registry->aparts, offsetof(struct apart, id), registry->objects.seed);
    slab_init(&registry->bounds, sizeof(struct bound));
    slab_init(&registry->extras, sizeof(struct extras));
    slab_init(&registry->indicators, sizeof(struct indicator));
    slab_init(&registry->waiters, sizeof(struct waiters));
    slab_init(&registry->waitqueues, sizeof(struct waitqueue));
    return 0;
fail:
    handles_deinit(registry);
    lastings_deinit(registry);
    asks_deinit(registry);
    fading_deinit(registry);
    registry_deinit(registry);
    return error;
}

void objects_deinit(struct registry *registry) {
    while (registry->leaving)
        descriptor_abandon(bound_of_object(registry->leaving));
    handles_deinit(registry);
    lastings_deinit(registry);
    asks_deinit(registry);
    fading_deinit(registry);
    registry_deinit(registry);
    table_deinit(&registry->aparts);
    slab_deinit(&registry->bounds);
    slab_deinit(&registry->extras);
    slab_deinit(&registry->indicators);
    slab_deinit(&registry->waiters);
    slab_deinit(&registry->waitqueues);
}
