/* bound.h: a descriptor and its binding share one slab element, because a broker has very many of both and
 * neither then needs a pointer to the other. A descriptor is the broker's copy of an open file; its binding is
 * what a session calls it.
 *
 * Only these functions know the layout. Like strchr they turn a pointer to const into one to non-const, by way
 * of an integer. */
#ifndef BOUND_H
#define BOUND_H

#include "binding.h"
#include "descriptor.h"
#include "proto/container.h"

#include <stdint.h>

struct bound {
    struct binding binding;
    struct descriptor descriptor;
};

static inline struct descriptor *bound_descriptor(const struct binding *binding) {
    return &CONTAINER_OF((uintptr_t)binding, struct bound, binding)->descriptor;
}

static inline struct binding *bound_binding(const struct descriptor *descriptor) {
    return &CONTAINER_OF((uintptr_t)descriptor, struct bound, descriptor)->binding;
}

/* object must be an OBJECT_DESCRIPTOR. */
static inline struct descriptor *bound_of_object(const struct object *object) {
    return bound_descriptor((const struct binding *)object);
}

#endif
