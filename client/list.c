/* list.c: snapshots. Items lie in one array that grows; their strings are copied into one block for each result, so an
 * item never points into the connection's memory. */
#include "list.h"

#include "client.h"

#include <string.h>

struct block {
    struct block *next;
    char text[];
};

struct portd_list {
    struct memory memory;
    portd_item *items;
    size_t n;
    struct block *blocks;
    portd_status *status; /* with its session and quotas behind it; NULL: a listing */
};

portd_list *list_new(const portd_client *client) {
    portd_list *list = memory_get(&client->memory, sizeof(*list));

    if (list)
        *list = (portd_list){.memory = client->memory};
    return list;
}

static size_t item_text_size(const portd_item *item) {
    return strlen(item->type) + strlen(item->client) + strlen(item->name) + 3;
}

static size_t status_text_size(const portd_status *status) {
    size_t size = strlen(status->broker) + strlen(status->engine) + strlen(status->identity) + 3;

    size += item_text_size(status->session);
    for (size_t i = 0; i < status->n_quotas; i++)
        size += strlen(status->quotas[i].name) + 1;
    return size;
}

/* Copies a string to *at, moves *at behind it, and returns the copy. */
static const char *text_put(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

static portd_item item_copy(const portd_item *item, char **at) {
    portd_item copy = *item;

    copy.type = text_put(at, item->type);
    copy.client = text_put(at, item->client);
    copy.name = text_put(at, item->name);
    return copy;
}

static struct block *block_new(const portd_list *list, size_t size) {
    return memory_get(&list->memory, sizeof(struct block) + size);
}

static void block_add(portd_list *list, struct block *block) {
    block->next = list->blocks;
    list->blocks = block;
}

static int take_items(portd_list *list, const portd_result *result) {
    size_t size = 0;

    for (size_t i = 0; i < result->n_items; i++)
        size += item_text_size(result->items[i]);
    portd_item *items =
        memory_resize(&list->memory, list->items, (list->n + result->n_items) * sizeof(*items));
    if (!items)
        return PORTD_E_MEMORY;
    list->items = items;
    struct block *block = block_new(list, size);
    if (!block)
        return PORTD_E_MEMORY;
    char *at = block->text;
    for (size_t i = 0; i < result->n_items; i++)
        list->items[list->n++] = item_copy(result->items[i], &at);
    block_add(list, block);
    return 1;
}

static int take_status(portd_list *list, const portd_status *status) {
    size_t size = sizeof(*status) + sizeof(portd_item) + status->n_quotas * sizeof(portd_quota);
    struct block *block = block_new(list, status_text_size(status));
    portd_status *copy = memory_get(&list->memory, size);

    if (!block || !copy) {
        memory_free(&list->memory, block);
        memory_free(&list->memory, copy);
        return PORTD_E_MEMORY;
    }
    portd_item *session = (portd_item *)(copy + 1);
    portd_quota *quotas = (portd_quota *)(session + 1);
    char *at = block->text;
    *copy = *status;
    copy->broker = text_put(&at, status->broker);
    copy->engine = text_put(&at, status->engine);
    copy->identity = text_put(&at, status->identity);
    *session = item_copy(status->session, &at);
    copy->session = session;
    for (size_t i = 0; i < status->n_quotas; i++) {
        quotas[i] = status->quotas[i];
        quotas[i].name = text_put(&at, quotas[i].name);
    }
    copy->quotas = quotas;
    block_add(list, block);
    list->status = copy;
    return 1;
}

int list_take(portd_list *list, const portd_result *result) {
    if (result->status)
        return take_status(list, result->status);
    return result->n_items > 0 ? take_items(list, result) : 1;
}

portd_id list_last(const portd_list *list) { return list->n > 0 ? list->items[list->n - 1].id : 0; }

size_t portd_list_count(const portd_list *list) { return list ? list->n : 0; }

const portd_item *portd_list_item(const portd_list *list, size_t i) {
    return list && i < list->n ? &list->items[i] : NULL;
}

const portd_status *portd_list_status(const portd_list *list) { return list ? list->status : NULL; }

void portd_list_free(portd_list *list) {
    struct block *block;

    if (!list)
        return;
    while ((block = list->blocks)) {
        list->blocks = block->next;
        memory_free(&list->memory, block);
    }
    memory_free(&list->memory, list->items);
    memory_free(&list->memory, list->status);
    memory_free(&list->memory, list);
}
