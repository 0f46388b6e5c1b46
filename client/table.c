/* table.c: requests by id; see table.h. */
#include "table.h"

#include "client.h"

#include <errno.h>

enum { SIZE_FIRST = 64 };

static portd_request **slot_of(const struct table *table, uint64_t id) {
    return &table->slots[id & (table->size - 1)];
}

/* Two ids that differ modulo the old size also differ modulo the new one, so no two entries collide. */
static int table_grow(struct table *table, const portd_client *client) {
    struct table larger = *table;

    larger.size = table->size ? table->size * 2 : SIZE_FIRST;
    if (larger.size > SIZE_MAX / sizeof(portd_request *))
        return -ENOMEM;
    larger.slots = memory_get(&client->memory, larger.size * sizeof(portd_request *));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < larger.size; i++)
        larger.slots[i] = NULL;
    for (size_t i = 0; i < table->size; i++)
        if (table->slots[i])
            *slot_of(&larger, table->slots[i]->id) = table->slots[i];
    memory_free(&client->memory, table->slots);
    *table = larger;
    return 0;
}

int table_add(struct table *table, portd_request *request) {
    if (table->used >= table->size / 2) {
        int r = table_grow(table, request->client);
        if (r < 0)
            return r;
    }
    do
        table->last_id++;
    while (table->last_id == 0 || *slot_of(table, table->last_id));
    request->id = table->last_id;
    *slot_of(table, request->id) = request;
    table->used++;
    return 0;
}

void table_remove(struct table *table, const portd_request *request) {
    *slot_of(table, request->id) = NULL;
    table->used--;
}

portd_request *table_find(const struct table *table, uint64_t id) {
    portd_request *request = table->size > 0 ? *slot_of(table, id) : NULL;

    return request && request->id == id ? request : NULL;
}
