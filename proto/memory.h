/* memory.h: where memory comes from. A user of the library may bring an allocator; everybody else has malloc. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

struct memory {
    /* As realloc; size 0 frees. NULL: malloc and its kind. */
    void *(*allocate)(void *context, void *old, size_t size);
    void *context;
};

/* memory may be NULL: malloc and its kind. size is not 0. NULL: there is none, and an old block is as it was. */
void *memory_get(const struct memory *memory, size_t size);
void *memory_resize(const struct memory *memory, void *old, size_t size);

/* NULL is allowed as the block. */
void memory_free(const struct memory *memory, void *block);

#endif
