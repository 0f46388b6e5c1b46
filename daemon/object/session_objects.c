/* session_objects.c: the contents of a session. */
#include "session_objects.h"

#include "binding.h"
#include "daemon/access/account.h"
#include "daemon/access/charge.h"
#include "daemon/access/user.h"
#include "handle.h"
#include "registry.h"
#include "utlist.h"

#include <stddef.h>

void session_objects_init(struct session_objects *session_objects, struct registry *registry,
                          struct user *user, uint64_t session, const char *name, uint64_t seed) {
    *session_objects = (struct session_objects){.registry = registry};
    user->registry = registry;
    account_init(&session_objects->account, user, session, name);
    numberings_init(&session_objects->numberings, seed);
    table_init(&session_objects->numbers, offsetof(struct binding, key), seed);
    table_init(&session_objects->lent_by_id, offsetof(struct handle, id), seed);
}

struct object *session_objects_find(const struct session_objects *session_objects, uint64_t id) {
    struct object *object = session_objects->closed ? NULL : registry_find(session_objects->registry, id);
    return object && object->owner == session_objects ? object : NULL;
}

static void take_out(struct object *object) {
    struct session_objects *owner = object->owner;
    enum object_kind kind = object_kind_of(object->id);
    owner->counts[kind]--;
    owner->registry->counts[kind]--;
    order_remove(&owner->order, registry_number(owner->registry, object->id), object, object->next);
    DL_DELETE(owner->objects, object);
}

void session_objects_remove(struct object *object) {
    take_out(object);
    registry_cancel(object->owner, object_kind_of(object->id));
}

void session_objects_leave(struct object *binding) {
    take_out(binding);
    charge_leave_object(&binding->owner->account, USER_DESCRIPTORS);
    binding->owner = NULL;
}

struct object *session_objects_next(const struct session_objects *session_objects, uint64_t after) {
    const struct registry *registry = session_objects->registry;
    struct object *object = session_objects_find(session_objects, after);
    if (!after)
        return session_objects->objects;
    if (object)
        return object->next;
    uint64_t number = registry_number(registry, after);
    object = order_seek(&session_objects->order, number);
    if (!object)
        object = session_objects->objects;
    while (object && registry_number(registry, object->id) <= number)
        object = object->next;
    return object;
}

void session_objects_close(struct session_objects *session_objects) { session_objects->closed = true; }

void session_objects_deinit(struct session_objects *session_objects) {
    assert(!session_objects->objects && !session_objects->waits && !session_objects->lent);
    table_deinit(&session_objects->numbers);
    table_deinit(&session_objects->lent_by_id);
    numberings_deinit(&session_objects->numberings);
    charges_leave(&session_objects->account);
    account_deinit(&session_objects->account);
}
