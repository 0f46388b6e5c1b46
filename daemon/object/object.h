/* object.h: the common head of everything that has an id and belongs to a session. registry.h finds it by id. */
#ifndef OBJECT_H
#define OBJECT_H

#include <stdint.h>

enum { OBJECT_KIND_BITS = 3 }; /* the lowest bits of an id */

/* Values of the wire protocol. */
enum object_kind {
    OBJECT_DESCRIPTOR = 1,
    OBJECT_PORT = 2,
    OBJECT_SEMAPHORE = 3,
    OBJECT_EVT = 4,
    OBJECT_SESSION = 5,
};

struct session_objects;

struct object {
    uint64_t id;
    struct session_objects *owner;
    struct object *prev, *next; /* in owner->objects, in order of creation */
};

/* Returns 0..7, so possibly a value outside the enum. */
static inline enum object_kind object_kind_of(uint64_t id) {
    return (enum object_kind)(id & ((1 << OBJECT_KIND_BITS) - 1));
}

#endif
