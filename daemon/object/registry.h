/* registry.h: finds every object of the broker by its id, and holds what all objects share.
 *
 * An id is (epoch << 39) | (place << 3) | kind. The epoch, 14 random bits that are never 0, distinguishes
 * brokers and keeps ids above all descriptor numbers. Places are a counter in a secret order
 * (daemon/base/shuffle.h): a client that sees some ids learns nothing about how many others were issued, but
 * the broker knows which of two was issued first. After 2^36 ids the next epoch begins. No id is reused: the id
 * of a freed object never finds anything again, nor (almost surely) does an id of an earlier broker. */
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
struct holds;
struct always_readies;
struct object_hooks;
struct refusal;

struct registry {
    struct table objects;
    struct shuffle shuffle;
    uint64_t epoch, issued;            /* the first epoch; the number of ids so far */
    size_t counts[OBJECT_SESSION + 1]; /* objects by kind, also of ended sessions */
    struct env env;
    const struct object_hooks *hooks;
    struct slab bounds, extras, waitables, waiters, waitqueues;
    struct deferred_drops *deferred_drops; /* these five: the global state of the file of that name */
    struct probes_pending *probes_pending;
    struct handles *handles;
    struct holds *holds;
    struct always_readies *always_readies;
    struct object *leaving;     /* bindings of ended sessions whose descriptors are being closed */
    size_t waits;               /* in flight */
    uint64_t rounds;            /* counts the activities of all wait queues (waitqueue.h) */
    struct table split_watches; /* by descriptor id (split_watch.h) */
    /* A poller thread was left behind at the end of the broker and may still use thread watches. */
    bool held_up;
    /* Another broker takes over, or this one has not yet: no request is read, and nothing is taken from what is held. */
    bool frozen;
    uint64_t given; /* the id of the next object, issued by an earlier broker; 0: a new one */
    /* Calls upward, set by the sessions: an object with `recorded` has ended, was released or is not any more, or is going to be freed. */
    void (*changed)(struct object *object, bool gone);
};

/* Copies env. Chooses a random epoch and table seed. Returns 0 or a negative errno. */
int registry_init(struct registry *registry, const struct env *env);
void registry_deinit(struct registry *registry); /* asserts that it is empty; a zeroed one is allowed */

/* Returns a new id of that kind. */
uint64_t registry_issue(struct registry *registry, enum object_kind kind);

/* Returns how many ids were issued before this one, also if its object is gone. Any number, if id was not
 * issued by this broker. */
uint64_t registry_number(const struct registry *registry, uint64_t id);

/* Returns the object or NULL. The caller checks the owner. */
struct object *registry_find(const struct registry *registry, uint64_t id);

/* Charges one object of that kind to its owner and reserves room for it. registry_add passes the charge to the
 * object, and session_objects_remove gives it back; registry_cancel gives it back if no object is made. A
 * descriptor must be counted in the fd table already. Returns 0, or -1 with the refusal. */
int registry_reserve(struct session_objects *owner, enum object_kind kind, struct refusal *refusal);
void registry_cancel(struct session_objects *owner, enum object_kind kind);

/* Gives the object a new id, adds it to the registry, and appends it to its owner's list. Needs
 * registry_reserve. */
void registry_add(struct registry *registry, struct object *object, enum object_kind kind,
                  struct session_objects *owner);

/* The same with an id issued earlier, by a registry of the same epoch and shuffle. Later ids will be higher
 * than this one in the order of issue. An owner's objects must be restored in that order, before a new one is
 * added. Returns 0; -EEXIST: the id has an object; -EINVAL: not the id of an object, or out of order. After an
 * error the reservation stays. */
int registry_restore(struct registry *registry, struct object *object, uint64_t id,
                     struct session_objects *owner);

/* The id finds nothing from now on. The object stays in its owner's list. */
void registry_forget(struct registry *registry, struct object *object);

#endif
