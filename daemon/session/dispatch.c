/* dispatch.c: the table of methods and the checks that all of them share. */
#include "dispatch.h"

#include "proto/envelope.h"
#include "proto/status.h"

#include <stdlib.h>
#include <string.h>

enum { FDS_NONE, FDS_ONE, FDS_MAYBE, FDS_SEVERAL };

/* The first bytes of a long request: field 1 as a varint, field 31 (write) with its length. */
enum { ID_TAG = 1 << 3, WRITE_TAG = 31 << 3 | 2, WRITE_TELLS = 1 + 10 + 2 };

struct method {
    const char *name;
    call_handler *handler;
    int fds;
    unsigned units; /* of a turn (daemon/base/turn.h), beside what the answer's length costs */
};

static const struct method methods[] = {
    [PORTD__V1__REQUEST__METHOD_HELLO] = {"hello", call_hello, FDS_SEVERAL, 16},
    [PORTD__V1__REQUEST__METHOD_PING] = {"ping", call_ping, FDS_NONE, 1},
    [PORTD__V1__REQUEST__METHOD_CANCEL] = {"cancel", call_cancel, FDS_NONE, 1},
    [PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE] = {"file_descriptor_to_semaphore",
                                                                 call_file_descriptor_to_semaphore, FDS_MAYBE,
                                                                 8},
    [PORTD__V1__REQUEST__METHOD_SOCKET_TO_SEMAPHORE] = {"socket_to_semaphore", call_socket_to_semaphore,
                                                        FDS_MAYBE, 8},
    [PORTD__V1__REQUEST__METHOD_FD_TO_EVT] = {"fd_to_evt", call_fd_to_evt, FDS_MAYBE, 8},
    [PORTD__V1__REQUEST__METHOD_WAIT] = {"wait", call_wait, FDS_NONE, 2},
    [PORTD__V1__REQUEST__METHOD_REMOVE] = {"remove", call_remove, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_RELEASE] = {"release", call_release, FDS_NONE, 1},
    [PORTD__V1__REQUEST__METHOD_HANDLE] = {"handle", call_handle, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_LIST] = {"list", call_list, FDS_NONE, 16},
    [PORTD__V1__REQUEST__METHOD_SHOW] = {"show", call_show, FDS_NONE, 16},
    [PORTD__V1__REQUEST__METHOD_STATUS] = {"status", call_status, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_END_SESSION] = {"end_session", call_end_session, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT] = {"file_descriptor_to_port",
                                                            call_file_descriptor_to_port, FDS_MAYBE, 8},
    [PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT] = {"socket_to_port", call_socket_to_port, FDS_MAYBE, 8},
    [PORTD__V1__REQUEST__METHOD_PORT_TO_FILE_DESCRIPTOR] = {"port_to_file_descriptor",
                                                            call_port_to_file_descriptor, FDS_NONE, 1},
    [PORTD__V1__REQUEST__METHOD_PORT_TO_SOCKET] = {"port_to_socket", call_port_to_socket, FDS_NONE, 1},
    [PORTD__V1__REQUEST__METHOD_PORT_DUP] = {"port_dup", call_port_dup, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_CLOSE] = {"close", call_close, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_READ] = {"read", call_read, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_WRITE] = {"write", call_write, FDS_NONE, 16},
    [PORTD__V1__REQUEST__METHOD_SHUTDOWN] = {"shutdown", call_shutdown, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_ADDRESSES] = {"addresses", call_addresses, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_POSITION] = {"position", call_position, FDS_NONE, 8},
    [PORTD__V1__REQUEST__METHOD_STATS] = {"stats", call_stats, FDS_NONE, 64},
    [PORTD__V1__REQUEST__METHOD_MONITOR] = {"monitor", call_monitor, FDS_NONE, 4},
};

enum { METHODS = sizeof methods / sizeof *methods };

_Static_assert((int)METHODS <= (int)DISPATCH_METHODS_MAX, "there is room in what counts them");

static uint64_t calls[METHODS]; /* so far, by method */

const char *dispatch_next(size_t *number, uint64_t *count) {
    while (*number < METHODS && !methods[*number].handler)
        ++*number;
    if (*number == METHODS)
        return NULL;
    *count = calls[*number];
    return methods[(*number)++].name;
}

const char *dispatch_name(size_t number) {
    return number < METHODS && methods[number].name ? methods[number].name : "";
}

int dispatch_answer(struct call *call, Portd__V1__Reply__ResultCase which, void *result) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    reply.id = call->request->id;
    reply.result_case = which;
    reply.ping = result; /* every member of the union is a pointer to a message */
    connection_reply(call->connection, &reply);
    return 0;
}

os_fd dispatch_take(struct call *call) {
    os_fd fd = call->fd;
    call->fd = OS_FD_NONE;
    return fd;
}

/* One varint at *at, which moves behind it. False: there is none. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool string_is_clean(const uint8_t *text, size_t length) {
    char copy[FRAME_REQUEST_MAX + 1];
    if (length > FRAME_REQUEST_MAX || memchr(text, 0, length))
        return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    return status_utf8(copy);
}

/* Whether a message of that kind can have a string in it. */
static bool holds_strings(const ProtobufCMessageDescriptor *message) {
    for (unsigned i = 0; i < message->n_fields; i++)
        if (message->fields[i].type == PROTOBUF_C_TYPE_STRING ||
            message->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            return true;
    return false;
}

/* Whether every string field in the bytes of a message is UTF-8 without NUL: protobuf-c checks neither, and what it unpacks
 * ends at a NUL. The bytes have been unpacked before, so they are well-formed. */
static bool strings_are_clean(const ProtobufCMessageDescriptor *message, const uint8_t *at,
                              const uint8_t *end) {
    uint64_t tag, value;
    while (at < end && read_varint(&at, end, &tag)) {
        const ProtobufCFieldDescriptor *field;
        field = protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3));
        if ((tag & 7) == 0) {
            if (!read_varint(&at, end, &value))
                return true;
            continue;
        }
        value = (tag & 7) == 1 ? 8 : 4;
        if ((tag & 7) == 2 && !read_varint(&at, end, &value))
            return true;
        if (value > (uint64_t)(end - at))
            return true;
        if ((tag & 7) == 2 && field && field->type == PROTOBUF_C_TYPE_STRING &&
            !string_is_clean(at, (size_t)value))
            return false;
        if ((tag & 7) == 2 && field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
            !strings_are_clean(field->descriptor, at, at + value))
            return false;
        at += value;
    }
    return true;
}

/* Only a write may be long. Its field is the first behind the id, which is field 1. */
bool dispatch_may_be_long(const struct connection *connection) {
    const uint8_t *at, *end;
    uint64_t tag, id;
    size_t length = channel_peek(&connection->channel, &at, &end);
    if (length <= FRAME_REQUEST_MAX || end - at < WRITE_TELLS)
        return true;
    return read_varint(&at, end, &tag) && tag == ID_TAG && read_varint(&at, end, &id) &&
           read_varint(&at, end, &tag) && tag == WRITE_TAG;
}

uint64_t dispatch_half_id(const struct connection *connection) {
    const uint8_t *at, *end;
    uint64_t tag, id;
    if (!channel_peek(&connection->channel, &at, &end) || !read_varint(&at, end, &tag) || tag != ID_TAG ||
        !read_varint(&at, end, &id) || table_find(&connection->by_request, id))
        return 0;
    return id;
}

/* The id of a body that cannot be unpacked: encoders write field 1 first. 0: not there. */
static uint64_t guess_id(const struct channel_frame *frame) {
    const uint8_t *at = frame->body + 1;
    uint64_t id;
    return frame->length > 1 && frame->body[0] == 0x08 && read_varint(&at, frame->body + frame->length, &id)
               ? id
               : 0;
}

static void discard_rest(struct connection *connection, struct channel_frame *frame, size_t from) {
    for (size_t i = from; i < frame->n_fds; i++)
        if (frame->fds[i] != OS_FD_NONE) /* it was taken */
            connection_discard(connection, frame->fds[i], false);
    frame->n_fds = from;
}

static const struct method *find_method(const Portd__V1__Request *request, struct refusal *refusal) {
    size_t number = (size_t)request->method_case;
    if (number && number < METHODS && methods[number].handler)
        return &methods[number];
    refusal_set(refusal, REFUSAL_UNSUPPORTED, "method", "ask a newer broker",
                "no method that this broker knows");
    return NULL;
}

/* Everything that is checked before a method is called. */
static const struct method *check(struct connection *connection, const struct channel_frame *frame,
                                  const Portd__V1__Request *request, struct refusal *refusal) {
    const struct method *method = find_method(request, refusal);
    size_t least = method && method->fds == FDS_ONE ? 1 : 0;
    size_t most = !method || method->fds == FDS_NONE ? 0 : method->fds == FDS_SEVERAL ? CALL_FDS_MAX : 1;
    (void)connection;
    if (!method)
        return NULL;
    if (frame->length > FRAME_REQUEST_MAX && request->method_case != PORTD__V1__REQUEST__METHOD_WRITE) {
        refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "a request of %s has at most %d bytes",
                    method->name, (int)FRAME_REQUEST_MAX);
        return NULL;
    }
    if (frame->mismatch) {
        refusal_set(refusal, REFUSAL_MISMATCH, NULL, "send a frame with descriptors by a sendmsg of its own",
                    "%zu descriptors came, which is not what the frame said", frame->n_fds);
        return NULL;
    }
    if (frame->n_fds < least || frame->n_fds > most) {
        refusal_set(refusal, REFUSAL_MISMATCH, NULL, NULL, "%s does not take %zu descriptors", method->name,
                    frame->n_fds);
        return NULL;
    }
    if (holds_strings(request->ping->base.descriptor) &&
        !strings_are_clean(&portd__v1__request__descriptor, frame->body, frame->body + frame->length)) {
        refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "a string is not UTF-8, or has a NUL in it");
        return NULL;
    }
    return method;
}

static void refuse_garbled(struct connection *connection, const struct channel_frame *frame) {
    struct refusal refusal;
    if (connection->all->arena.exhausted)
        refusal_set(&refusal, REFUSAL_TOO_COMPLEX, NULL, "send less at once",
                    "the request takes too much room to unpack");
    else
        refusal_set(&refusal, REFUSAL_GARBLED, NULL, NULL, "the body is not a request");
    connection->method = 0;
    connection_refuse(connection, guess_id(frame), &refusal);
}

static void dispatch(struct connection *connection, struct channel_frame *frame,
                     const Portd__V1__Request *request) {
    struct call call = {
        .connection = connection, .session = connection->session, .request = request, .fd = OS_FD_NONE};
    bool hello = request->method_case == PORTD__V1__REQUEST__METHOD_HELLO;
    connection->method = (uint8_t)request->method_case;
    const struct method *method = check(connection, frame, request, &call.refusal);
    if (method) {
        calls[request->method_case]++;
        turn_spend(connection->user->lane.turns, method->units);
    }
    if (frame->n_fds && method && method->fds == FDS_SEVERAL) {
        call.frame = frame;
    } else if (frame->n_fds == 1 && method) {
        call.fd = frame->fds[0];
        frame->n_fds = 0;
    }
    if (!method || method->handler(&call)) {
        connection->method = (uint8_t)request->method_case; /* others may have been answered within */
        connection_refuse(connection, request->id, &call.refusal);
        if (!call.session)
            connection_end(connection, "hello was refused");
    }
    if (call.fd != OS_FD_NONE)
        connection_discard(connection, call.fd, call.closes_at_once);
    if (hello && !connection->dead)
        loop_timer_clear(&connection->timer);
}

/* The plain form goes into *plain, any other into the arena. NULL: garbled. */
static const Portd__V1__Request *unpack(struct arena *arena, const struct channel_frame *frame,
                                        Portd__V1__Request *plain) {
    struct envelope envelope;
    int result = envelope_unpack(&envelope, &portd__v1__request__descriptor, &arena->allocator, frame->body,
                                 frame->length);
    if (result == 0)
        return portd__v1__request__unpack(&arena->allocator, frame->length, frame->body);
    portd__v1__request__init(plain);
    plain->id = envelope.id;
    plain->method_case = (Portd__V1__Request__MethodCase)envelope.number;
    memcpy(&plain->ping, &envelope.message,
           sizeof plain->ping); /* every member of the union is such a pointer */
    return result > 0 ? plain : NULL;
}

void dispatch_frame(struct connection *connection, struct channel_frame *frame) {
    struct arena *arena = &connection->all->arena;
    Portd__V1__Request plain;
    const Portd__V1__Request *request;
    bool hello;
    arena_reset(arena);
    request = unpack(arena, frame, &plain);
    hello = request && request->method_case == PORTD__V1__REQUEST__METHOD_HELLO;
    if (hello == (connection->session != NULL))
        connection_end(connection, hello ? "a second hello" : "the first request is not hello");
    else if (!request)
        refuse_garbled(connection, frame);
    else if (!request->id || parked_find(connection, request->id))
        connection_end(connection, "a request id that is 0 or in flight");
    else
        dispatch(connection, frame, request);
    discard_rest(connection, frame, 0);
}
