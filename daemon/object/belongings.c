/* belongings.c: what a session has. */
#include "belongings.h"

#include "binding.h"
#include "daemon/access/account.h"
#include "daemon/access/charge.h"
#include "daemon/access/user.h"
#include "handle.h"
#include "registry.h"
#include "utlist.h"

#include <stddef.h>

void belongings_init(struct belongings *belongings, struct registry *registry, struct user *user,
                     uint64_t session, const char *name, uint64_t seed) {
    *belongings = (struct belongings){.registry = registry};
    user->registry = registry;
    account_init(&belongings->account, user, session, name);
    numberings_init(&belongings->numberings, seed);
    table_init(&belongings->numbers, offsetof(struct binding, key), seed);
    table_init(&belongings->lent_by_id, offsetof(struct handle, id), seed);
}

struct object *belongings_find(const struct belongings *belongings, uint64_t id) {
    struct object *object = belongings->closed ? NULL : registry_find(belongings->registry, id);
    return object && object->owner == belongings ? object : NULL;
}

static void take_out(struct object *object) {
    struct belongings *owner = object->owner;
    enum object_kind kind = object_kind_of(object->id);
    owner->counts[kind]--;
    owner->registry->counts[kind]--;
    order_remove(&owner->order, registry_number(owner->registry, object->id), object, object->next);
    DL_DELETE(owner->objects, object);
}

void belongings_remove(struct object *object) {
    take_out(object);
    registry_cancel(object->owner, object_kind_of(object->id));
}

void belongings_leave(struct object *binding) {
    take_out(binding);
    account_leave(&binding->owner->account, USER_DESCRIPTORS, 1);
    binding->owner = NULL;
}

struct object *belongings_next(const struct belongings *belongings, uint64_t after) {
    const struct registry *registry = belongings->registry;
    struct object *object = belongings_find(belongings, after);
    if (!after)
        return belongings->objects;
    if (object)
        return object->next;
    uint64_t number = registry_number(registry, after);
    object = order_seek(&belongings->order, number);
    if (!object)
        object = belongings->objects;
    while (object && registry_number(registry, object->id) <= number)
        object = object->next;
    return object;
}

void belongings_close(struct belongings *belongings) { belongings->closed = true; }

void belongings_deinit(struct belongings *belongings) {
    assert(!belongings->objects && !belongings->waits && !belongings->lent);
    table_deinit(&belongings->numbers);
    table_deinit(&belongings->lent_by_id);
    numberings_deinit(&belongings->numberings);
    charges_leave(&belongings->account);
    account_deinit(&belongings->account);
}
