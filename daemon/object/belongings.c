/* belongings.c: what a session has, and how it all ends. */
#include "belongings.h"

#include "descriptor.h"
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
}

struct object *belongings_find(const struct belongings *belongings, uint64_t id) {
    struct object *object = registry_find(belongings->registry, id);
    return object && object->owner == belongings ? object : NULL;
}

void belongings_remove(struct object *object) {
    struct belongings *owner = object->owner;
    owner->counts[registry_kind(object->id)]--;
    DL_DELETE(owner->objects, object);
}

struct object *belongings_next(const struct belongings *belongings, uint64_t after) {
    struct object *object = belongings_find(belongings, after);
    if (object)
        return object->next;
    /* Places wrap around, so "above" is the order of the list, which is that of issuing. */
    uint64_t start = belongings->registry->start << 3;
    DL_FOREACH (belongings->objects, object)
        if (after == 0 || object->id - start > after - start)
            return object;
    return NULL;
}

void belongings_end(struct belongings *belongings, int cause) {
    struct object *object, *next;
    /* Indicators first: ending one answers its waits and lets go of its descriptor, whose closing may already be over
     * when the next turn comes, so the walk begins anew after each. */
    for (object = belongings->objects; object; object = next) {
        next = object->next;
        if (registry_kind(object->id) != OBJECT_DESCRIPTOR)
            indicator_end((struct indicator *)object, cause);
    }
    while (belongings->waits)
        wait_end(belongings->waits, cause);
    while (belongings->lent)
        indicator_end_lent(belongings->lent);
    while (belongings->objects) {
        object = belongings->objects;
        if (registry_kind(object->id) == OBJECT_DESCRIPTOR)
            descriptor_leave((struct descriptor *)object);
        else
            indicator_free((struct indicator *)object);
    }
    table_deinit(&belongings->numbers);
    numberings_deinit(&belongings->numberings);
    account_deinit(&belongings->account);
}
