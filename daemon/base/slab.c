/* slab.c: blocks of objects, each with a list of its free objects.
 *
 * An object's block is found by address in a sorted array of blocks: 8 bytes per 16 KiB, no aligned allocation, no header on the object. A
 * block is full (in no list), usable (in slab->usable) or the spare. Objects that were never taken are not touched, so their pages are not
 * resident. */
#include "slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 16 * 1024 - 32, OBJECTS_MIN = 4, BLOCKS_STEP = 16 };

/* The content of a free object. */
struct vacant {
    struct vacant *next;
};

struct slab_block {
    struct slab_block *next, *previous; /* in slab->usable */
    struct vacant *vacant;
    size_t used;
    size_t fresh; /* objects from this index were never taken */
    size_t capacity;
    _Alignas(8) uint64_t objects[];
};

void slab_init(struct slab *slab, size_t size) { *slab = (struct slab){.size = (size + 7) / 8 * 8}; }

void slab_deinit(struct slab *slab) {
    assert(!slab->used && !slab->usable);
    free(slab->spare);
    free(slab->blocks);
    *slab = (struct slab){.size = slab->size};
}

static void list_add(struct slab *slab, struct slab_block *block) {
    block->previous = NULL;
    block->next = slab->usable;
    if (block->next)
        block->next->previous = block;
    slab->usable = block;
}

static void list_remove(struct slab *slab, struct slab_block *block) {
    if (block->next)
        block->next->previous = block->previous;
    if (block->previous)
        block->previous->next = block->next;
    else
        slab->usable = block->next;
}

/* How many blocks begin at or below the address. */
static size_t rank(const struct slab *slab, const void *address) {
    size_t low = 0, high = slab->n_blocks;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)slab->blocks[middle] <= (uintptr_t)address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct slab_block *block_new(struct slab *slab) {
    size_t capacity = (BLOCK_SIZE - sizeof(struct slab_block)) / slab->size;
    struct slab_block *block, **blocks = slab->blocks;

    if (slab->n_blocks == slab->blocks_capacity) {
        size_t more = slab->blocks_capacity + slab->blocks_capacity / 2 + BLOCKS_STEP;
        blocks = realloc(slab->blocks, more * sizeof(struct slab_block *));
        if (!blocks)
            return NULL;
        slab->blocks = blocks;
        slab->blocks_capacity = more;
    }
    if (capacity < OBJECTS_MIN)
        capacity = OBJECTS_MIN;
    block = malloc(sizeof(*block) + capacity * slab->size);
    if (!block)
        return NULL;
    *block = (struct slab_block){.capacity = capacity};
    size_t at = rank(slab, block);
    memmove(blocks + at + 1, blocks + at, (slab->n_blocks - at) * sizeof(struct slab_block *));
    blocks[at] = block;
    slab->n_blocks++;
    return block;
}

static void block_free(struct slab *slab, struct slab_block *block) {
    size_t at = rank(slab, block);

    memmove(slab->blocks + at - 1, slab->blocks + at, (slab->n_blocks - at) * sizeof(struct slab_block *));
    slab->n_blocks--;
    free(block);
}

/* The head of slab->usable, a block with a free object; NULL without memory. */
static struct slab_block *usable_block(struct slab *slab) {
    struct slab_block *block = slab->usable;

    if (block)
        return block;
    block = slab->spare;
    slab->spare = NULL;
    if (!block)
        block = block_new(slab);
    if (block)
        list_add(slab, block);
    return block;
}

void *slab_take(struct slab *slab) {
    struct slab_block *block = usable_block(slab);
    void *object;

    if (!block)
        return NULL;
    if (block->vacant) {
        object = block->vacant;
        block->vacant = block->vacant->next;
    } else {
        object = (char *)block->objects + block->fresh++ * slab->size;
    }
    block->used++;
    slab->used++;
    if (block->used == block->capacity)
        list_remove(slab, block);
    return memset(object, 0, slab->size);
}

void slab_give(struct slab *slab, void *object) {
    struct slab_block *block = slab->blocks[rank(slab, object) - 1];
    struct vacant *vacant = object;

    assert(((size_t)((char *)object - (char *)block->objects)) % slab->size == 0 && block->used);
    if (block->used == block->capacity)
        list_add(slab, block);
    vacant->next = block->vacant;
    block->vacant = vacant;
    block->used--;
    slab->used--;
    if (block->used)
        return;
    list_remove(slab, block);
    if (slab->spare)
        block_free(slab, block);
    else
        slab->spare = block;
}
