/* arena.h: memory for unpacking messages of strangers: bounded, zero-filled, given back all at once.
 *
 * protobuf-c asks for memory field by field, and a small hostile message can make it ask for a lot. The arena answers from one
 * block and then refuses; unpacking fails cleanly. Zero-filling keeps what the library leaves unset from being read. */
#ifndef ARENA_H
#define ARENA_H

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { ARENA_SIZE = 128 * 1024 };

struct arena {
    ProtobufCAllocator allocator; /* give this to unpack; frees are no-ops */
    const struct memory *memory;
    uint8_t *block;
    size_t used;
    bool exhausted; /* something was refused since the last reset */
};

/* 0 or -ENOMEM. memory is borrowed, NULL for malloc. */
int arena_init_in(struct arena *arena, const struct memory *memory);
static inline int arena_init(struct arena *arena) { return arena_init_in(arena, NULL); }
void arena_deinit(struct arena *arena);

/* Everything that came from the arena is invalid after this. */
void arena_reset(struct arena *arena);

#endif
