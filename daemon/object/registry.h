/* registry.h: every object of the broker by its id, and what all of them share.
 *
 * An id is (epoch << 39) | (place << 3) | kind. The epoch, 14 bits that are random and never 0, tells brokers apart, and keeps ids above every
 * number of a descriptor. Places are numbers that are counted, in a secret order (daemon/base/shuffle.h): so ids tell who sees some of them
 * nothing of what others have made, and the broker still knows which of two was issued first. After 2^36 of them the next epoch begins. None
 * comes again: an id that is gone names nothing for ever, and neither (almost surely) does one of an earlier broker. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "daemon/base/shuffle.h"
#include "daemon/base/slab.h"
#include "daemon/base/table.h"
#include "env.h"
#include "object.h"

#include <stdbool.h>
#include <stdint.h>

struct probes_pending;
struct session_objects;
struct deferred_drops;
struct handles;
struct always_readies;
struct object_hooks;
struct refusal;

struct registry {
    struct table objects;
    struct shuffle shuffle;
    uint64_t epoch, issued;            /* the first one; ids so far */
    size_t counts[OBJECT_SESSION + 1]; /* what all sessions have, ended or not */
    struct env env;
    const struct object_hooks *hooks;
    struct slab bounds, extras, waitables, waiters, waitqueues;
    struct deferred_drops *deferred_drops; /* these four are what their files keep for all */
    struct probes_pending *probes_pending;
    struct handles *handles;
    struct always_readies *always_readies;
    struct object *leaving;     /* bindings whose copies are being closed, of sessions that have ended */
    size_t waits;               /* in flight */
    uint64_t rounds;            /* activities that queues were told of (waitqueue.h) */
    struct table split_watches; /* second numbers of descriptors (split_watch.h) */
    bool held_up; /* a poller thread was left behind at the end, and may still look at thread watches */
};

/* env is copied. Random start and table seed. 0 or a negative errno. */
int registry_init(struct registry *registry, const struct env *env);
void registry_deinit(struct registry *registry); /* asserts that it is empty; zeros are allowed */

/* A new id of that kind. */
uint64_t registry_issue(struct registry *registry, enum object_kind kind);

/* How many ids were issued before that one, whose object may be gone. Of what is no id of this broker: some number. */
uint64_t registry_number(const struct registry *registry, uint64_t id);

/* The object, or NULL. Whose it is, is for the caller to check. */
struct object *registry_find(const struct registry *registry, uint64_t id);

/* One more object of that kind is charged to its owner, and there is room for it. From registry_add on the charge is the object's, which session_objects_remove
 * gives back; registry_cancel: there will be none. A descriptor has its place in the table already. 0, or -1 and the refusal. */
int registry_reserve(struct session_objects *owner, enum object_kind kind, struct refusal *refusal);
void registry_cancel(struct session_objects *owner, enum object_kind kind);

/* Gives the object, which is reserved, an id, puts it into the registry and at the end of its owner's list. */
void registry_add(struct registry *registry, struct object *object, enum object_kind kind,
                  struct session_objects *owner);

/* The same with an id that was issued before, by a registry of the same epoch and shuffle; none that comes later is below it. What an owner has
 * is restored in the order in which it was issued, before anything new is added. 0, -EEXIST: the id has its object; -EINVAL: it is no object's, or
 * out of order; then it is still reserved. */
int registry_restore(struct registry *registry, struct object *object, uint64_t id,
                     struct session_objects *owner);

/* The id finds nothing any more; it stays in the owner's list. */
void registry_forget(struct registry *registry, struct object *object);

#endif
