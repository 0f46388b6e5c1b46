/* slab.h: memory for many objects of one size, without a header on each.
 *
 * Objects come from blocks of about 16 KiB; freed ones are handed out again, last freed first. A block that
 * is wholly free goes back to the system, but for one that is kept. Objects come zero-filled. Nothing else is
 * promised about addresses. */
#ifndef SLAB_H
#define SLAB_H

#include <stddef.h>

struct slab_block;

struct slab {
    size_t size;               /* of one object, a multiple of 8 */
    struct slab_block *usable; /* blocks with free objects and used ones */
    struct slab_block *spare;  /* one that is wholly free, or NULL */
    size_t used;
    struct slab_block **blocks; /* all of them in the order of their addresses */
    size_t n_blocks, blocks_capacity;
};

void slab_init(struct slab *slab, size_t size);
void slab_deinit(struct slab *slab); /* asserts that every object was given back */

/* NULL without memory. */
void *slab_take(struct slab *slab);
void slab_give(struct slab *slab, void *object);

#endif
