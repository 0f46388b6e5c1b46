/* table.c: open addressing with linear probing.
 *
 * An entry is in its home slot or after it, with no empty slot between, so a search ends at the first empty slot. Removing an entry moves
 * later ones into the gap, so there are no tombstones.
 *
 * A table that grows or shrinks has two arrays for a time: each call that changes it moves some entries from the old one to the new one, so
 * no call has to move all of them. */
#include "table.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_MIN = 8,
    MOVED = 16,   /* entries moved by each call that changes the table */
    PASSED = 256, /* slots scanned for them */
};

void table_init(struct table *table, size_t key_offset, uint64_t seed) {
    *table = (struct table){.key_offset = key_offset, .seed = seed};
}

void table_deinit(struct table *table) {
    free(table->slots);
    free(table->old);
    table->slots = table->old = NULL;
    table->capacity = table->old_capacity = table->used = 0;
}

static uint64_t key_of(const struct table *table, const void *entry) {
    uint64_t key;

    memcpy(&key, (const char *)entry + table->key_offset, sizeof(key));
    return key;
}

/* Two rounds of multiply and fold, the seed mixed in before each: which keys collide depends on it. */
static size_t home(const struct table *table, uint64_t key, size_t capacity) {
    uint64_t hash = (key ^ table->seed) * UINT64_C(0x9e3779b97f4a7c15);

    hash ^= (hash >> 32) ^ (table->seed << 1);
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    return (size_t)hash & (capacity - 1);
}

static void *search(const struct table *table, void **slots, size_t capacity, uint64_t key) {
    for (size_t i = home(table, key, capacity);; i = (i + 1) & (capacity - 1)) {
        void *entry = slots[i];
        if (!entry || key_of(table, entry) == key)
            return entry;
    }
}

void *table_find(const struct table *table, uint64_t key) {
    void *entry;

    if (!table->used)
        return NULL;
    entry = search(table, table->slots, table->capacity, key);
    return entry || !table->old ? entry : search(table, table->old, table->old_capacity, key);
}

size_t table_places(const struct table *table) { return table->capacity + table->old_capacity; }

void *table_at(const struct table *table, size_t place) {
    return place < table->capacity ? table->slots[place] : table->old[place - table->capacity];
}

static void insert(struct table *table, void *entry) {
    size_t i = home(table, key_of(table, entry), table->capacity);

    while (table->slots[i])
        i = (i + 1) & (table->capacity - 1);
    table->slots[i] = entry;
}

/* Moves entries that a search would miss because of the gap into it, up to the next empty slot. */
static void close_gap(const struct table *table, void **slots, size_t capacity, size_t gap) {
    size_t mask = capacity - 1;

    for (size_t i = (gap + 1) & mask; slots[i]; i = (i + 1) & mask) {
        size_t distance = (i - home(table, key_of(table, slots[i]), capacity)) & mask;
        if (distance < ((i - gap) & mask))
            continue;
        slots[gap] = slots[i];
        gap = i;
    }
    slots[gap] = NULL;
}

/* Slots before old_at stay empty: an entry that fills a gap comes from a slot after it. */
static void move_some(struct table *table, size_t entries, size_t slots) {
    for (; table->old && table->old_at < table->old_capacity && entries && slots; slots--) {
        void *entry = table->old[table->old_at];
        if (!entry) {
            table->old_at++;
            continue;
        }
        close_gap(table, table->old, table->old_capacity, table->old_at);
        insert(table, entry);
        entries--;
    }
    if (!table->old || table->old_at < table->old_capacity)
        return;
    free(table->old);
    table->old = NULL;
    table->old_capacity = 0;
}

static int resize(struct table *table, size_t capacity) {
    void **slots = calloc(capacity, sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    move_some(table, SIZE_MAX, SIZE_MAX); /* of the previous resize: rarely any are left */
    table->old = table->slots;
    table->old_capacity = table->capacity;
    table->old_at = 0;
    table->slots = slots;
    table->capacity = capacity;
    if (table->old)
        move_some(table, MOVED, PASSED);
    return 0;
}

int table_reserve(struct table *table) {
    move_some(table, MOVED, PASSED);
    if (table->used + 1 <= table->capacity / 4 * 3)
        return 0;
    return resize(table, table->capacity ? table->capacity * 2 : CAPACITY_MIN);
}

int table_add(struct table *table, void *entry) {
    int error = table_reserve(table);

    if (error)
        return error;
    assert(!table_find(table, key_of(table, entry)));
    insert(table, entry);
    table->used++;
    return 0;
}

/* False: the slots do not contain it. */
static bool take_out(const struct table *table, void **slots, size_t capacity, const void *entry) {
    size_t i = home(table, key_of(table, entry), capacity);

    while (slots[i] != entry) {
        if (!slots[i])
            return false;
        i = (i + 1) & (capacity - 1);
    }
    close_gap(table, slots, capacity, i);
    return true;
}

void table_remove(struct table *table, void *entry) {
    assert(table->used);
    if (!take_out(table, table->slots, table->capacity, entry)) {
        bool found = table->old && take_out(table, table->old, table->old_capacity, entry);
        assert(found);
        (void)found;
    }
    table->used--;
    move_some(table, MOVED, PASSED);
    if (table->capacity > CAPACITY_MIN && table->used < table->capacity / 4)
        (void)resize(table, table->capacity / 2); /* without memory it keeps its size */
}
