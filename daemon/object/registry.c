/* registry.c: ids and the table behind them. */
#include "registry.h"

#include "apart.h"
#include "belongings.h"
#include "descriptor.h"
#include "indicator.h"
#include "utlist.h"
#include "waitqueue.h"

#include <assert.h>
#include <stddef.h>

enum { KIND_BITS = 3, EPOCHS = 1 << 14 };

static const uint64_t SHUFFLED = (UINT64_C(1) << SHUFFLE_BITS) - 1;

int registry_init(struct registry *registry, struct loop *loop, struct engine *engine,
                  struct offload *offload, struct closer *closer, struct sentries *sentries,
                  struct slots *slots, struct users *users) {
    uint64_t random[2];
    int error = os_random(random, sizeof random);
    if (error)
        return error;
    *registry = (struct registry){.loop = loop,
                                  .engine = engine,
                                  .offload = offload,
                                  .closer = closer,
                                  .sentries = sentries,
                                  .slots = slots,
                                  .users = users};
    error = shuffle_init(&registry->shuffle);
    if (!error)
        error = fading_init(registry);
    if (!error)
        error = asks_init(registry);
    if (!error)
        error = handles_init(registry);
    if (error)
        return error;
    registry->epoch = random[0] % (EPOCHS - 1) + 1;
    table_init(&registry->objects, offsetof(struct object, id), random[1]);
    table_init(&registry->aparts, offsetof(struct apart, id), random[1]);
    slab_init(&registry->descriptors, sizeof(struct descriptor));
    slab_init(&registry->indicators, sizeof(struct indicator));
    slab_init(&registry->waiters, sizeof(struct waiters));
    slab_init(&registry->waitqueues, sizeof(struct waitqueue));
    return 0;
}

void registry_deinit(struct registry *registry) {
    while (registry->leaving)
        descriptor_abandon((struct descriptor *)registry->leaving);
    assert(registry->objects.used == 0);
    handles_deinit(registry);
    fading_deinit(registry);
    asks_deinit(registry);
    table_deinit(&registry->objects);
    table_deinit(&registry->aparts);
    slab_deinit(&registry->descriptors);
    slab_deinit(&registry->indicators);
    slab_deinit(&registry->waiters);
    slab_deinit(&registry->waitqueues);
}

uint64_t registry_issue(struct registry *registry, enum object_kind kind) {
    uint64_t number = registry->issued++;
    uint64_t epoch = registry->epoch + (number >> SHUFFLE_BITS);
    if (epoch >= EPOCHS)
        epoch -= EPOCHS - 1;
    return (epoch << SHUFFLE_BITS | shuffle_put(&registry->shuffle, number & SHUFFLED)) << KIND_BITS |
           (uint64_t)kind;
}

uint64_t registry_number(const struct registry *registry, uint64_t id) {
    uint64_t place = id >> KIND_BITS, epoch = place >> SHUFFLE_BITS;
    epoch = (epoch + EPOCHS - 1 - registry->epoch) % (EPOCHS - 1);
    return epoch << SHUFFLE_BITS | shuffle_place(&registry->shuffle, place & SHUFFLED);
}

enum object_kind registry_kind(uint64_t id) { return (enum object_kind)(id & ((1 << KIND_BITS) - 1)); }

struct object *registry_find(const struct registry *registry, uint64_t id) {
    return table_find(&registry->objects, id);
}

int registry_add(struct registry *registry, struct object *object, enum object_kind kind,
                 struct belongings *owner) {
    int error = table_reserve(&registry->objects);
    if (!error)
        error = order_reserve(&owner->order);
    if (error)
        return error;
    object->id = registry_issue(registry, kind);
    object->owner = owner;
    table_add(&registry->objects, object);
    order_add(&owner->order, registry_number(registry, object->id), object);
    DL_APPEND(owner->objects, object);
    owner->counts[kind]++;
    registry->counts[kind]++;
    return 0;
}

void registry_forget(struct registry *registry, struct object *object) {
    table_remove(&registry->objects, object);
}
