/* object.h: what everything is that has an id and belongs to a session; registry.h finds it. */
#ifndef OBJECT_H
#define OBJECT_H

#include <stdint.h>

enum { OBJECT_KIND_BITS = 3 }; /* the lowest of an id */

/* The values are those of the wire. */
enum object_kind {
    OBJECT_DESCRIPTOR = 1,
    OBJECT_PORT = 2,
    OBJECT_SEMAPHORE = 3,
    OBJECT_EVT = 4,
    OBJECT_SESSION = 5,
};

struct session_objects;

/* First member of everything that has an id and belongs to a session. */
struct object {
    uint64_t id;
    struct session_objects *owner;
    struct object *prev, *next; /* the owner's, in the order of making */
};

/* 0..7, not only those of the enum. */
static inline enum object_kind object_kind_of(uint64_t id) {
    return (enum object_kind)(id & ((1 << OBJECT_KIND_BITS) - 1));
}

#endif
