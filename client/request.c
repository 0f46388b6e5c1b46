/* request.c: making, starting, cancelling and forgetting. Requests are taken from a list of spare ones: in the long run
 * starting one allocates nothing. */
#include "request.h"

#include "client.h"
#include "send.h"

#include <errno.h>
#include <string.h>

enum {
    SPARE_MAX = 256,
    PATIENCE_US = 1000 * 1000 /* that a wait may be answered after its time limit, by a busy machine too */
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

static bool is_transfer(const portd_request *request) {
    return request->method == PORTD__V1__REQUEST__METHOD_READ ||
           request->method == PORTD__V1__REQUEST__METHOD_WRITE;
}

bool request_parks(const portd_request *request) {
    return request_waits(request) || is_transfer(request) ||
           request->method == PORTD__V1__REQUEST__METHOD_MONITOR;
}

bool request_brings(const portd_request *request) {
    return request->method == PORTD__V1__REQUEST__METHOD_HANDLE ||
           request->method == PORTD__V1__REQUEST__METHOD_PORT_DUP;
}

bool request_moves(const portd_request *request) {
    return is_transfer(request) || request->method == PORTD__V1__REQUEST__METHOD_SHUTDOWN ||
           request->method == PORTD__V1__REQUEST__METHOD_POSITION;
}

size_t request_room(Portd__V1__Request__MethodCase method) {
    return method == PORTD__V1__REQUEST__METHOD_WRITE ? FRAME_LONG_MAX : FRAME_REQUEST_MAX;
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

/* A request that is in the table and nowhere else, or NULL. */
static portd_request *request_new(portd_client *client, Portd__V1__Request__MethodCase method,
                                  request_read *read, portd_callback *callback, void *data) {
    portd_request *request = spare_take(client);

    if (!request)
        return NULL;
    request->callback = callback;
    request->data = data;
    request->read = read;
    request->method = method;
    request->state = REQUEST_DROPPED;
    request->cancelled = request->ended = false;
    request->body = NULL;
    request->fd = request->taken = OS_FD_NONE;
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

void request_enqueue(portd_request *request) {
    request->state = REQUEST_QUEUED;
    list_append(&request->client->requests.queue, request);
}

void request_unqueue(portd_request *request) {
    list_remove(&request->client->requests.queue, request);
    request->state = REQUEST_DROPPED;
    memory_free(&request->client->memory, request->body);
    request->body = NULL;
    os_close(request->fd);
    request->fd = OS_FD_NONE;
}

static void request_unend(portd_request *request) {
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

/* ---- starting ----------------------------------------------------------------------------------------------------- */

static int start_failed(portd_client *client, int error) {
    int code = error_of_errno(error);

    if (code == PORTD_E_DISCONNECTED)
        client->write_errno = -error;
    if (error == -EBADF)
        return client_fail(client, PORTD_E_INVALID, EBADF, "fd",
                           "this is not the number of an open descriptor");
    if (error == -EMSGSIZE)
        return client_fail(client, PORTD_E_INVALID, 0, NULL, "the request is too long");
    return client_fail(client, code, -error, NULL, NULL);
}

/* message is NULL for a wait. 1 or a negative errno. */
static int request_go(portd_client *client, portd_request *request, Portd__V1__Request *message, os_fd fd,
                      portd_request **started) {
    int r = send_request(client, request, message, fd);

    if (r < 0) {
        request_forget(request);
        return r;
    }
    if (started)
        *started = request;
    return 1;
}

/* Starts without asking whether the client may; callback may be NULL. 1 or a negative errno. */
static int request_submit(portd_client *client, Portd__V1__Request *message, os_fd fd, request_read *read,
                          portd_callback *callback, void *data, portd_request **started) {
    portd_request *request = request_new(client, message->method_case, read, callback, data);

    return request ? request_go(client, request, message, fd, started) : -ENOMEM;
}

static int start_check(portd_client *client, portd_callback *callback) {
    int r = client_check(client);

    if (r == 0 && !callback)
        r = client_fail(client, PORTD_E_INVALID, 0, "callback", "there is no callback");
    return r;
}

int request_start(portd_client *client, Portd__V1__Request *message, os_fd fd, request_read *read,
                  portd_callback *callback, void *data, portd_request **request) {
    int r = start_check(client, callback);

    if (r < 0)
        return r;
    r = request_submit(client, message, fd, read, callback, data, request);
    return r < 0 ? start_failed(client, r) : r;
}

static int ids_keep(portd_request *request, const portd_id *ids, size_t n) {
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

/* The broker judges the time limit; only if it says nothing for long after it, this side does. */
static void set_due(portd_client *client, portd_request *request, int64_t deadline) {
    struct requests *requests = &client->requests;
    int64_t now = client_now(client);
    int64_t from = deadline > now ? deadline : now;

    if (from >= PORTD_FOREVER - PATIENCE_US)
        return;
    request->due = from + PATIENCE_US;
    requests->timed++;
    if (request->due < requests->due)
        requests->due = request->due;
}

int request_start_wait(portd_client *client, const portd_id *ids, size_t n, unsigned flags, int64_t deadline,
                       request_read *read, portd_callback *callback, void *data, portd_request **started) {
    int r = start_check(client, callback);

    if (r < 0)
        return r;
    portd_request *request = request_new(client, PORTD__V1__REQUEST__METHOD_WAIT, read, callback, data);
    if (!request)
        return start_failed(client, -ENOMEM);
    if (ids_keep(request, ids, n) < 0) {
        request_forget(request);
        return start_failed(client, -ENOMEM);
    }
    request->flags = flags;
    request->deadline = deadline;
    set_due(client, request, deadline);
    r = request_go(client, request, NULL, OS_FD_NONE, started);
    return r < 0 ? start_failed(client, r) : r;
}

int request_start_monitor(portd_client *client, Portd__V1__Request *message, uint64_t cursor,
                          int64_t deadline, request_read *read, portd_callback *callback, void *data,
                          portd_request **started) {
    int r = start_check(client, callback);

    if (r < 0)
        return r;
    portd_request *request = request_new(client, message->method_case, read, callback, data);
    if (!request)
        return start_failed(client, -ENOMEM);
    request->cursor = cursor;
    set_due(client, request, deadline);
    r = request_go(client, request, message, OS_FD_NONE, started);
    return r < 0 ? start_failed(client, r) : r;
}

void request_release(portd_client *client, portd_id id) {
    Portd__V1__Release release = PORTD__V1__RELEASE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    release.ids = &id;
    release.n_ids = 1;
    message.method_case = PORTD__V1__REQUEST__METHOD_RELEASE;
    message.release = &release;
    if (request_submit(client, &message, OS_FD_NONE, NULL, NULL, NULL, NULL) < 0)
        client_log(client, "an object that nobody asks for any more could not be released");
}

void request_close(portd_client *client, portd_id port) {
    Portd__V1__Close close = PORTD__V1__CLOSE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (port == 0)
        return;
    close.id = port;
    message.method_case = PORTD__V1__REQUEST__METHOD_CLOSE;
    message.close = &close;
    if (request_submit(client, &message, OS_FD_NONE, NULL, NULL, NULL, NULL) < 0)
        client_log(client, "a port that nobody asks for any more could not be closed");
    request_release(client, port);
}

/* ---- ending on this side ------------------------------------------------------------------------------------------ */

void request_end(portd_request *request, int code, int os_errno) {
    if (request->state == REQUEST_QUEUED)
        request_unqueue(request);
    request->code = code;
    request->os_errno = os_errno;
    request->ended = true;
    list_append(&request->client->requests.ended, request);
}

/* Tells the broker to end a parked request. Nobody asks for the answer: that of the request says it all. */
static int parked_cancel(portd_request *request) {
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    cancel.request = request->id;
    message.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    message.cancel = &cancel;
    return request_submit(request->client, &message, OS_FD_NONE, NULL, NULL, NULL, NULL);
}

void portd_cancel(portd_request *request) {
    if (!request || !request->callback || request->cancelled || request->ended)
        return;
    portd_client *client = request->client;
    if (process_is_child(&client->mark) || client->lost || client->closing)
        return;
    request->cancelled = true;
    /* What is parked may be answered already, and the answer of a wake-one wait or of a read must not get lost: the
     * broker decides. Other requests are being carried out and only need nobody to ask any more. */
    if (request->state == REQUEST_SENT && request_parks(request)) {
        if (parked_cancel(request) > 0)
            return;
        request->cancelled = !is_transfer(request);
        if (!request->cancelled)
            return;
    }
    request_end(request, PORTD_E_CANCELLED, 0);
}

void request_abandon(portd_request *request) {
    request->callback = NULL;
    if (request->ended)
        request_unend(request);
    if (request->state == REQUEST_QUEUED)
        request_unqueue(request);
    if (request->state == REQUEST_DROPPED)
        request_forget(request);
    else if (request_parks(request) && !request->cancelled)
        (void)parked_cancel(request);
}

void requests_overdue(portd_client *client) {
    struct table *table = &client->requests.table;
    int64_t next = PORTD_FOREVER;

    if (client->requests.due == PORTD_FOREVER || client_now(client) < client->requests.due)
        return;
    /* Cancelling may make the table grow; what moves then moves up, so none is passed over. */
    for (size_t i = 0; i < table->size; i++) {
        portd_request *request = table->slots[i];
        if (!request || request->due == PORTD_FOREVER || !request->callback || request->ended)
            continue;
        if (request->due > client_now(client)) {
            next = request->due < next ? request->due : next;
            continue;
        }
        if (request->state == REQUEST_SENT && !request->cancelled)
            (void)parked_cancel(request);
        request_end(request, request->cancelled ? PORTD_E_CANCELLED : 0, 0);
    }
    client->requests.due = next;
}
