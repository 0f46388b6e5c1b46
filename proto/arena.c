/* arena.c: a bump allocator in one block.
 *
 * Bytes are zeroed when they are allocated, not at the reset, so a small message costs only what it uses. `used` is always a multiple of
 * ALIGNMENT and at most ARENA_SIZE. The allocator points at its arena: an arena must not move between init and deinit. */
#include "arena.h"

#include <errno.h>
#include <string.h>

enum { ALIGNMENT = 16 };

static void *arena_alloc(void *data, size_t size) {
    struct arena *arena = data;

    if (size > ARENA_SIZE - arena->used) {
        arena->exhausted = true;
        return NULL;
    }
    uint8_t *piece = arena->block + arena->used;
    /* Cannot pass the end, since the free space is a multiple of ALIGNMENT, too. */
    arena->used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(piece, 0, size);
    return piece;
}

static void arena_free(void *data, void *piece) {
    (void)data;
    (void)piece;
}

int arena_init_in(struct arena *arena, const struct memory *memory) {
    arena->memory = memory;
    arena->block = memory_get(memory, ARENA_SIZE);
    if (!arena->block)
        return -ENOMEM;
    arena->allocator =
        (ProtobufCAllocator){.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
    arena_reset(arena);
    return 0;
}

void arena_deinit(struct arena *arena) {
    memory_free(arena->memory, arena->block);
    arena->block = NULL;
}

void arena_reset(struct arena *arena) {
    arena->used = 0;
    arena->exhausted = false;
}
