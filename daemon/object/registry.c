/* registry.c: ids and their table. */
#include "registry.h"

#include "daemon/access/account.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/loop/loop.h"
#include "session_objects.h"
#include "utlist.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

enum { EPOCHS = 1 << 14 };
/* An id is also a token of the engine, and must differ from the loop's own tokens. */
_Static_assert((int)OBJECT_KIND_BITS == (int)LOOP_TOKEN_BITS && OBJECT_DESCRIPTOR > 0 &&
                   (int)OBJECT_SESSION <= (int)LOOP_TOKEN_MASK,
               "an id would be a token of the loop");

static const uint64_t SHUFFLED = (UINT64_C(1) << SHUFFLE_BITS) - 1;

int registry_init(struct registry *registry, const struct env *env) {
    uint64_t random[2];
    int error = os_random(random, sizeof random);
    *registry = (struct registry){.env = *env};
    if (error)
        return error;
    error = shuffle_init(&registry->shuffle);
    if (error)
        return error;
    registry->epoch = random[0] % (EPOCHS - 1) + 1;
    table_init(&registry->objects, offsetof(struct object, id), random[1]);
    return 0;
}

void registry_deinit(struct registry *registry) {
    assert(registry->objects.used == 0);
    table_deinit(&registry->objects);
}

uint64_t registry_issue(struct registry *registry, enum object_kind kind) {
    assert(kind >= OBJECT_DESCRIPTOR &&
           kind <= OBJECT_SESSION); /* otherwise it would be a token of the loop */
    uint64_t number = registry->issued++;
    uint64_t epoch = registry->epoch + (number >> SHUFFLE_BITS);
    if (epoch >= EPOCHS)
        epoch -= EPOCHS - 1;
    return (epoch << SHUFFLE_BITS | shuffle_put(&registry->shuffle, number & SHUFFLED)) << OBJECT_KIND_BITS |
           (uint64_t)kind;
}

uint64_t registry_number(const struct registry *registry, uint64_t id) {
    uint64_t place = id >> OBJECT_KIND_BITS, epoch = place >> SHUFFLE_BITS;
    epoch = (epoch + EPOCHS - 1 - registry->epoch) % (EPOCHS - 1);
    return epoch << SHUFFLE_BITS | shuffle_place(&registry->shuffle, place & SHUFFLED);
}

struct object *registry_find(const struct registry *registry, uint64_t id) {
    return table_find(&registry->objects, id);
}

static enum user_quota slot_of(enum object_kind kind) {
    return kind == OBJECT_DESCRIPTOR ? USER_DESCRIPTORS : USER_OBJECTS;
}

int registry_reserve(struct session_objects *owner, enum object_kind kind, struct refusal *refusal) {
    if (charge_take_object(&owner->account, slot_of(kind), refusal))
        return -1;
    if (!table_reserve(&owner->registry->objects) && !order_reserve(&owner->order))
        return 0;
    registry_cancel(owner, kind);
    return refusal_memory(refusal);
}

void registry_cancel(struct session_objects *owner, enum object_kind kind) {
    charge_give_object(owner->account.user, &owner->account, slot_of(kind));
}

/* Needs reserved room. */
static void put(struct registry *registry, struct object *object, uint64_t id,
                struct session_objects *owner) {
    object->id = id;
    object->owner = owner;
    table_add(&registry->objects, object);
    order_add(&owner->order, registry_number(registry, id), object);
    DL_APPEND(owner->objects, object);
    owner->counts[object_kind_of(id)]++;
    registry->counts[object_kind_of(id)]++;
}

int registry_restore(struct registry *registry, struct object *object, uint64_t id,
                     struct session_objects *owner) {
    const struct object *last = owner->objects ? owner->objects->prev : NULL;
    uint64_t number = registry_number(registry, id), epoch = id >> (SHUFFLE_BITS + OBJECT_KIND_BITS);
    if (epoch < 1 || epoch >= EPOCHS || object_kind_of(id) < OBJECT_DESCRIPTOR ||
        object_kind_of(id) > OBJECT_EVT)
        return -EINVAL;
    if (registry_find(registry, id))
        return -EEXIST;
    if (last && registry_number(registry, last->id) > number)
        return -EINVAL;
    if (registry->issued <= number)
        registry->issued = number + 1;
    put(registry, object, id, owner);
    return 0;
}

void registry_add(struct registry *registry, struct object *object, enum object_kind kind,
                  struct session_objects *owner) {
    uint64_t given = registry->given;
    registry->given = 0;
    if (!given || registry_restore(registry, object, given, owner))
        put(registry, object, registry_issue(registry, kind), owner);
}

void registry_forget(struct registry *registry, struct object *object) {
    table_remove(&registry->objects, object);
}
