/* exchange.c: one request and its reply on a connection of portctl's own.
 *
 * The library has found the broker and joined the session before; this connection joins it by its token. One request is
 * in flight at a time, so nothing is queued; frames other than its reply are ignored.
 */
#include "exchange.h"

#include "client/portd.h"
#include "native.h"

#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/transport.h"

#include <errno.h>
#include <string.h>

enum { VERSION = 1 };

static int failed(struct exchange *exchange, int code, const char *fault) {
    exchange->fault = fault;
    return code;
}

static int failed_system(struct exchange *exchange, int error) {
    if (error == -ENOMEM)
        return failed(exchange, PORTD_E_MEMORY, "no memory");
    if (error == -EPIPE || error == -ECONNRESET)
        return failed(exchange, PORTD_E_DISCONNECTED, "the broker closed the connection");
    return failed(exchange, PORTD_E_SYSTEM, native_error_text(-error));
}

static int open_address(struct exchange *exchange, const char *address, int64_t deadline, bool shared) {
    int rc;

    memset(exchange, 0, sizeof(*exchange));
    exchange->connection = transport_none();
    exchange->deadline = deadline;
    exchange->fault = "";
    rc = channel_scratch_init(&exchange->scratch);
    if (rc == 0)
        rc = arena_init(&exchange->arena);
    channel_init(&exchange->channel, transport_none(), &exchange->scratch, FRAME_LONG_MAX);
    if (rc == 0)
        rc = transport_connect_by(address, exchange->deadline, &exchange->connection);
    if (rc == 0 && shared) {
        exchange->connection.end = os_dup(exchange->connection.end);
        rc = exchange->connection.end == OS_FD_NONE ? -errno : 0;
    }
    exchange->channel.transport = exchange->connection;
    if (rc == -ENOMEM)
        return failed_system(exchange, rc);
    if (rc == 0)
        return 1;
    if (rc == -EAGAIN)
        return failed(exchange, PORTD_E_TIMEOUT, "its listen queue is full");
    return failed(exchange, rc == -EACCES ? PORTD_E_DENIED : PORTD_E_UNREACHABLE, native_error_text(-rc));
}

int exchange_open(struct exchange *exchange, const char *address, int64_t deadline) {
    return open_address(exchange, address, deadline, false);
}

int exchange_share(struct exchange *exchange, const char *address, int64_t deadline) {
    return open_address(exchange, address, deadline, true);
}

static void close_frame(struct channel_frame *frame) {
    for (size_t i = 0; i < frame->n_fds; i++)
        os_close(frame->fds[i]);
    frame->n_fds = 0;
}

static void discard(void *context, os_fd fd) {
    (void)context;
    os_close(fd);
}

void exchange_close(struct exchange *exchange) {
    close_frame(&exchange->frame);
    channel_deinit(&exchange->channel, discard, NULL);
    channel_scratch_deinit(&exchange->scratch);
    arena_deinit(&exchange->arena);
    transport_close(exchange->connection);
}

/* ---- sending --------------------------------------------------------------------------------------------- */

/* The maximum size of a request in bytes. */
static size_t room_for(uint32_t number) {
    return number == PORTD__V1__REQUEST__METHOD_WRITE ? FRAME_LONG_MAX : FRAME_REQUEST_MAX;
}

/* 0 or a negative errno. */
static int put(struct exchange *exchange, struct envelope *envelope, const os_fd *fds, size_t n_fds) {
    size_t length = envelope_size(envelope);
    uint8_t packed[FRAME_REQUEST_MAX], *body;

    if (length > (n_fds > 0 ? sizeof(packed) : room_for(envelope->number)))
        return -EMSGSIZE;
    if (n_fds > 0) {
        envelope_pack(envelope, packed);
        return channel_put_fds(&exchange->channel, packed, length, fds, n_fds);
    }
    body = channel_put(&exchange->channel, length);
    if (body == NULL)
        return -ENOMEM;
    envelope_pack(envelope, body);
    return 0;
}

static int await(struct exchange *exchange, bool writable) {
    int rc =
        native_await((portd_native)transport_pollable(exchange->connection), writable, exchange->deadline);

    if (rc == 0)
        return failed(exchange, PORTD_E_TIMEOUT, "timed out");
    return rc > 0 ? 1 : failed(exchange, rc, native_error_text(errno));
}

static int send_all(struct exchange *exchange) {
    for (;;) {
        int rc = channel_flush(&exchange->channel);

        if (rc < 0)
            return failed_system(exchange, rc);
        if (channel_pending(&exchange->channel) == 0)
            return 1;
        rc = await(exchange, true);
        if (rc < 0)
            return rc;
    }
}

/* ---- receiving ------------------------------------------------------------------------------------------- */

/* Handles a frame: 1 if it is the reply, 0 if it is to be ignored, or a code. */
static int take_frame(struct exchange *exchange, struct channel_frame *frame) {
    arena_reset(&exchange->arena);
    exchange->reply = portd__v1__reply__unpack(&exchange->arena.allocator, frame->length, frame->body);
    if (exchange->reply != NULL && exchange->reply->id != 0 && exchange->reply->id != exchange->last_id) {
        close_frame(frame);
        return 0;
    }
    exchange->frame = *frame;
    if (exchange->reply == NULL)
        return exchange->arena.exhausted
                   ? failed(exchange, PORTD_E_TOO_COMPLEX, "the reply needs too much memory to unpack")
                   : failed(exchange, PORTD_E_GARBLED, "malformed reply");
    if (exchange->reply->error == NULL && frame->mismatch)
        return failed(exchange, PORTD_E_MISMATCH, "descriptors of the reply were lost");
    if (exchange->reply->error == NULL && exchange->reply->id == 0)
        return failed(exchange, PORTD_E_GARBLED, "the broker could not read the request");
    return 1;
}

/* Handles the frames of one read: 1, 0 if the reply is not among them, or a code. */
static int take_frames(struct exchange *exchange) {
    struct channel_frame frame;
    int rc = 0, next = 0;

    while (rc == 0 && (next = channel_next(&exchange->channel, &frame)) == 1)
        rc = take_frame(exchange, &frame);
    if (channel_rest(&exchange->channel) < 0)
        return failed_system(exchange, -ENOMEM);
    return next == CHANNEL_E_PROTOCOL ? failed(exchange, PORTD_E_GARBLED, exchange->channel.fault) : rc;
}

static int receive(struct exchange *exchange) {
    int rc = 0;

    while (rc == 0) {
        rc = channel_fill(&exchange->channel, discard, NULL);
        if (rc == CHANNEL_E_END)
            return failed_system(exchange, -EPIPE);
        if (rc < 0)
            return failed_system(exchange, rc);
        if (rc == 1) {
            rc = take_frames(exchange);
        } else {
            int ready = await(exchange, false);

            if (ready < 0)
                return ready;
        }
    }
    return rc;
}

/* ---- both ------------------------------------------------------------------------------------------------ */

/* A code of a later version of the protocol counts as a failure, too. */
static int code_of(const Portd__V1__Error *error) {
    int code = -(int)error->code;

    return code > PORTD_E_INVALID || code < PORTD_E_EXISTS ? PORTD_E_SYSTEM : code;
}

int exchange_ask(struct exchange *exchange, uint32_t number, const ProtobufCMessage *message,
                 const os_fd *fds, size_t n_fds) {
    struct envelope envelope = {.id = ++exchange->last_id, .number = number, .message = message};
    int rc;

    close_frame(&exchange->frame);
    exchange->reply = NULL;
    rc = put(exchange, &envelope, fds, n_fds);
    if (rc == -EMSGSIZE)
        return failed(exchange, PORTD_E_INVALID, "the request is too long");
    rc = rc < 0 ? failed_system(exchange, rc) : send_all(exchange);
    if (rc > 0)
        rc = receive(exchange);
    if (rc < 0)
        return rc;
    if (exchange->reply->error != NULL)
        return code_of(exchange->reply->error);
    return exchange->reply->result_case == number
               ? 1
               : failed(exchange, PORTD_E_GARBLED, "the reply does not match the request");
}

int exchange_hello(struct exchange *exchange, const char *token, uint32_t numbers) {
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;
    char client[] = "portctl";

    hello.version_min = hello.version_max = VERSION;
    hello.client = client;
    hello.reach = true;
    hello.numbers_case =
        numbers != 0 ? PORTD__V1__HELLO__NUMBERS_NUMBERS_PID : PORTD__V1__HELLO__NUMBERS_NUMBERS_NOBODY;
    if (numbers != 0)
        hello.numbers_pid = numbers;
    else
        hello.numbers_nobody = true;
    memcpy(&hello.token, &token, sizeof(token)); /* packing only reads it */
    return exchange_ask(exchange, PORTD__V1__REQUEST__METHOD_HELLO, &hello.base, NULL, 0);
}

os_fd exchange_take(struct exchange *exchange, size_t i) {
    os_fd fd;

    if (i >= exchange->frame.n_fds)
        return OS_FD_NONE;
    fd = exchange->frame.fds[i];
    exchange->frame.fds[i] = OS_FD_NONE;
    return fd;
}
