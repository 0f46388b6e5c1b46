/* dispatch.c: the checks common to all methods, and the table of handlers. */
#include "dispatch.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "daemon/loop/loop.h"
#include "inflight.h"
#include "method.h"
#include "proto/arena.h"
#include "proto/channel.h"
#include "proto/frame.h"
#include "proto/status.h"
#include "proto/varint.h"
#include "request.h"
#include "session.h"
#include "visitor.h"

#include <stdlib.h>
#include <string.h>

static call_handler *const handlers[METHODS_MAX] = {
    [PORTD__V1__REQUEST__METHOD_HELLO] = call_hello,
    [PORTD__V1__REQUEST__METHOD_PING] = call_ping,
    [PORTD__V1__REQUEST__METHOD_CANCEL] = call_cancel,
    [PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE] = call_file_descriptor_to_semaphore,
    [PORTD__V1__REQUEST__METHOD_SOCKET_TO_SEMAPHORE] = call_socket_to_semaphore,
    [PORTD__V1__REQUEST__METHOD_FD_TO_EVT] = call_fd_to_evt,
    [PORTD__V1__REQUEST__METHOD_WAIT] = call_wait,
    [PORTD__V1__REQUEST__METHOD_REMOVE] = call_remove,
    [PORTD__V1__REQUEST__METHOD_RELEASE] = call_release,
    [PORTD__V1__REQUEST__METHOD_HANDLE] = call_handle,
    [PORTD__V1__REQUEST__METHOD_LIST] = call_list,
    [PORTD__V1__REQUEST__METHOD_SHOW] = call_show,
    [PORTD__V1__REQUEST__METHOD_STATUS] = call_status,
    [PORTD__V1__REQUEST__METHOD_END_SESSION] = call_end_session,
    [PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT] = call_file_descriptor_to_port,
    [PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT] = call_socket_to_port,
    [PORTD__V1__REQUEST__METHOD_PORT_TO_FILE_DESCRIPTOR] = call_port_to_file_descriptor,
    [PORTD__V1__REQUEST__METHOD_PORT_TO_SOCKET] = call_port_to_socket,
    [PORTD__V1__REQUEST__METHOD_PORT_DUP] = call_port_dup,
    [PORTD__V1__REQUEST__METHOD_CLOSE] = call_close,
    [PORTD__V1__REQUEST__METHOD_READ] = call_read,
    [PORTD__V1__REQUEST__METHOD_WRITE] = call_write,
    [PORTD__V1__REQUEST__METHOD_SHUTDOWN] = call_shutdown,
    [PORTD__V1__REQUEST__METHOD_ADDRESSES] = call_addresses,
    [PORTD__V1__REQUEST__METHOD_POSITION] = call_position,
    [PORTD__V1__REQUEST__METHOD_STATS] = call_stats,
    [PORTD__V1__REQUEST__METHOD_MONITOR] = call_monitor,
    [PORTD__V1__REQUEST__METHOD_SPLICE] = call_splice,
    [PORTD__V1__REQUEST__METHOD_GOODBYE] = call_goodbye,
    [PORTD__V1__REQUEST__METHOD_RELOAD] = call_reload,
    [PORTD__V1__REQUEST__METHOD_PUT] = call_put,
    [PORTD__V1__REQUEST__METHOD_GET] = call_get,
    [PORTD__V1__REQUEST__METHOD_DROP] = call_drop,
    [PORTD__V1__REQUEST__METHOD_HOLDS] = call_holds,
    [PORTD__V1__REQUEST__METHOD_RENEW] = call_renew,
    [PORTD__V1__REQUEST__METHOD_WHY] = call_why,
    [PORTD__V1__REQUEST__METHOD_READ_SPOOL] = call_read_spool,
    [PORTD__V1__REQUEST__METHOD_SHOW_HOLD] = call_show_hold,
    [PORTD__V1__REQUEST__METHOD_REPAIR_HOLD] = call_repair_hold,
    [PORTD__V1__REQUEST__METHOD_UPGRADE] = call_upgrade,
    [PORTD__V1__REQUEST__METHOD_RESIZE_HOLD] = call_resize_hold,
};

static bool string_is_clean(const uint8_t *text, size_t length) {
    char copy[FRAME_REQUEST_MAX + 1];
    if (length > FRAME_REQUEST_MAX || memchr(text, 0, length))
        return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    return status_utf8(copy);
}

/* Whether a message of that type can contain a string. */
static bool holds_strings(const ProtobufCMessageDescriptor *message) {
    for (unsigned i = 0; i < message->n_fields; i++)
        if (message->fields[i].type == PROTOBUF_C_TYPE_STRING ||
            message->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            return true;
    return false;
}

/* Whether every string field of a message is UTF-8 without NUL: protobuf-c checks neither, and the strings it unpacks end at a
 * NUL. The bytes have been unpacked before, so they are well-formed. */
static bool strings_are_clean(const ProtobufCMessageDescriptor *message, const uint8_t *at,
                              const uint8_t *end) {
    uint64_t tag, value;
    while (at < end && varint_read(&at, end, &tag)) {
        const ProtobufCFieldDescriptor *field;
        if ((tag & 7) == 0) {
            if (!varint_read(&at, end, &value))
                return true;
            continue;
        }
        value = (tag & 7) == 1 ? 8 : 4;
        if ((tag & 7) == 2 && !varint_read(&at, end, &value))
            return true;
        if (value > (uint64_t)(end - at))
            return true;
        field =
            (tag & 7) == 2 ? protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3)) : NULL;
        if (field && field->type == PROTOBUF_C_TYPE_STRING && !string_is_clean(at, (size_t)value))
            return false;
        if (field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
            !strings_are_clean(field->descriptor, at, at + value))
            return false;
        at += value;
    }
    return true;
}

/* The id in a body that cannot be unpacked: encoders write field 1 first. 0: not found. */
static uint64_t guess_id(const struct channel_frame *frame) {
    const uint8_t *at = frame->body + 1;
    uint64_t id;
    return frame->length > 1 && frame->body[0] == 0x08 && varint_read(&at, frame->body + frame->length, &id)
               ? id
               : 0;
}

static void discard_rest(struct connection *connection, struct channel_frame *frame, size_t from) {
    for (size_t i = from; i < frame->n_fds; i++)
        if (frame->fds[i] != OS_FD_NONE) /* the method took it */
            connection_discard(connection, frame->fds[i]);
    frame->n_fds = from;
}

static const struct method *find_method(const Portd__V1__Request *request, struct refusal *refusal) {
    const struct method *method = method_find((size_t)request->method_case);
    if (method)
        return method;
    refusal_set(refusal, REFUSAL_UNSUPPORTED, "method", "use a newer broker", "unknown method");
    return NULL;
}

/* The checks before the handler is called. NULL: the refusal. */
static inline __attribute__((always_inline)) const struct method *check(const struct connection *connection,
                                                                        const struct channel_frame *frame,
                                                                        const Portd__V1__Request *request,
                                                                        struct refusal *refusal) {
    const struct method *method = find_method(request, refusal);
    static const size_t most_fds[] = {
        [FDS_NONE] = 0, [FDS_MAYBE] = 1, [FDS_SEVERAL] = CALL_FDS_MAX, [FDS_MANY] = FRAME_FDS_MAX};
    if (!method)
        return NULL;
    if (frame->length > FRAME_REQUEST_MAX && !method->is_long) {
        refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "a %s request is limited to %d bytes", method->name,
                    (int)FRAME_REQUEST_MAX);
        return NULL;
    }
    if (frame->refused == CONNECTION_REFUSED_OWN) {
        refusal_set(refusal, REFUSAL_INVALID, NULL, NULL,
                    "a connection to this broker is attached to this request or to one beside it");
        return NULL;
    }
    if (frame->refused) {
        refusal_set(
            refusal, REFUSAL_LIMIT, NULL, "remove what is no longer needed, or send fewer requests at a time",
            "limit of descriptors: those of this request could not be kept while it waited for its turn");
        return NULL;
    }
    if (frame->mismatch) {
        refusal_set(refusal, REFUSAL_MISMATCH, NULL, "send each frame with descriptors in its own sendmsg",
                    "received %zu descriptors, not the number announced by the frame", frame->n_fds);
        return NULL;
    }
    if (frame->n_fds > most_fds[method->fds]) {
        refusal_set(refusal, REFUSAL_MISMATCH, NULL, NULL, "%s does not take %zu descriptors", method->name,
                    frame->n_fds);
        return NULL;
    }
    if (!connection->visitor && holds_strings(request->ping->base.descriptor) &&
        !strings_are_clean(&portd__v1__request__descriptor, frame->body, frame->body + frame->length)) {
        refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "a string is not UTF-8 or contains a NUL");
        return NULL;
    }
    return method;
}

static void refuse_garbled(struct connection *connection, const struct channel_frame *frame) {
    struct refusal refusal;
    if (connection->all->arena.exhausted)
        refusal_set(&refusal, REFUSAL_TOO_COMPLEX, NULL, "send less at once",
                    "the request needs too much memory to unpack");
    else
        refusal_set(&refusal, REFUSAL_GARBLED, NULL, NULL, "malformed request");
    connection->method = 0;
    connection_refuse(connection, guess_id(frame), &refusal);
}

static bool looked_in_vain(const struct call *call) {
    return call->request->method_case == PORTD__V1__REQUEST__METHOD_HELLO && call->request->hello->find &&
           call->refusal.code == REFUSAL_NOT_FOUND;
}

/* A hello that looked for a session and found none has its answer: nothing went wrong, so it is not logged. */
static void refuse(struct connection *connection, const struct call *call) {
    if (looked_in_vain(call)) {
        connection_answer_none(connection, call->request->id, &call->refusal);
        (void)channel_flush(&connection->channel);
        connection_end(connection, NULL);
        return;
    }
    connection_refuse(connection, call->request->id, &call->refusal);
    if (!call->session)
        connection_end(connection, "hello was refused");
}

/* Inlined in both: all requests but those of visitors take the same way. */
static inline __attribute__((always_inline)) void
dispatch(struct connection *connection, struct channel_frame *frame, const Portd__V1__Request *request) {
    struct call call; /* by its members: the text of the refusal is long */
    call.connection = connection;
    call.session = connection->session;
    call.request = request;
    call.fd = OS_FD_NONE;
    call.frame = NULL;
    refusal_clear(&call.refusal);
    bool hello = request->method_case == PORTD__V1__REQUEST__METHOD_HELLO;
    connection->method = (uint8_t)request->method_case;
    const struct method *method = check(connection, frame, request, &call.refusal);
    if (method) {
        method_count((size_t)request->method_case);
        turn_spend(connection->user->lane.turns, method->units);
        call.others = method->right != POLICY_NONE && connection_is_admin(connection);
    }
    if (frame->n_fds && method && (method->fds == FDS_SEVERAL || method->fds == FDS_MANY)) {
        call.frame = frame;
    } else if (frame->n_fds == 1 && method) {
        call.fd = frame->fds[0];
        frame->n_fds = 0;
    }
    if (!method || handlers[request->method_case](&call)) {
        connection->method = (uint8_t)request->method_case; /* others may have been answered within */
        refuse(connection, &call);
    }
    if (call.fd != OS_FD_NONE)
        connection_discard(connection, call.fd);
    if (hello && !connection->dead)
        loop_timer_clear(&connection->timer);
}

__attribute__((cold)) void dispatch_request(struct connection *connection, struct channel_frame *frame,
                                            const Portd__V1__Request *request) {
    dispatch(connection, frame, request);
}

static inline __attribute__((always_inline)) void unpack(struct connection *connection,
                                                         struct channel_frame *frame) {
    Portd__V1__Request plain;
    const Portd__V1__Request *request;
    bool hello;
    request = request_unpack(&connection->all->arena, frame->body, frame->length, &plain);
    turn_spend(connection->user->lane.turns, request_units(request, frame->length));
    hello = request && request->method_case == PORTD__V1__REQUEST__METHOD_HELLO;
    if (hello == (connection->session != NULL))
        connection_end(connection, hello ? "second hello" : "first request is not hello");
    else if (!request)
        refuse_garbled(connection, frame);
    else if (!request->id || inflight_find(connection, request->id))
        connection_end(connection, "request id is 0 or already in flight");
    else
        dispatch(connection, frame, request);
}

void dispatch_frame(struct connection *connection, struct channel_frame *frame) {
    if (connection->visitor)
        connection->visitor->dialect->frame(connection, frame);
    else
        unpack(connection, frame);
    discard_rest(connection, frame, 0);
}
