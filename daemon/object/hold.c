/* hold.c: names, copies, and the end of all that was made by a hold. */
#include "hold.h"

#include "binding.h"
#include "bound.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/siphash.h"
#include "descriptor.h"
#include "extras.h"
#include "pending_create.h"
#include "proto/container.h"
#include "registry.h"
#include "session_objects.h"
#include "utlist.h"
#include "waitable.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int holds_init(struct registry *registry) {
    struct holds *holds = calloc(1, sizeof *holds);
    uint64_t random[3];
    int error = holds ? os_random(random, sizeof random) : -ENOMEM;
    if (error) {
        free(holds);
        return error;
    }
    *holds = (struct holds){.registry = registry, .key = {random[0], random[1]}};
    table_init(&holds->by_hash, offsetof(struct hold, hash), random[2]);
    table_init(&holds->owners, offsetof(struct hold_owner, uid), random[2]);
    registry->holds = holds;
    return 0;
}

void holds_deinit(struct registry *registry) {
    if (!registry->holds)
        return;
    assert(!registry->holds->owners.used);
    table_deinit(&registry->holds->by_hash);
    table_deinit(&registry->holds->owners);
    free(registry->holds);
    registry->holds = NULL;
}

static uint64_t hash_of(const struct holds *holds, os_uid owner, const char *name) {
    char key[sizeof owner + HOLD_NAME_MAX];
    size_t length = strlen(name);
    memcpy(key, &owner, sizeof owner);
    memcpy(key + sizeof owner, name, length);
    return siphash(holds->key, key, sizeof owner + length);
}

struct hold *hold_find(const struct holds *holds, os_uid owner, const char *name) {
    struct hold *hold =
        strlen(name) > HOLD_NAME_MAX ? NULL : table_find(&holds->by_hash, hash_of(holds, owner, name));
    while (hold && (hold->owner != owner || strcmp(hold->name, name) != 0))
        hold = hold->same;
    return hold;
}

static uint64_t number_of(const struct hold *hold) { return registry_number(hold->all->registry, hold->id); }

struct hold *holds_next(const struct holds *holds, os_uid owner, uint64_t after) {
    uint64_t number = registry_number(holds->registry, after);
    const struct hold_owner *of = table_find(&holds->owners, owner);
    struct hold *hold = of && after ? order_seek(&of->order, number) : NULL;
    if (!hold && of)
        hold = of->list;
    while (hold && (hold->hidden || (after && number_of(hold) <= number)))
        hold = hold->next;
    return hold;
}

struct hold *hold_next(const struct hold *hold) {
    struct hold *next = hold->next;
    while (next && next->hidden)
        next = next->next;
    return next;
}

struct hold *holds_any(const struct holds *holds) {
    for (size_t i = 0; i < table_places(&holds->owners); i++) {
        const struct hold_owner *of = table_at(&holds->owners, i);
        if (of)
            return of->list;
    }
    return NULL;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

/* Ends one of the objects that were made by this copy. False: none is left. */
static bool end_one(struct descriptor *copy, int cause) {
    struct waitable *waitable = waitable_registered(bound_binding(copy));
    if (waitable)
        waitable_end(waitable, cause);
    return waitable != NULL;
}

static struct descriptor *descriptor_of(struct ring *node) {
    return CONTAINER_OF(node, struct extras, copy)->of;
}

/* Ends the objects of one copy, as many as the turn allows. The copy is closed then, unless waiters are still to be told of it. */
static void end_copy(struct hold *hold, struct ring *node) {
    struct turns *turns = hold->user->lane.turns;
    struct descriptor *copy = descriptor_of(node);
    descriptor_catch_up(copy); /* a semaphore that should have fired before does not end with another cause */
    pending_create_end_all(copy, OBJECT_SEMAPHORE, hold->cause);
    pending_create_end_all(copy, OBJECT_EVT, hold->cause);
    while (!turn_is_over(turns) && end_one(copy, hold->cause))
        turn_spend(turns, 1);
    if (waitable_registered(bound_binding(copy)))
        return;
    ring_remove(node);
    ring_add(&hold->ending, node);
    if (!descriptor_is_closing(copy))
        descriptor_update(copy);
}

static void tell(struct hold *hold) {
    struct ring *node;
    while ((node = ring_first(&hold->ends)) != NULL) {
        struct hold_end *end = CONTAINER_OF(node, struct hold_end, node);
        ring_remove(node);
        end->done(end);
    }
}

/* Tells, when all copies are closed. */
static void finish(struct hold *hold) {
    if (!hold->cause || hold->kept || turn_is_queued(&hold->task) || !ring_is_empty(&hold->copies) ||
        !ring_is_empty(&hold->ending))
        return;
    tell(hold);
    hold->gone(hold);
}

void hold_copy_closed(struct hold *hold) {
    hold->n_copies--;
    finish(hold);
}

void hold_unkeep(struct hold *hold) {
    hold->kept = false;
    finish(hold);
}

static void step(struct task *task) {
    struct hold *hold = CONTAINER_OF(task, struct hold, task);
    struct turns *turns = hold->user->lane.turns;
    struct ring *node;
    while (!turn_is_over(turns) && (node = ring_first(&hold->copies)) != NULL) {
        turn_spend(turns, 4);
        end_copy(hold, node);
    }
    if (!ring_is_empty(&hold->copies))
        turn_queue(&hold->user->lane, task);
    else
        finish(hold);
}

/* If nothing is held for it. */
static void owner_free(struct holds *holds, struct hold_owner *of) {
    if (of->list)
        return;
    table_remove(&holds->owners, of);
    order_deinit(&of->order);
    free(of);
}

static struct hold_owner *owner_get(struct holds *holds, os_uid uid) {
    struct hold_owner *of = table_find(&holds->owners, uid);
    if (of)
        return of;
    of = calloc(1, sizeof *of);
    if (!of || table_reserve(&holds->owners)) {
        free(of);
        return NULL;
    }
    of->uid = uid;
    (void)table_add(&holds->owners, of);
    return of;
}

void hold_hide(struct hold *hold) {
    struct holds *holds = hold->all;
    struct hold *first = table_find(&holds->by_hash, hold->hash);
    hold->hidden = true;
    if (first == hold) {
        table_remove(&holds->by_hash, hold);
        if (hold->same)
            (void)table_add(&holds->by_hash, hold->same); /* in the place that is free now */
    } else {
        while (first->same != hold)
            first = first->same;
        first->same = hold->same;
    }
}

/* 0 or -ENOMEM. */
static int enter_name(struct hold *hold) {
    struct table *by_hash = &hold->all->by_hash;
    struct hold *first = table_find(by_hash, hold->hash);
    hold->same = NULL;
    if (!first)
        return table_add(by_hash, hold);
    hold->same = first->same;
    first->same = hold;
    return 0;
}

void hold_show(struct hold *hold) {
    hold->hidden = false;
    (void)enter_name(hold); /* in the place that is free now */
}

/* It cannot be found from now on. */
static void leave(struct hold *hold) {
    struct holds *holds = hold->all;
    if (!hold->hidden)
        hold_hide(hold);
    order_remove(&hold->of->order, number_of(hold), hold, hold->next);
    DL_DELETE(hold->of->list, hold);
    owner_free(holds, hold->of);
    hold->of = NULL;
}

void hold_end(struct hold *hold, int cause) {
    if (hold->of)
        leave(hold);
    hold->cause = (uint8_t)cause;
    bound_descriptor(hold->binding)->held = bound_descriptor(hold->binding)->extras->hang_up = false;
    hold->binding = NULL;
    hold->task = (struct task){.step = step, .gives = true};
    turn_queue(&hold->user->lane, &hold->task);
}

void hold_await_end(struct hold *hold, struct hold_end *end) { ring_add(&hold->ends, &end->node); }

void hold_forget_end(struct hold_end *end) {
    if (ring_has(&end->node))
        ring_remove(&end->node);
}

/* ---- hang-up ------------------------------------------------------------------------------------------------------ */

/* Of all else it is not known, or never comes. What listens is not connected to anybody. */
static bool is_told(enum inspect_type type) {
    return ENGINE_HAS_EDGES && (type == INSPECT_PIPE || type == INSPECT_TCP || type == INSPECT_UNIX ||
                                type == INSPECT_UNIX_SEQPACKET || type == INSPECT_TTY);
}

int hold_check_hang_up(const struct hold *hold, struct refusal *refusal) {
    enum inspect_type type = (enum inspect_type)bound_descriptor(hold->binding)->type;
    if (is_told(type))
        return 0;
    return refusal_set(
        refusal, REFUSAL_UNSUPPORTED, "hang_up", "set a time to live or a process, or drop it yourself",
        "this system does not tell of a hang-up of a descriptor of this type (%s)", inspect_name(type));
}

int hold_set_hang_up(struct hold *hold, bool wanted, struct refusal *refusal) {
    struct descriptor *copy = bound_descriptor(hold->binding);
    if (wanted == copy->extras->hang_up)
        return 0;
    if (wanted && hold_check_hang_up(hold, refusal))
        return -1;
    copy->extras->hang_up = wanted;
    int error = descriptor_arm(copy, 0);
    if (!error || !wanted)
        return 0;
    copy->extras->hang_up = false;
    return refusal_system(refusal, error < 0 ? -error : EOPNOTSUPP, "cannot watch for the hang-up");
}

void hold_hung_up(struct hold *hold) { hold->hung_up(hold); }

/* ---- copies ------------------------------------------------------------------------------------------------------- */

int hold_get_key(const struct hold *hold, struct session_objects *session_objects, uint64_t *key,
                 struct refusal *refusal) {
    uint64_t *place = &session_objects->hold_place;
    if (!*place && numbering_get(&session_objects->numberings, 0, place))
        return refusal_memory(refusal);
    *key = number_key(*place, hold->serial);
    return 0;
}

struct binding *hold_binding(const struct hold *hold, const struct session_objects *session_objects) {
    uint64_t place = session_objects->hold_place;
    return place ? binding_find(session_objects, number_key(place, hold->serial)) : NULL;
}

size_t hold_copies(const struct hold *hold, const struct descriptor **copies, size_t room) {
    size_t n = 0;
    for (struct ring *node = hold->copies.prev; n < room && node != &hold->copies; node = node->prev)
        if (descriptor_of(node)->id != hold->id)
            copies[n++] = descriptor_of(node);
    return n;
}

uint32_t hold_group(const struct descriptor *copy, enum hold_use use) { return copy->extras->groups[use]; }

void hold_set_group(struct descriptor *copy, enum hold_use use, uint32_t group) {
    copy->extras->groups[use] = group;
}

int hold_join(struct hold *hold, struct descriptor *copy, struct refusal *refusal) {
    if (hold_of(copy))
        return 0;
    if (!extras_get(copy))
        return refusal_memory(refusal);
    copy->extras->hold = hold;
    copy->extras->of = copy;
    for (int use = 0; use < HOLD_USES; use++)
        hold_set_group(copy, (enum hold_use)use, HOLD_NO_GROUP);
    ring_add(&hold->copies, &copy->extras->copy);
    hold->n_copies++;
    return 0;
}

struct hold *hold_of(const struct descriptor *descriptor) {
    return descriptor->extras ? descriptor->extras->hold : NULL;
}

int hold_make(struct hold *hold, struct session_objects *in, os_fd *fd, struct refusal *refusal) {
    struct holds *holds = in->registry->holds;
    struct binding_claim claim;
    uint64_t key = 0;
    ring_init(&hold->copies);
    ring_init(&hold->ending);
    ring_init(&hold->ends);
    hold->all = holds;
    hold->serial = ++holds->issued;
    if (hold_get_key(hold, in, &key, refusal))
        return -1;
    if (binding_claim(in, key, *fd, false, 0, &claim, refusal))
        return -1;
    struct descriptor *copy = bound_descriptor(claim.binding);
    *fd = OS_FD_NONE;
    hold->binding = claim.binding;
    hold->id = copy->id;
    copy->held = !hold_join(hold, copy, refusal);
    if (copy->held) {
        hold->user = user_hold(in->account.user);
        return 0;
    }
    descriptor_update(copy);
    return -1;
}

int hold_enter(struct hold *hold, os_uid owner, const char *name) {
    struct holds *holds = hold->all;
    struct hold_owner *of = owner_get(holds, owner);
    if (!of)
        return -ENOMEM;
    if (order_reserve(&of->order) || table_reserve(&holds->by_hash)) {
        owner_free(holds, of);
        return -ENOMEM;
    }
    hold->of = of;
    hold->owner = owner;
    memcpy(hold->name, name, strlen(name) + 1);
    hold->hash = hash_of(holds, owner, name);
    (void)enter_name(hold); /* there is room */
    DL_APPEND(of->list, hold);
    order_add(&of->order, number_of(hold), hold);
    return 0;
}
