/* table.c: open addressing with linear probing.
 *
 * An entry lies at its home slot or behind it without a gap, so a search ends at the first empty slot.
 * Removing keeps that true by moving later entries into the gap, which needs no marks for deleted slots. */
#include "table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 8 };

void table_init(struct table *table, size_t key_offset, uint64_t seed) {
    *table = (struct table){.key_offset = key_offset, .seed = seed};
}

void table_deinit(struct table *table) {
    free(table->slots);
    table->slots = NULL;
    table->capacity = table->used = 0;
}

static uint64_t key_of(const struct table *table, const void *entry) {
    uint64_t key;

    memcpy(&key, (const char *)entry + table->key_offset, sizeof(key));
    return key;
}

/* Two rounds of multiply and fold, the seed before both: which keys meet depends on it. */
static size_t home(const struct table *table, uint64_t key) {
    uint64_t hash = (key ^ table->seed) * UINT64_C(0x9e3779b97f4a7c15);

    hash ^= (hash >> 32) ^ (table->seed << 1);
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    return (size_t)hash & (table->capacity - 1);
}

void *table_find(const struct table *table, uint64_t key) {
    if (!table->used)
        return NULL;
    for (size_t i = home(table, key);; i = (i + 1) & (table->capacity - 1)) {
        void *entry = table->slots[i];
        if (!entry || key_of(table, entry) == key)
            return entry;
    }
}

static void insert(struct table *table, void *entry) {
    size_t i = home(table, key_of(table, entry));

    while (table->slots[i])
        i = (i + 1) & (table->capacity - 1);
    table->slots[i] = entry;
}

static int resize(struct table *table, size_t capacity) {
    struct table old = *table;
    void **slots = calloc(capacity, sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    table->slots = slots;
    table->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i])
            insert(table, old.slots[i]);
    free(old.slots);
    return 0;
}

int table_reserve(struct table *table) {
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

/* Moves into the gap what would not be found across it, until the run of full slots ends. */
static void close_gap(struct table *table, size_t gap) {
    size_t mask = table->capacity - 1;

    for (size_t i = (gap + 1) & mask; table->slots[i]; i = (i + 1) & mask) {
        size_t distance = (i - home(table, key_of(table, table->slots[i]))) & mask;
        if (distance < ((i - gap) & mask))
            continue;
        table->slots[gap] = table->slots[i];
        gap = i;
    }
    table->slots[gap] = NULL;
}

void table_remove(struct table *table, void *entry) {
    assert(table->used);
    size_t i = home(table, key_of(table, entry));

    while (table->slots[i] != entry) {
        assert(table->slots[i]);
        i = (i + 1) & (table->capacity - 1);
    }
    close_gap(table, i);
    table->used--;
    if (table->capacity > CAPACITY_MIN && table->used < table->capacity / 4)
        (void)resize(table, table->capacity / 2); /* without memory it stays as large as it is */
}
