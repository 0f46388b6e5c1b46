/* call_io.c: read, peek, write, position and splice: transfers of ports as in-flight requests.
 *
 * A transfer in flight is charged to the session: one wait, and its memory. A read goes from the kernel straight into the reply,
 * and is tried only while its connection has room; bytes that the client does not fetch stay in the kernel. The pipe end attached
 * to a splice is charged as a descriptor, and then as a descriptor being closed. */
#include "again.h"
#include "call.h"
#include "connection.h"
#include "credentials.h"
#include "daemon/access/charge.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/base/metrics.h"
#include "daemon/loop/identity.h"
#include "daemon/object/direction.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "daemon/object/port.h"
#include "daemon/object/transfer.h"
#include "daemon/object/waitable.h"
#include "dispatch.h"
#include "inflight.h"
#include "proto/container.h"
#include "proto/frame.h"
#include "proto/peer.h"
#include "proto/transport.h"
#include "session.h"
#include "target.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { SPLICE_MOST = 1 << 30 };

struct io {
    struct inflight inflight;
    struct transfer transfer;
    struct identity *identity;
    struct charge charge;
    struct closer *closer;
    unsigned char data[];
};

static struct io *io_of(struct transfer *transfer) { return CONTAINER_OF(transfer, struct io, transfer); }

/* When the broker exits, the kernel closes the pipe end, as with closer_free. */
static void io_free(struct io *io) {
    os_fd pipe = io->transfer.stream.pipe;
    if (pipe != OS_FD_NONE && !io->transfer.dropped)
        discard_close(io->closer, io->charge.user, pipe);
    identity_unref(io->identity);
    charge_deinit(&io->charge);
    free(io);
}

static void answer_read(const struct io *io, Portd__V1__Reply *reply) {
    Portd__V1__Data data = PORTD__V1__DATA__INIT;
    data.data.data = io->transfer.stream.bytes;
    data.data.len = io->transfer.stream.count;
    data.end = io->transfer.stream.end;
    data.truncated = io->transfer.stream.truncated;
    metrics_add(METRIC_PORT_BYTES_READ,
                io->transfer.stream.what == STREAM_PEEK ? 0 : io->transfer.stream.count);
    reply->result_case = PORTD__V1__REPLY__RESULT_READ;
    reply->read = &data;
    connection_reply(io->inflight.connection, reply);
}

static void answer_write(const struct io *io, Portd__V1__Reply *reply) {
    Portd__V1__Written written = PORTD__V1__WRITTEN__INIT;
    written.count = (uint32_t)io->transfer.stream.count;
    metrics_add(METRIC_PORT_BYTES_WRITE, io->transfer.stream.count);
    reply->result_case = PORTD__V1__REPLY__RESULT_WRITE;
    reply->write = &written;
    connection_reply(io->inflight.connection, reply);
}

static void answer_position(const struct io *io, Portd__V1__Reply *reply) {
    Portd__V1__PositionOf position = PORTD__V1__POSITION_OF__INIT;
    position.offset = io->transfer.stream.offset;
    reply->result_case = PORTD__V1__REPLY__RESULT_POSITION;
    reply->position = &position;
    connection_reply(io->inflight.connection, reply);
}

static int refuse_splice(struct refusal *refusal) {
    return refusal_set(refusal, REFUSAL_UNSUPPORTED, "id", "read or write instead",
                       "this type of descriptor cannot be spliced");
}

static int check_splice(struct call *call, enum inspect_type type, bool write) {
    if (!stream_can_splice(type, write))
        return refuse_splice(&call->refusal);
    if (!stream_splice_is_charged(type) || limit_is_admin(call->connection->user))
        return 0;
    return refusal_set(
        &call->refusal, REFUSAL_UNSUPPORTED, "id",
        "read instead, or get a copy of the descriptor and use that",
        "a splice copies bytes of a Unix socket, and the kernel would charge the copy to the broker");
}

static void answer_splice(const struct io *io, Portd__V1__Reply *reply) {
    const struct stream_job *stream = &io->transfer.stream;
    Portd__V1__Spliced spliced = PORTD__V1__SPLICED__INIT;
    spliced.count = stream->count;
    spliced.end = stream->end;
    spliced.os_errno = stream->failed;
    metrics_add(stream_writes(stream->what) ? METRIC_PORT_BYTES_WRITE : METRIC_PORT_BYTES_READ,
                stream->count);
    reply->result_case = PORTD__V1__REPLY__RESULT_SPLICE;
    reply->splice = &spliced;
    connection_reply(io->inflight.connection, reply);
}

/* What a worker must not do, by STREAM_E_*. */
static const struct {
    enum refusal_code code;
    const char *field, *hint, *text;
} reasons[] = {
    [STREAM_E_PROCESS] =
        {REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
         "the contents of a procfs file depend on the process that reads it, here the broker"},
    [STREAM_E_GONE] = {REFUSAL_DENIED, NULL, "connect from the process that writes",
                       "the connecting process has exited and can no longer be named as the sender"},
    [STREAM_E_OFFSET] = {REFUSAL_UNSUPPORTED, "peek", "read instead",
                         "a peek would move the peek offset (SO_PEEK_OFF) that the socket's holders share"},
    [STREAM_E_RIGHTS] = {REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
                         "the broker cannot act with the rights of another user on this system"},
    [STREAM_E_CONTROL] = {REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
                          "the kernel would take the request as one of the broker, not of the client"},
    [STREAM_E_MEMORY] = {REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
                         "the file is in memory, which the kernel would charge to the broker"},
    [STREAM_E_FULL] = {REFUSAL_LIMIT, NULL, "try again, or get a copy of the descriptor and use that",
                       refusal_full_group},
    [STREAM_E_PLAIN] = {REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
                        "a write to a pipe for synchronous I/O would keep its other holders waiting"},
    [STREAM_E_POSITION] = {REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
                           "a file that was opened for overlapped I/O has no position"},
    [STREAM_E_KIND] = {REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
                       "the broker cannot read or write a descriptor of this type"},
    [STREAM_E_MESSAGE] =
        {REFUSAL_UNSUPPORTED, "data", "get a copy of the descriptor and use that",
         "the message is longer than the pipe keeps: it would be written only as it is read"},
};

static void refuse(const struct io *io) {
    static const char *const names[] = {
        [STREAM_READ] = "read",  [STREAM_PEEK] = "read",          [STREAM_WRITE] = "write",
        [STREAM_SEEK] = "lseek", [STREAM_SPLICE_READ] = "splice", [STREAM_SPLICE_WRITE] = "splice"};
    struct refusal refusal;
    int reason = io->transfer.error, error = -reason;
    const struct stream_job *stream = &io->transfer.stream;
    /* A transfer that a worker has is also cancelled when its port is closed. */
    if (error == ECANCELED && io->transfer.cancelled && io->transfer.port)
        refusal_set(&refusal, REFUSAL_CANCELLED, NULL, NULL, "cancelled");
    else if (error == ECANCELED)
        refusal_set(&refusal, REFUSAL_CLOSED, "id", NULL, "the port was closed");
    else if (reason > 0)
        refusal_set(&refusal, reasons[reason].code, reasons[reason].field, reasons[reason].hint, "%s",
                    reasons[reason].text);
    else if (error == EBUSY && stream->what == STREAM_PEEK)
        refusal_set(&refusal, REFUSAL_LIMIT, "peek", "read instead, or try again",
                    "too many pipe peeks in progress");
    else if (stream_splices(stream->what) && error == EOPNOTSUPP)
        refuse_splice(&refusal);
    else if (stream->what == STREAM_SEEK && error == EINVAL)
        refusal_set(&refusal, REFUSAL_INVALID, "to", NULL, "invalid position");
    else
        refusal_system(&refusal, error, names[stream->what]);
    if (error == ENOSPC)
        refusal.code = REFUSAL_SYSTEM; /* the device is full: not a limit of the broker */
    connection_refuse(io->inflight.connection, io->inflight.request, &refusal);
}

/* Replies and frees the record. */
static void emit(struct inflight *inflight) {
    struct io *io = CONTAINER_OF(inflight, struct io, inflight);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    reply.id = inflight->request;
    if (io->transfer.error)
        refuse(io);
    else if (stream_splices(io->transfer.stream.what))
        answer_splice(io, &reply);
    else if (io->transfer.stream.what == STREAM_SEEK)
        answer_position(io, &reply);
    else if (io->transfer.stream.what == STREAM_WRITE)
        answer_write(io, &reply);
    else
        answer_read(io, &reply);
    io_free(io);
}

static void on_done(struct transfer *transfer) {
    struct io *io = io_of(transfer);
    if (io->inflight.connection)
        inflight_ready(&io->inflight);
    else
        io_free(io);
}

/* The connection has ended. A worker may still be using the record. */
static void orphan(struct inflight *inflight) {
    struct io *io = CONTAINER_OF(inflight, struct io, inflight);
    inflight->connection = NULL;
    io->transfer.unwanted = true;
    if (inflight->ready || transfer_cancel(&io->transfer))
        io_free(io);
}

/* What was done by then is answered, as after a cancel: by a worker, or of a splice that waits to go on. */
static enum inflight_end end(struct inflight *inflight) {
    struct io *io = CONTAINER_OF(inflight, struct io, inflight);
    const struct stream_job *stream = &io->transfer.stream;
    if (io->transfer.working && !transfer_cancel(&io->transfer))
        return INFLIGHT_OUTLASTS;
    if (!stream_splices(stream->what) || !stream->count)
        return INFLIGHT_LEAVES;
    (void)transfer_cancel(&io->transfer);
    inflight_ready(inflight);
    return INFLIGHT_ANSWERED;
}

static void pack_again(const struct io *io, Portd__V1__Request *request, struct again *to) {
    const struct stream_job *stream = &io->transfer.stream;
    uint64_t id = io->transfer.port->waitable.object.id;
    Portd__V1__Read read = PORTD__V1__READ__INIT;
    Portd__V1__Write write = PORTD__V1__WRITE__INIT;
    Portd__V1__Splice splice = PORTD__V1__SPLICE__INIT;
    if (stream_splices(stream->what)) {
        splice.id = id;
        splice.most = stream->size;
        splice.least = stream->least;
        request->method_case = PORTD__V1__REQUEST__METHOD_SPLICE;
        request->splice = &splice;
        again_add(to, request, stream->pipe);
    } else if (stream->what == STREAM_WRITE) {
        write.id = id;
        write.data = (ProtobufCBinaryData){stream->size, (uint8_t *)(uintptr_t)io->data};
        request->method_case = PORTD__V1__REQUEST__METHOD_WRITE;
        request->write = &write;
        again_add(to, request, OS_FD_NONE);
    } else {
        read.id = id;
        read.most = (uint32_t)stream->size;
        read.peek = stream->what == STREAM_PEEK;
        request->method_case = PORTD__V1__REQUEST__METHOD_READ;
        request->read = &read;
        again_add(to, request, OS_FD_NONE);
    }
}

/* One that waits for its descriptor. A splice that has moved bytes is answered, as if it had been cancelled. */
static bool again(struct inflight *inflight, struct again *to) {
    struct io *io = CONTAINER_OF(inflight, struct io, inflight);
    const struct stream_job *stream = &io->transfer.stream;
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    if (io->transfer.working || !io->transfer.port || stream->what == STREAM_SEEK)
        return false;
    if (stream_splices(stream->what) && stream->count) {
        if (!to && transfer_cancel(&io->transfer))
            inflight_ready(inflight);
        return !to;
    }
    request.id = inflight->request;
    if (to)
        pack_again(io, &request, to);
    return true;
}

/* While replies are unread, a read must not take bytes from the kernel. */
static bool has_room(struct transfer *transfer) {
    struct io *io = io_of(transfer);
    return transfer->stream.what == STREAM_WRITE || stream_splices(transfer->stream.what) ||
           !io->inflight.connection || inflight_has_room(io->inflight.connection, &io->inflight);
}

static void cancel(struct inflight *inflight) {
    struct io *io = CONTAINER_OF(inflight, struct io, inflight);
    io->transfer.cancelled = true;
    if (transfer_cancel(&io->transfer))
        inflight_ready(inflight); /* else on_done is called when the worker returns, with bytes or without */
}

static void go_on(struct inflight *inflight) {
    const struct io *io = CONTAINER_OF(inflight, struct io, inflight);
    if (io->transfer.port)
        transfer_go_on(io->transfer.port);
}

static int check_groups(struct call *call) {
    if (identity_is_whole(call->connection->identity))
        return 0;
    return refusal_set(
        &call->refusal, REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
        "the process that connected has more than %d supplementary groups: the broker does not "
        "act with so many",
        PEER_GROUPS_MOST);
}

static struct io *io_new(struct call *call, struct port *port, size_t size) {
    struct charge before = {0};
    struct io *io;
    if (check_groups(call) || target_check_workers(call))
        return NULL;
    if (charge_request(&before, &call->session->session_objects.account, sizeof(struct io) + size,
                       &call->refusal))
        return NULL;
    io = malloc(sizeof(struct io) + size);
    if (!io || table_reserve(&call->connection->by_request) || !waitable_expect(&port->waitable)) {
        free(io);
        charge_deinit(&before);
        refusal_memory(&call->refusal);
        return NULL;
    }
    memset(io, 0, sizeof *io);
    charge_move(&io->charge, &before);
    io->inflight = (struct inflight){
        .emit = emit, .orphan = orphan, .end = end, .cancel = cancel, .go_on = go_on, .again = again};
    io->closer = call->connection->all->env->closer;
    io->transfer.stream.pipe = OS_FD_NONE;
    io->identity = identity_ref(call->connection->identity);
    io->transfer.identity = io->identity;
    return io;
}

static int start(struct call *call, struct io *io, struct port *port, size_t size) {
    io->transfer.port = port;
    io->transfer.room = has_room;
    io->transfer.done = on_done;
    io->transfer.stream.bytes = io->data;
    io->transfer.stream.size = size;
    inflight_add(call->connection, &io->inflight, call->request->id);
    transfer_start(&io->transfer);
    return 0;
}

int call_read(struct call *call) {
    const Portd__V1__Read *message = call->request->read;
    struct port *port = target_port(call, message->id, DIRECTION_READ);
    struct io *io;
    if (!port)
        return -1;
    if (message->most < 1 || message->most > FRAME_DATA_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "most", NULL, "expected 1 to 65536 bytes, got %u",
                           message->most);
    if (message->peek && !stream_can_peek((enum inspect_type)waitable_source(&port->waitable)->type))
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "peek", "read instead",
                           "this type of descriptor cannot be peeked");
    io = io_new(call, port, message->most);
    if (!io)
        return -1;
    io->transfer.stream.what = message->peek ? STREAM_PEEK : STREAM_READ;
    return start(call, io, port, message->most);
}

int call_write(struct call *call) {
    const Portd__V1__Write *message = call->request->write;
    struct port *port = target_port(call, message->id, DIRECTION_WRITE);
    size_t size = message->data.len;
    struct io *io;
    if (!port)
        return -1;
    if (size > FRAME_DATA_MAX ||
        (size < 1 && !inspect_is_socket((enum inspect_type)waitable_source(&port->waitable)->type)))
        return refusal_set(&call->refusal, REFUSAL_INVALID, "data", NULL,
                           "expected 1 to 65536 bytes, got %zu", size);
    if (inspect_is_unix((enum inspect_type)waitable_source(&port->waitable)->type) &&
        credentials_prove(call->connection->identity, transport_peer(call->connection->channel.transport),
                          &call->refusal))
        return -1;
    io = io_new(call, port, size);
    if (!io)
        return -1;
    if (size)
        memcpy(io->data, message->data.data, size);
    io->transfer.stream.what = STREAM_WRITE;
    return start(call, io, port, size);
}

int call_position(struct call *call) {
    const Portd__V1__Position *message = call->request->position;
    struct port *port = target_port(call, message->id, -1);
    struct io *io;
    if (!port)
        return -1;
    if (waitable_source(&port->waitable)->type != INSPECT_REGULAR)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "id", NULL,
                           "only regular files have a position");
    io = io_new(call, port, 0);
    if (!io)
        return -1;
    io->transfer.stream.what = STREAM_SEEK;
    io->transfer.stream.set = message->set_case == PORTD__V1__POSITION__SET_TO;
    io->transfer.stream.offset = message->to;
    return start(call, io, port, 0);
}

static int check_pipe(struct call *call, bool write) {
    if (call->fd == OS_FD_NONE)
        return refusal_set(&call->refusal, REFUSAL_MISMATCH, NULL, NULL,
                           "splice requires an attached end of a pipe");
    if (inspect_type_of(call->fd, call->connection->user->uid) != INSPECT_PIPE ||
        !stream_is_open_for(call->fd, !write))
        return refusal_set(&call->refusal, REFUSAL_INVALID, NULL, NULL,
                           "the attached descriptor is not a pipe open for %s",
                           write ? "reading" : "writing");
    return limit_may_keep(call->connection->user, 1, 0)
               ? 0
               : holders_refuse_table(call->connection->user, &call->refusal);
}

int call_splice(struct call *call) {
    const Portd__V1__Splice *message = call->request->splice;
    struct port *port = target_port(call, message->id, -1);
    bool write = port && port->waitable.direction == DIRECTION_WRITE;
    struct io *io;
    if (!port)
        return -1;
    if (message->most < 1 || message->most > SPLICE_MOST || message->least > message->most)
        return refusal_set(&call->refusal, REFUSAL_INVALID, message->least > message->most ? "least" : "most",
                           NULL, "expected 1 to 1073741824 bytes, and least not above most");
    if (check_pipe(call, write))
        return -1;
    if (check_splice(call, (enum inspect_type)waitable_source(&port->waitable)->type, write))
        return -1;
    io = io_new(call, port, 0);
    if (!io)
        return -1;
    if (charge_take(&io->charge, USER_DESCRIPTORS, 1, &call->refusal)) {
        waitable_trim(&port->waitable);
        io_free(io);
        return -1;
    }
    io->transfer.stream.what = write ? STREAM_SPLICE_WRITE : STREAM_SPLICE_READ;
    io->transfer.stream.pipe = call_take(call);
    io->transfer.stream.least = message->least ? (size_t)message->least : 1;
    return start(call, io, port, (size_t)message->most);
}
