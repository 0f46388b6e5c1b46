/* io.c: read, write, splice, shutdown, addresses and position of ports.
 *
 * Nothing is buffered here. When the caller stops waiting for a read or write, it is cancelled at the broker and its
 * final reply is waited for, so the result says exactly what was done (call.h, `exact`). */
#include "call.h"
#include "client.h"
#include "endpoint.h"
#include "submit.h"
#include "text.h"

#include "proto/container.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A blocking call and where to copy what its result points to. */
struct io_call {
    struct call call;
    void *bytes;
    size_t room;
    portd_endpoint *local, *peer;
};

static size_t chunk(size_t size) { return size < FRAME_DATA_MAX ? size : FRAME_DATA_MAX; }

/* ---- read --------------------------------------------------------------------------------------------------------- */

static int read_data(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                     struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Data *data = reply->read;

    (void)client;
    (void)request;
    (void)frame;
    result->bytes = data->data.data;
    result->count = data->data.len;
    result->truncated = (size_t)data->truncated;
    return !data->end;
}

int portd_port_read_start(portd_client *client, portd_id port, size_t size, unsigned flags,
                          portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Read read = PORTD__V1__READ__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (size == 0)
        return client_fail(client, PORTD_E_INVALID, 0, "size", "size must not be 0");
    if (flags & ~(unsigned)PORTD_PEEK)
        return client_fail(client, PORTD_E_INVALID, 0, "flags", "invalid flags: only PORTD_PEEK is allowed");
    int r = text_read_start(client, port, size, flags, callback, data, request);
    if (r != 0)
        return r;
    read.id = port;
    read.most = (uint32_t)chunk(size);
    read.peek = (flags & PORTD_PEEK) != 0;
    message.method_case = PORTD__V1__REQUEST__METHOD_READ;
    message.read = &read;
    return submit_request(client, &message, OS_FD_NONE, read_data, callback, data, request);
}

static int keep_data(struct call *call, const portd_result *result) {
    struct io_call *kept = CONTAINER_OF(call, struct io_call, call);

    if (result->count > kept->room)
        return PORTD_E_GARBLED;
    if (result->count > 0)
        memcpy(kept->bytes, result->bytes, result->count);
    return result->code;
}

int portd_port_read(portd_client *client, portd_id port, void *bytes, size_t size, unsigned flags,
                    int64_t deadline, size_t *count, size_t *truncated) {
    struct io_call kept = {.bytes = bytes, .room = size};

    if (count)
        *count = 0;
    if (truncated)
        *truncated = 0;
    if (!bytes || !count)
        return client_fail(client, PORTD_E_INVALID, 0, bytes ? "count" : "bytes",
                           "bytes and count must not be NULL");
    int r;
    do {
        portd_client *asked = call_begin(&kept.call, client);
        kept.call.keep = keep_data;
        kept.call.exact = true;
        r = portd_port_read_start(asked, port, size, flags, call_done, &kept.call, &kept.call.request);
        r = call_end(&kept.call, r, deadline);
    } while (r > 0 && kept.call.result.flags & PORTD_RESULT_HELD);
    if (r > 0)
        *count = kept.call.result.count;
    if (r > 0 && truncated)
        *truncated = kept.call.result.truncated;
    return r;
}

/* ---- write -------------------------------------------------------------------------------------------------------- */

static int read_written(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                        struct channel_frame *frame, portd_result *result) {
    (void)client;
    (void)request;
    (void)frame;
    result->count = reply->write->count;
    return 1;
}

int portd_port_write_start(portd_client *client, portd_id port, const void *bytes, size_t size,
                           portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Write write = PORTD__V1__WRITE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (!bytes && size > 0)
        return client_fail(client, PORTD_E_INVALID, 0, "bytes", "bytes must not be NULL");
    int r = text_write_start(client, port, bytes, size, callback, data, request);
    if (r != 0)
        return r;
    write.id = port;
    write.data.len = chunk(size);
    write.data.data = (uint8_t *)(uintptr_t)bytes; /* packing only reads it */
    message.method_case = PORTD__V1__REQUEST__METHOD_WRITE;
    message.write = &write;
    return submit_request(client, &message, OS_FD_NONE, read_written, callback, data, request);
}

int portd_port_write(portd_client *client, portd_id port, const void *bytes, size_t size, int64_t deadline,
                     size_t *count) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    call.exact = true;
    int r = portd_port_write_start(asked, port, bytes, size, call_done, &call, &call.request);
    r = call_end(&call, r, deadline);
    if (count)
        *count = r > 0 ? call.result.count : 0;
    return r;
}

int portd_port_write_all(portd_client *client, portd_id port, const void *bytes, size_t size,
                         int64_t deadline, size_t *count) {
    const uint8_t *from = bytes;
    size_t done = 0, some;
    int r = client_check(client);

    if (count)
        *count = 0;
    if (r < 0)
        return r;
    client_enter(client); /* a callback of another request may disconnect it meanwhile */
    for (r = 1; r > 0 && done < size; done += some)
        r = portd_port_write(client, port, from ? from + done : NULL, size - done, deadline, &some);
    if (count)
        *count = done;
    return client_leave(client, r);
}

/* ---- splice ------------------------------------------------------------------------------------------------------- */

enum { SPLICE_MOST = 1 << 30 };

static int read_spliced(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                        struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Spliced *spliced = reply->splice;

    (void)client;
    (void)request;
    (void)frame;
    if (spliced->count > SPLICE_MOST)
        return PORTD_E_GARBLED;
    result->count = (size_t)spliced->count;
    result->os_errno = spliced->os_errno;
    if (spliced->os_errno != 0)
        return PORTD_E_SYSTEM;
    return !spliced->end;
}

int portd_port_splice_start(portd_client *client, portd_id port, portd_native pipe, size_t least, size_t most,
                            portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Splice splice = PORTD__V1__SPLICE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (pipe < 0 || pipe > INT32_MAX)
        return client_fail(client, PORTD_E_INVALID, EBADF, "pipe",
                           "this cannot be the number of a descriptor");
    if (most == 0 || least > most)
        return client_fail(client, PORTD_E_INVALID, 0, most == 0 ? "most" : "least",
                           "there must be a byte to move, and no more at least than at most");
    splice.id = port;
    splice.most = most < SPLICE_MOST ? most : SPLICE_MOST;
    splice.least = least < splice.most ? least : splice.most;
    message.method_case = PORTD__V1__REQUEST__METHOD_SPLICE;
    message.splice = &splice;
    return submit_request(client, &message, (os_fd)pipe, read_spliced, callback, data, request);
}

int portd_port_splice(portd_client *client, portd_id port, portd_native pipe, size_t least, size_t most,
                      int64_t deadline, size_t *count) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    call.exact = true;
    call.done = false;
    int r = portd_port_splice_start(asked, port, pipe, least, most, call_done, &call, &call.request);
    r = call_end(&call, r, deadline);
    if (count)
        *count = call.done ? call.result.count : 0;
    return r;
}

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

int portd_port_shutdown_start(portd_client *client, portd_id port, unsigned sides, portd_callback *callback,
                              void *data, portd_request **request) {
    Portd__V1__Shutdown shutdown = PORTD__V1__SHUTDOWN__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (sides == 0 || sides & ~(unsigned)(PORTD_READ | PORTD_WRITE))
        return client_fail(client, PORTD_E_INVALID, 0, "sides", "expected PORTD_READ, PORTD_WRITE or both");
    shutdown.id = port;
    shutdown.read = (sides & PORTD_READ) != 0;
    shutdown.write = (sides & PORTD_WRITE) != 0;
    message.method_case = PORTD__V1__REQUEST__METHOD_SHUTDOWN;
    message.shutdown = &shutdown;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_port_shutdown(portd_client *client, portd_id port, unsigned sides, int64_t deadline) {
    struct call call;

    return call_end(
        &call,
        portd_port_shutdown_start(call_begin(&call, client), port, sides, call_done, &call, &call.request),
        deadline);
}

static int read_addresses(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                          struct channel_frame *frame, portd_result *result) {
    portd_endpoint *ends = client->extra = memory_get(&client->memory, 2 * sizeof(*ends));

    (void)request;
    (void)frame;
    if (!ends)
        return PORTD_E_MEMORY;
    endpoint_read(&ends[0], reply->addresses->local);
    endpoint_read(&ends[1], reply->addresses->peer);
    result->local = &ends[0];
    result->peer = &ends[1];
    return 1;
}

int portd_port_addresses_start(portd_client *client, portd_id id, portd_callback *callback, void *data,
                               portd_request **request) {
    Portd__V1__Port port = PORTD__V1__PORT__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    port.id = id;
    message.method_case = PORTD__V1__REQUEST__METHOD_ADDRESSES;
    message.addresses = &port;
    return submit_request(client, &message, OS_FD_NONE, read_addresses, callback, data, request);
}

/* The size of the first version of the struct. A caller compiled with an earlier header passes a shorter one than ours. */
enum { ENDPOINT_FIRST = offsetof(portd_endpoint, port) + sizeof(uint32_t) };

static void address_keep(portd_endpoint *to, const portd_endpoint *from) {
    size_t size;

    if (!to)
        return;
    size = to->size;
    memcpy(to, from, size < sizeof(*from) ? size : sizeof(*from));
    to->size = size;
}

static int keep_addresses(struct call *call, const portd_result *result) {
    struct io_call *kept = CONTAINER_OF(call, struct io_call, call);

    address_keep(kept->local, result->local);
    address_keep(kept->peer, result->peer);
    return result->code;
}

int portd_port_addresses(portd_client *client, portd_id port, int64_t deadline, portd_endpoint *local,
                         portd_endpoint *peer) {
    struct io_call kept = {.local = local, .peer = peer};

    if ((local && local->size < ENDPOINT_FIRST) || (peer && peer->size < ENDPOINT_FIRST))
        return client_fail(client, PORTD_E_INVALID, 0,
                           local && local->size < ENDPOINT_FIRST ? "local" : "peer",
                           "the endpoint was not initialized with PORTD_ENDPOINT_INIT");
    portd_client *asked = call_begin(&kept.call, client);
    kept.call.keep = keep_addresses;
    int r = portd_port_addresses_start(asked, port, call_done, &kept.call, &kept.call.request);
    return call_end(&kept.call, r, deadline);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static int read_position(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                         struct channel_frame *frame, portd_result *result) {
    (void)client;
    (void)request;
    (void)frame;
    result->offset = reply->position->offset;
    return 1;
}

int portd_port_position_start(portd_client *client, portd_id port, const uint64_t *to,
                              portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Position position = PORTD__V1__POSITION__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    position.id = port;
    if (to) {
        position.set_case = PORTD__V1__POSITION__SET_TO;
        position.to = *to;
    }
    message.method_case = PORTD__V1__REQUEST__METHOD_POSITION;
    message.position = &position;
    return submit_request(client, &message, OS_FD_NONE, read_position, callback, data, request);
}

int portd_port_position(portd_client *client, portd_id port, const uint64_t *to, int64_t deadline,
                        uint64_t *offset) {
    struct call call;
    int r = call_end(
        &call,
        portd_port_position_start(call_begin(&call, client), port, to, call_done, &call, &call.request),
        deadline);

    if (offset && r > 0)
        *offset = call.result.offset;
    return r;
}
