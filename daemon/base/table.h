/* table.h: finds structs by a 64-bit key that lies in them at a fixed offset.
 *
 * Open addressing with linear probing over an array of pointers, at most three quarters full, deletion by
 * shifting back: 11 to 22 bytes an entry and nothing on the heap for it. The hash is seeded, since clients
 * choose some of the keys. It grows and shrinks a little with each call that changes it, so that none takes long. Lookups never fail; only table_reserve and table_add ask for memory. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table {
    void **slots;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
    size_t key_offset;
    uint64_t seed;
    void **old; /* what is to be moved into `slots`, or NULL; empty before old_at */
    size_t old_capacity, old_at;
};

/* Takes no memory yet. */
void table_init(struct table *table, size_t key_offset, uint64_t seed);
void table_deinit(struct table *table);

void *table_find(const struct table *table, uint64_t key);

/* For a walk over all entries, in no order: what is at a place below table_places, or NULL. Adding and removing move entries. */
size_t table_places(const struct table *table);
void *table_at(const struct table *table, size_t place);

/* Room for one more, so that the next table_add cannot fail. 0 or -ENOMEM. */
int table_reserve(struct table *table);

/* The key must not be there yet. 0 or -ENOMEM. */
int table_add(struct table *table, void *entry);

/* The entry must be there. Gives memory back when few are left; never fails. */
void table_remove(struct table *table, void *entry);

#endif
