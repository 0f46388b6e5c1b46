/* memory.h: an allocator that a user of the library may supply; without one malloc is used. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

struct memory {
    /* As realloc; size 0 frees. NULL: malloc, realloc and free. */
    void *(*allocate)(void *context, void *old, size_t size);
    void *context;
};

/* memory may be NULL: malloc. size must not be 0. NULL without memory; then the old block is unchanged. */
void *memory_get(const struct memory *memory, size_t size);
void *memory_resize(const struct memory *memory, void *old, size_t size);

/* block may be NULL. */
void memory_free(const struct memory *memory, void *block);

#endif
