/* slab.h: memory for many objects of one size, without a header per object.
 *
 * Objects are parts of blocks of about 16 KiB; a block's free objects are reused, last freed first. Free blocks are freed, except one spare. */
#ifndef SLAB_H
#define SLAB_H

#include <stddef.h>

struct slab_block;

struct slab {
    size_t size;               /* of one object, a multiple of 8 */
    struct slab_block *usable; /* blocks with free objects and used ones */
    struct slab_block *spare;  /* a free block, or NULL */
    size_t used;
    struct slab_block **blocks; /* all, by address */
    size_t n_blocks, blocks_capacity;
};

void slab_init(struct slab *slab, size_t size);
void slab_deinit(struct slab *slab); /* asserts that every object was given back */

/* A zero-filled object, aligned to 8; NULL without memory. */
void *slab_take(struct slab *slab);
void slab_give(struct slab *slab, void *object);

#endif
