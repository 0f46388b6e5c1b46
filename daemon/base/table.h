/* table.h: a hash table of structs with a 64-bit key at a fixed offset.
 *
 * Open addressing with linear probing in an array of pointers, at most three quarters full, deletion by shifting back: 11 to 22 bytes per
 * entry, no allocation per entry. The hash is seeded, since clients choose some of the keys. Resizing is incremental, so no call takes
 * long. The caller owns the entries. */
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
    void **old; /* entries to be moved into `slots`, or NULL; empty before old_at */
    size_t old_capacity, old_at;
};

/* Allocates nothing. */
void table_init(struct table *table, size_t key_offset, uint64_t seed);
void table_deinit(struct table *table);

void *table_find(const struct table *table, uint64_t key);

/* To iterate over all entries, in no order: the entry at a place below table_places, or NULL. Adding and removing move entries. */
size_t table_places(const struct table *table);
void *table_at(const struct table *table, size_t place);

/* Makes room for one more entry, so that the next table_add cannot fail. 0 or -ENOMEM. */
int table_reserve(struct table *table);

/* The table must not contain the key. 0 or -ENOMEM. */
int table_add(struct table *table, void *entry);

/* The table must contain the entry. Shrinks when few are left; never fails. */
void table_remove(struct table *table, void *entry);

#endif
