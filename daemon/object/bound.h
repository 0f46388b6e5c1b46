/* bound.h: a copy and its binding lie in one piece of memory, since a broker has very many of both: so neither needs a pointer to the other.
 *
 * Only these functions know that. Like strchr they lead from what is const to what is not. */
#ifndef BOUND_H
#define BOUND_H

#include "binding.h"
#include "descriptor.h"

struct bound {
    struct binding binding;
    struct descriptor descriptor;
};

static inline struct descriptor *bound_descriptor(const struct binding *binding) {
    return &((struct bound *)((uintptr_t)binding - offsetof(struct bound, binding)))->descriptor;
}

static inline struct binding *bound_binding(const struct descriptor *descriptor) {
    return &((struct bound *)((uintptr_t)descriptor - offsetof(struct bound, descriptor)))->binding;
}

/* Of an object that is OBJECT_DESCRIPTOR. */
static inline struct descriptor *bound_of_object(const struct object *object) {
    return bound_descriptor((const struct binding *)object);
}

#endif
