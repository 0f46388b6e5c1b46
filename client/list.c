/* list.c: snapshots. A list has an array that grows, of items, metrics, notices, notes or held descriptors. Their strings and labels are copied
 * into one block per result, so nothing points into the connection's memory. */
#include "list.h"

#include "client.h"
#include "look.h"

#include <string.h>

struct block {
    struct block *next;
    portd_label labels[]; /* then the strings */
};

struct portd_list {
    struct memory memory;
    portd_item *items;
    portd_metric *metrics;
    portd_notice *notices;
    const char **notes;
    portd_held *held;
    size_t n;
    struct block *blocks;
    portd_status *status; /* its session and quotas follow it in the same block; NULL: a listing */
};

portd_list *list_new(const portd_client *client) {
    portd_list *list = memory_get(&client->memory, sizeof(*list));

    if (list)
        *list = (portd_list){.memory = client->memory};
    return list;
}

static size_t item_text_size(const portd_item *item) {
    return strlen(item->type) + strlen(item->client) + strlen(item->name) + strlen(item->hold_owner) +
           strlen(item->hold_name) + 5;
}

static size_t status_text_size(const portd_status *status) {
    size_t size = strlen(status->broker) + strlen(status->engine) + strlen(status->identity) +
                  strlen(status->door_notify) + 4;

    size += item_text_size(status->session);
    for (size_t i = 0; i < status->n_quotas; i++)
        size += strlen(status->quotas[i].name) + 1;
    return size;
}

/* Copies a string to *at, advances *at past it, and returns the copy. */
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
    copy.hold_owner = text_put(at, item->hold_owner);
    copy.hold_name = text_put(at, item->hold_name);
    return copy;
}

/* Makes a block; *at is where text_put begins. */
static struct block *block_new(const portd_list *list, size_t n_labels, size_t size, char **at) {
    struct block *block =
        memory_get(&list->memory, sizeof(struct block) + n_labels * sizeof(portd_label) + size);

    if (block)
        *at = (char *)(block->labels + n_labels);
    return block;
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
    char *at;
    struct block *block = block_new(list, 0, size, &at);
    if (!block)
        return PORTD_E_MEMORY;
    for (size_t i = 0; i < result->n_items; i++)
        list->items[list->n++] = item_copy(result->items[i], &at);
    block_add(list, block);
    return 1;
}

static int take_held(portd_list *list, const portd_result *result) {
    size_t size = 0;
    char *at;

    for (size_t i = 0; i < result->n_held; i++) {
        const portd_held *each = result->held[i];
        size += strlen(each->owner) + strlen(each->name) + strlen(each->type) + strlen(each->put_by) + 4;
        size += look_size(each->look);
    }
    portd_held *held = memory_resize(&list->memory, list->held, (list->n + result->n_held) * sizeof(*held));
    if (!held)
        return PORTD_E_MEMORY;
    list->held = held;
    struct block *block = block_new(list, 0, size, &at);
    if (!block)
        return PORTD_E_MEMORY;
    for (size_t i = 0; i < result->n_held; i++) {
        portd_held *copy = &list->held[list->n++];
        *copy = *result->held[i];
        copy->owner = text_put(&at, copy->owner);
        copy->name = text_put(&at, copy->name);
        copy->type = text_put(&at, copy->type);
        copy->put_by = text_put(&at, copy->put_by);
        copy->look = look_copy(&at, copy->look);
    }
    block_add(list, block);
    return 1;
}

static int take_status(portd_list *list, const portd_status *status) {
    size_t size = sizeof(*status) + sizeof(portd_item) + status->n_quotas * sizeof(portd_quota);
    char *at;
    struct block *block = block_new(list, 0, status_text_size(status), &at);
    portd_status *copy = memory_get(&list->memory, size);

    if (!block || !copy) {
        memory_free(&list->memory, block);
        memory_free(&list->memory, copy);
        return PORTD_E_MEMORY;
    }
    portd_item *session = (portd_item *)(copy + 1);
    portd_quota *quotas = (portd_quota *)(session + 1);
    *copy = *status;
    copy->broker = text_put(&at, status->broker);
    copy->engine = text_put(&at, status->engine);
    copy->identity = text_put(&at, status->identity);
    copy->door_notify = text_put(&at, status->door_notify);
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

static size_t metric_text_size(const portd_metric *metric) {
    size_t size = strlen(metric->name) + strlen(metric->help) + 2;

    for (size_t i = 0; i < metric->n_labels; i++)
        size += strlen(metric->labels[i].name) + strlen(metric->labels[i].value) + 2;
    return size;
}

static portd_metric metric_copy(const portd_metric *metric, portd_label *labels, char **at) {
    portd_metric copy = *metric;

    copy.name = text_put(at, metric->name);
    copy.help = text_put(at, metric->help);
    copy.labels = labels;
    for (size_t i = 0; i < metric->n_labels; i++) {
        labels[i].name = text_put(at, metric->labels[i].name);
        labels[i].value = text_put(at, metric->labels[i].value);
    }
    return copy;
}

static int take_metrics(portd_list *list, const portd_result *result) {
    size_t size = 0, n_labels = 0;
    char *at;

    for (size_t i = 0; i < result->n_metrics; i++) {
        size += metric_text_size(result->metrics[i]);
        n_labels += result->metrics[i]->n_labels;
    }
    portd_metric *metrics =
        memory_resize(&list->memory, list->metrics, (list->n + result->n_metrics) * sizeof(*metrics));
    if (!metrics)
        return PORTD_E_MEMORY;
    list->metrics = metrics;
    struct block *block = block_new(list, n_labels, size, &at);
    if (!block)
        return PORTD_E_MEMORY;
    portd_label *labels = block->labels;
    for (size_t i = 0; i < result->n_metrics; i++) {
        list->metrics[list->n++] = metric_copy(result->metrics[i], labels, &at);
        labels += result->metrics[i]->n_labels;
    }
    block_add(list, block);
    return 1;
}

int list_gather(portd_list *list) {
    if (list->n == 0)
        return 1;
    portd_metric *metrics = memory_get(&list->memory, list->n * sizeof(*metrics));
    size_t n = 0;

    if (!metrics)
        return PORTD_E_MEMORY;
    for (size_t i = 0; i < list->n; i++) {
        const char *name = list->metrics[i].name;
        for (size_t j = i; name && j < list->n; j++) {
            if (!list->metrics[j].name || strcmp(list->metrics[j].name, name) != 0)
                continue;
            metrics[n++] = list->metrics[j];
            list->metrics[j].name = NULL; /* already placed */
        }
    }
    memory_free(&list->memory, list->metrics);
    list->metrics = metrics;
    return 1;
}

/* Only one page is taken. */
static int take_notices(portd_list *list, const portd_result *result) {
    size_t size = 0;
    char *at;

    for (size_t i = 0; i < result->n_notices; i++)
        size += strlen(result->notices[i]->type) + strlen(result->notices[i]->method) + 2;
    list->notices = memory_get(&list->memory, result->n_notices * sizeof(*list->notices));
    struct block *block = block_new(list, 0, size, &at);
    if (block)
        block_add(list, block);
    if (!block || !list->notices)
        return PORTD_E_MEMORY;
    for (size_t i = 0; i < result->n_notices; i++) {
        portd_notice *notice = &list->notices[list->n++];
        *notice = *result->notices[i];
        notice->type = text_put(&at, notice->type);
        notice->method = text_put(&at, notice->method);
    }
    return result->code;
}

/* There is only one page. */
static int take_notes(portd_list *list, const portd_result *result) {
    size_t size = 0;
    char *at;

    for (size_t i = 0; i < result->n_notes; i++)
        size += strlen(result->notes[i]) + 1;
    list->notes = memory_get(&list->memory, result->n_notes * sizeof(*list->notes));
    struct block *block = block_new(list, 0, size, &at);
    if (block)
        block_add(list, block);
    if (!block || !list->notes)
        return PORTD_E_MEMORY;
    for (size_t i = 0; i < result->n_notes; i++)
        list->notes[list->n++] = text_put(&at, result->notes[i]);
    return 1;
}

int list_take(portd_list *list, const portd_result *result) {
    if (result->status)
        return take_status(list, result->status);
    if (result->n_notices > 0)
        return take_notices(list, result);
    if (result->n_metrics > 0)
        return take_metrics(list, result);
    if (result->n_notes > 0)
        return take_notes(list, result);
    if (result->held)
        return take_held(list, result);
    return result->n_items > 0 ? take_items(list, result) : 1;
}

size_t portd_list_count(const portd_list *list) { return list ? list->n : 0; }

const portd_item *portd_list_item(const portd_list *list, size_t i) {
    return list && list->items && i < list->n ? &list->items[i] : NULL;
}

const portd_metric *portd_list_metric(const portd_list *list, size_t i) {
    return list && list->metrics && i < list->n ? &list->metrics[i] : NULL;
}

const portd_status *portd_list_status(const portd_list *list) { return list ? list->status : NULL; }

const portd_notice *portd_list_notice(const portd_list *list, size_t i) {
    return list && list->notices && i < list->n ? &list->notices[i] : NULL;
}

const char *portd_list_note(const portd_list *list, size_t i) {
    return list && list->notes && i < list->n ? list->notes[i] : NULL;
}

const portd_held *portd_list_held(const portd_list *list, size_t i) {
    return list && list->held && i < list->n ? &list->held[i] : NULL;
}

void portd_list_free(portd_list *list) {
    struct block *block;

    if (!list)
        return;
    while ((block = list->blocks)) {
        list->blocks = block->next;
        memory_free(&list->memory, block);
    }
    memory_free(&list->memory, list->items);
    memory_free(&list->memory, list->metrics);
    memory_free(&list->memory, list->notices);
    memory_free(&list->memory, list->notes);
    memory_free(&list->memory, list->held);
    memory_free(&list->memory, list->status);
    memory_free(&list->memory, list);
}
