/* arena.h: memory for unpacking untrusted messages: bounded, zero-filled, freed all at once.
 *
 * protobuf-c allocates field by field, and a small hostile message can make it allocate a lot. The arena allocates from one block; when that
 * is used up, allocation and so unpacking fails. Zero-filling makes members that the library does not set harmless. */
#ifndef ARENA_H
#define ARENA_H

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { ARENA_SIZE = 128 * 1024 };

struct arena {
    ProtobufCAllocator allocator; /* for unpacking; its free does nothing */
    const struct memory *memory;
    uint8_t *block;
    size_t used;
    bool exhausted; /* an allocation has failed since the last reset */
};

/* 0 or -ENOMEM. memory is borrowed; NULL: malloc. */
int arena_init_in(struct arena *arena, const struct memory *memory);
static inline int arena_init(struct arena *arena) { return arena_init_in(arena, NULL); }
void arena_deinit(struct arena *arena);

/* Frees everything that was allocated from the arena. */
void arena_reset(struct arena *arena);

#endif
