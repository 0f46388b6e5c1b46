/* request.c: making, queueing, ending and forgetting requests. Freed requests are kept in a list of spares, so making one
 * usually allocates nothing. */
#include "request.h"

#include "client.h"

#include <errno.h>
#include <string.h>

enum {
    SPARE_MAX = 256,
    LATE_US = 1000 * 1000 /* how long after its deadline a wait's reply may come, from a busy broker */
};

static void list_append(struct request_list *list, portd_request *request) {
    request->next = NULL;
    request->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = request;
    list->last = request;
}

static void list_remove(struct request_list *list, portd_request *request) {
    *(request->previous ? &request->previous->next : &list->first) = request->next;
    *(request->next ? &request->next->previous : &list->last) = request->previous;
}

/* ---- making and freeing ------------------------------------------------------------------------------------------- */

bool request_waits(const portd_request *request) {
    return request->method == PORTD__V1__REQUEST__METHOD_WAIT;
}

bool request_transfers(const portd_request *request) {
    return request->method == PORTD__V1__REQUEST__METHOD_READ ||
           request->method == PORTD__V1__REQUEST__METHOD_WRITE ||
           request->method == PORTD__V1__REQUEST__METHOD_SPLICE;
}

bool request_parks(const portd_request *request) {
    return request_waits(request) || request_transfers(request) ||
           request->method == PORTD__V1__REQUEST__METHOD_MONITOR ||
           request->method == PORTD__V1__REQUEST__METHOD_READ_SPOOL;
}

bool request_brings(const portd_request *request) {
    return request->method == PORTD__V1__REQUEST__METHOD_HANDLE ||
           request->method == PORTD__V1__REQUEST__METHOD_PORT_DUP ||
           request->method == PORTD__V1__REQUEST__METHOD_GET;
}

bool request_hands_over(const portd_request *request) {
    return request->method == PORTD__V1__REQUEST__METHOD_PUT ||
           (request->method == PORTD__V1__REQUEST__METHOD_GET && request->flags != 0);
}

bool request_moves(const portd_request *request) {
    return request_transfers(request) || request_hands_over(request) ||
           request->method == PORTD__V1__REQUEST__METHOD_SHUTDOWN ||
           request->method == PORTD__V1__REQUEST__METHOD_POSITION;
}

size_t request_room(Portd__V1__Request__MethodCase method) {
    switch (method) {
    case PORTD__V1__REQUEST__METHOD_WRITE:
    case PORTD__V1__REQUEST__METHOD_PUT:
    case PORTD__V1__REQUEST__METHOD_GET:
    case PORTD__V1__REQUEST__METHOD_DROP:
    case PORTD__V1__REQUEST__METHOD_RENEW:
    case PORTD__V1__REQUEST__METHOD_SHOW_HOLD:
        return FRAME_LONG_MAX;
    default:
        return FRAME_REQUEST_MAX;
    }
}

static portd_request *spare_take(portd_client *client) {
    struct requests *requests = &client->requests;
    portd_request *request = requests->spare;

    if (request) {
        requests->spare = request->next;
        requests->n_spare--;
        return request;
    }
    request = memory_get(&client->memory, sizeof(*request));
    if (request) {
        request->client = client;
        request->ids = NULL;
        request->ids_room = 0;
    }
    return request;
}

static void request_free(portd_request *request) {
    memory_free(&request->client->memory, request->ids);
    memory_free(&request->client->memory, request);
}

static void spare_give(portd_request *request) {
    struct requests *requests = &request->client->requests;

    if (requests->n_spare == SPARE_MAX) {
        request_free(request);
        return;
    }
    requests->n_spare++;
    request->next = requests->spare;
    requests->spare = request;
}

portd_request *request_new(portd_client *client, Portd__V1__Request__MethodCase method, request_read *read,
                           portd_callback *callback, void *data) {
    portd_request *request = spare_take(client);

    if (!request)
        return NULL;
    request->callback = callback;
    request->data = data;
    request->read = read;
    request->method = method;
    request->state = REQUEST_DROPPED;
    request->cancelled = request->ended = request->resync = request->again = false;
    request->kept = NULL;
    request->taken = OS_FD_NONE;
    request->n_ids = 0;
    request->cursor = 0;
    request->due = PORTD_FOREVER;
    if (table_add(&client->requests.table, request)) {
        spare_give(request);
        return NULL;
    }
    client->requests.bringing += request_brings(request);
    return request;
}

int request_keep_ids(portd_request *request, const portd_id *ids, size_t n) {
    if (n > request->ids_room) {
        portd_id *larger = memory_resize(&request->client->memory, request->ids, n * sizeof(*ids));
        if (!larger)
            return -ENOMEM;
        request->ids = larger;
        request->ids_room = n;
    }
    memcpy(request->ids, ids, n * sizeof(*ids));
    request->n_ids = n;
    return 0;
}

void request_set_due(portd_request *request, int64_t deadline, int64_t now) {
    struct requests *requests = &request->client->requests;
    int64_t from = deadline > now ? deadline : now;

    if (from >= PORTD_FOREVER - LATE_US)
        return;
    request->due = from + LATE_US;
    requests->timed++;
    if (request->due < requests->due)
        requests->due = request->due;
}

void request_unkeep(portd_request *request) {
    const os_fd *fds = request->kept;

    if (!fds)
        return;
    for (size_t i = 0; i < request->n_fds; i++)
        os_close(fds[i]);
    memory_free(&request->client->memory, request->kept);
    request->kept = NULL;
}

void request_enqueue(portd_request *request) {
    request->state = REQUEST_QUEUED;
    list_append(&request->client->requests.queue, request);
}

void request_unqueue(portd_request *request) {
    list_remove(&request->client->requests.queue, request);
    request->state = REQUEST_DROPPED;
    if (!request->client->by_hold || !request->client->resumes || request_moves(request))
        request_unkeep(request);
}

void request_end(portd_request *request, int code, int os_errno) {
    if (request->state == REQUEST_QUEUED)
        request_unqueue(request);
    request->code = code;
    request->os_errno = os_errno;
    request->ended = true;
    list_append(&request->client->requests.ended, request);
}

void request_repeat(portd_request *request) {
    request->again = true;
    request_enqueue(request);
}

void request_resync(portd_request *request) {
    request->resync = true;
    request_end(request, (int)request->n_ids, 0);
}

void request_append_list(struct request_list *list, struct request_list *other) {
    if (!other->first)
        return;
    other->first->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = other->first;
    list->last = other->last;
}

void request_unend(portd_request *request) {
    list_remove(&request->client->requests.ended, request);
    request->ended = false;
}

portd_request *request_take_ended(portd_client *client) {
    portd_request *request = client->requests.ended.first;

    if (request)
        request_unend(request);
    return request;
}

void request_forget(portd_request *request) {
    struct requests *requests = &request->client->requests;

    if (request->ended)
        request_unend(request);
    if (request->state == REQUEST_QUEUED)
        request_unqueue(request);
    request_unkeep(request);
    if (request->due != PORTD_FOREVER && --requests->timed == 0)
        requests->due = PORTD_FOREVER;
    requests->bringing -= request_brings(request);
    table_remove(&requests->table, request);
    spare_give(request);
}

void requests_init(struct requests *requests) {
    memset(requests, 0, sizeof(*requests));
    requests->due = PORTD_FOREVER;
}

void requests_deinit(portd_client *client) {
    struct requests *requests = &client->requests;
    portd_request *request;

    for (size_t i = 0; i < requests->table.size; i++)
        if (requests->table.slots[i])
            request_forget(requests->table.slots[i]);
    while ((request = requests->spare)) {
        requests->spare = request->next;
        request_free(request);
    }
    memory_free(&client->memory, requests->table.slots);
}
