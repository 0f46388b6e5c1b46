/* reply.c: a reply is unpacked into the arena, turned into a result by the request's `read` function, and passed to the
 * callback. The result and all it points to are valid until the callback returns.
 *
 * The reply to an abandoned request (without a callback) is handled too: a descriptor that it brings is closed, and a create
 * call is undone. The program may have repeated the call meanwhile, and got the same object. So what is undone is the call, not the
 * object: the broker counts the calls that returned it. */
#include "reply.h"

#include "client.h"
#include "submit.h"

#include "proto/envelope.h"

#include <string.h>

static void result_init(portd_result *result) {
    *result = (portd_result){
        .size = sizeof(*result), .handle = -1, .message = "", .field = "", .hint = "", .number = -1};
}

static void result_fail(portd_result *result, int code, int os_errno, const char *message) {
    result_init(result);
    result->code = code;
    result->os_errno = os_errno;
    result->message = message && *message ? message : portd_code_text(code);
}

/* A code of a later version of the protocol counts as a failure, too. */
static void result_refused(portd_result *result, const Portd__V1__Error *error) {
    int code = -(int)error->code;

    if (code > PORTD_E_INVALID || code < PORTD_E_EXISTS)
        code = PORTD_E_SYSTEM;
    result_fail(result, code, error->os_errno, error->message);
    result->field = error->field;
    result->hint = error->hint;
}

/* The result of a request whose connection is lost: a wait reports each id as disconnected; a request that moves bytes
 * and was sent may have been carried out; and a hello that garbage answers is not worth another attempt. */
static void result_lost(portd_client *client, const portd_request *request, portd_result *result) {
    bool uncertain = request_moves(request) && request->state == REQUEST_SENT;
    int code = client->garbled && !client->greeted ? PORTD_E_GARBLED : PORTD_E_DISCONNECTED;

    result_fail(result, uncertain ? PORTD_E_UNCERTAIN : code, client->write_errno, client->reason);
    if (!request_waits(request))
        return;
    for (size_t i = 0; i < request->n_ids; i++)
        client->ready[i] = (portd_ready){.id = request->ids[i], .cause = PORTD_CAUSE_DISCONNECTED};
    result->ready = client->ready;
    result->code = (int)request->n_ids;
}

/* A wake-one wait whose answer may have been lost. */
static void result_resync(portd_client *client, const portd_request *request, portd_result *result) {
    result_init(result);
    for (size_t i = 0; i < request->n_ids; i++)
        client->ready[i] = (portd_ready){.id = request->ids[i], .cause = PORTD_CAUSE_RESYNC};
    result->ready = client->ready;
    result->code = (int)request->n_ids;
}

/* The broker does not find what a repeated request names. What it was to end, the earlier broker has ended. What a wait was for, and was not made by a hold, has gone with that
 * broker. */
static void result_missing(portd_client *client, const portd_request *request, portd_result *result) {
    switch (request->method) {
    case PORTD__V1__REQUEST__METHOD_REMOVE:
    case PORTD__V1__REQUEST__METHOD_CLOSE:
    case PORTD__V1__REQUEST__METHOD_RELEASE:
    case PORTD__V1__REQUEST__METHOD_DROP:
        result_init(result);
        result->code = 1;
        return;
    case PORTD__V1__REQUEST__METHOD_WAIT:
        result_lost(client, request, result);
        return;
    default:
        return;
    }
}

/* undo: the number in the reply to a create call; else 0. */
static void result_discard(portd_client *client, const portd_result *result, uint32_t undo) {
    portd_id ids[2] = {result->id};
    size_t n = result->id != 0;

    if (result->handle != -1)
        os_close((os_fd)result->handle);
    for (size_t i = 0; result->fds && i < result->n_held; i++)
        os_close((os_fd)result->fds[i]);
    if (result->input && result->output)
        ids[n++] = result->output; /* result->id is the input */
    if (n > 0 && undo > 0)
        submit_undo(client, ids, n, undo);
}

/* Calls the request's callback, or discards what the result brings if it has none, and frees the result's memory. */
static void request_answer(portd_client *client, portd_request *request, const portd_result *result,
                           uint32_t undo) {
    portd_callback *callback = request->callback;

    request->callback = NULL;
    if (callback) {
        client->calling = true;
        callback(client, result, request->data);
        client->calling = false;
        if (process_is_child(&client->mark)) /* the callback has forked, and this is the child */
            client->lost = true;
    } else if (!client->lost) {
        result_discard(client, result, undo);
    }
    if (client->extra) {
        memory_free(&client->memory, client->extra);
        client->extra = NULL;
    }
}

static void frame_close(struct channel_frame *frame) {
    for (size_t i = 0; i < frame->n_fds; i++)
        os_close(frame->fds[i]);
}

int reply_read_fd(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                  struct channel_frame *frame, portd_result *result) {
    (void)client;
    (void)request;
    (void)reply;
    if (frame->n_fds != 1)
        return PORTD_E_MISMATCH;
    result->handle = (portd_native)frame->fds[0];
    frame->fds[0] = OS_FD_NONE;
    return 1;
}

static void reply_read(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                       struct channel_frame *frame, portd_result *result) {
    result_init(result);
    if (reply->error)
        result_refused(result, reply->error);
    else if (frame->mismatch && request_brings(request))
        result_fail(result, PORTD_E_MISMATCH, 0, "descriptors of the reply were lost");
    else if ((int)reply->result_case != (int)request->method)
        result_fail(result, PORTD_E_GARBLED, 0, "the reply does not match the request");
    else if (!request->read)
        result->code = 1;
    else
        result->code = request->read(client, request, reply, frame, result);
    if (result->code == PORTD_E_NOT_FOUND && request->again)
        result_missing(client, request, result);
    if (result->code < 0 && !*result->message)
        result->message = portd_code_text(result->code);
}

/* Unpacks a reply in the flat form into *plain, any other into the arena. NULL: malformed. */
static const Portd__V1__Reply *reply_unpack(struct arena *arena, const struct channel_frame *frame,
                                            Portd__V1__Reply *plain) {
    struct envelope envelope;
    int r = envelope_unpack(&envelope, &portd__v1__reply__descriptor, &arena->allocator, frame->body,
                            frame->length);

    if (r == 0)
        return portd__v1__reply__unpack(&arena->allocator, frame->length, frame->body);
    portd__v1__reply__init(plain);
    plain->id = envelope.id;
    if (envelope.number == ENVELOPE_ERROR) {
        memcpy(&plain->error, &envelope.message, sizeof(plain->error));
    } else {
        plain->result_case = (Portd__V1__Reply__ResultCase)envelope.number;
        memcpy(&plain->ping, &envelope.message,
               sizeof(plain->ping)); /* every member of the union is such a pointer */
    }
    return r > 0 ? plain : NULL;
}

/* The id of the request that a reply is for. A broker that turns a connection away replies without reading hello; that
 * reply counts as the one to hello. */
static uint64_t id_of(const portd_client *client, const Portd__V1__Reply *reply) {
    return reply->id == 0 && reply->error && !client->greeted ? client->hello : reply->id;
}

/* The number that undoes the create call, if the reply is to one that made or found something; else 0. */
static uint32_t undo_of(const Portd__V1__Reply *reply) {
    switch (reply->result_case) {
    case PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_SEMAPHORE:
    case PORTD__V1__REPLY__RESULT_SOCKET_TO_SEMAPHORE:
    case PORTD__V1__REPLY__RESULT_FD_TO_EVT:
        return reply->fd_to_evt->undo;
    case PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT:
    case PORTD__V1__REPLY__RESULT_SOCKET_TO_PORT:
        return reply->file_descriptor_to_port->undo;
    default:
        return 0;
    }
}

/* Remembers that a wake-one wait was answered; an answer without a callback reaches nobody. */
static void keep_one(portd_client *client, const portd_request *request, const portd_result *result) {
    if (!request_waits(request) || !(request->flags & PORTD_WAIT_ONE) || result->code <= 0)
        return;
    client->answered_one = request->id;
    client->dropped_one = client->dropped_one || !request->callback;
}

const char *reply_frame(portd_client *client, struct channel_frame *frame) {
    portd_result result;
    Portd__V1__Reply plain;

    arena_reset(&client->arena);
    const Portd__V1__Reply *reply = reply_unpack(&client->arena, frame, &plain);
    uint64_t id = reply ? id_of(client, reply) : 0;
    if (id == 0) {
        frame_close(frame);
        return reply ? "the broker could not decode a request" : "malformed reply from the broker";
    }
    portd_request *request = table_find(&client->requests.table, id);
    if (!request || request->state != REQUEST_SENT) {
        client_log(client, "dropped a reply to an unknown request");
        frame_close(frame);
        return NULL;
    }
    reply_read(client, request, reply, frame, &result);
    frame_close(frame);
    request->state = REQUEST_DROPPED;
    if (!request_parks(request))
        client->requests.unanswered--;
    keep_one(client, request, &result);
    request_answer(client, request, &result, undo_of(reply));
    request_forget(request);
    return NULL;
}

bool reply_ended(portd_client *client) {
    portd_request *request;
    bool some = false;

    while (!client->closing && !client->lost && (request = request_take_ended(client))) {
        portd_result result;
        if (request->resync)
            result_resync(client, request, &result);
        else if (request->code < 0)
            result_fail(&result, request->code, request->os_errno, NULL);
        else
            result_init(&result);
        result.cursor = request->cursor;
        request_answer(client, request, &result, 0);
        if (request->state == REQUEST_DROPPED)
            request_forget(request);
        some = true;
    }
    return some;
}

void reply_lost(portd_client *client) {
    struct table *table = &client->requests.table;

    for (size_t left = table->size; left > 0 && !process_is_child(&client->mark); left--) {
        /* From the oldest on, as far as the slots show the order. No request can be started, so the table does not change. */
        portd_request *request = table->slots[(table->last_id - left + 1) & (table->size - 1)];
        portd_result result;
        if (!request)
            continue;
        if (request->ended)
            result_fail(&result, request->code, request->os_errno, NULL);
        else
            result_lost(client, request, &result);
        request_answer(client, request, &result, 0);
        request_forget(request);
    }
}
