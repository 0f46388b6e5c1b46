/* memory.c: calls the user's allocator, or malloc, realloc and free. */
#include "memory.h"

#include <stdbool.h>
#include <stdlib.h>

static bool memory_is_own(const struct memory *memory) { return memory && memory->allocate; }

void *memory_get(const struct memory *memory, size_t size) {
    return memory_is_own(memory) ? memory->allocate(memory->context, NULL, size) : malloc(size);
}

void *memory_resize(const struct memory *memory, void *old, size_t size) {
    return memory_is_own(memory) ? memory->allocate(memory->context, old, size) : realloc(old, size);
}

void memory_free(const struct memory *memory, void *block) {
    if (!memory_is_own(memory))
        free(block);
    else if (block)
        (void)memory->allocate(memory->context, block, 0);
}
