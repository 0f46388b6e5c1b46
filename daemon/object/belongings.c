/* belongings.c: what a session has, and how it all ends. */
#include "belongings.h"

#include "descriptor.h"
#include "handle.h"
#include "indicator.h"
#include "utlist.h"
#include "wait.h"

#include <stddef.h>

void belongings_init(struct belongings *belongings, struct registry *registry, struct user *user,
                     uint64_t session, const char *name, uint64_t seed) {
    *belongings = (struct belongings){.registry = registry};
    account_init(&belongings->account, user, session, name);
    numberings_init(&belongings->numberings, seed);
    table_init(&belongings->numbers, offsetof(struct descriptor, key), seed);
    table_init(&belongings->lent_by_id, offsetof(struct handle, id), seed);
}

struct object *belongings_find(const struct belongings *belongings, uint64_t id) {
    struct object *object = belongings->closed ? NULL : registry_find(belongings->registry, id);
    return object && object->owner == belongings ? object : NULL;
}

void belongings_remove(struct object *object) {
    struct belongings *owner = object->owner;
    enum object_kind kind = registry_kind(object->id);
    owner->counts[kind]--;
    owner->registry->counts[kind]--;
    order_remove(&owner->order, registry_number(owner->registry, object->id), object, object->next);
    DL_DELETE(owner->objects, object);
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

/* Ends one thing, or frees it. False: others have to be told of its end first. */
static bool end_first(struct object *object, int cause) {
    struct descriptor *descriptor = (struct descriptor *)object;
    struct indicator *indicator = (struct indicator *)object;
    if (registry_kind(object->id) != OBJECT_DESCRIPTOR) {
        if (indicator->descriptor)
            indicator_end(indicator, cause);
        else if (indicator->waiters)
            return false;
        else if (!indicator_shed(indicator))
            indicator_free(indicator);
        return true;
    }
    indicator = indicator_registered(descriptor);
    if (indicator)
        indicator_end(indicator, cause);
    else if (!descriptor->telling)
        descriptor_leave(descriptor);
    else
        return false;
    return true;
}

bool belongings_end(struct belongings *belongings, int cause) {
    struct turns *turns = belongings->account.user->lane.turns;
    while (belongings->objects && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        if (!end_first(belongings->objects, cause))
            return false;
    }
    while (!belongings->objects && belongings->waits && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        wait_expire(belongings->waits, cause);
    }
    while (!belongings->objects && belongings->lent && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        indicator_end_lent(belongings->lent);
    }
    return !belongings->objects && !belongings->waits && !belongings->lent;
}

void belongings_deinit(struct belongings *belongings) {
    assert(!belongings->objects && !belongings->waits && !belongings->lent);
    table_deinit(&belongings->numbers);
    table_deinit(&belongings->lent_by_id);
    numberings_deinit(&belongings->numberings);
    account_deinit(&belongings->account);
}
