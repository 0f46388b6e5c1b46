/* io.c: bytes through ports, and what else is asked of an open one.
 *
 * Nothing is buffered here. A read or write that the caller stops waiting for is cancelled at the broker and waited for a
 * moment longer, so that what has been done is always told (call.h, `exact`). */
#include "call.h"
#include "client.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct io_call {
    struct call call;
    void *bytes;
    size_t room, count, truncated;
    portd_endpoint *local, *peer;
    uint64_t offset;
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
        return client_fail(client, PORTD_E_INVALID, 0, "size", "there is no room for a byte");
    if (flags & ~(unsigned)PORTD_PEEK)
        return client_fail(client, PORTD_E_INVALID, 0, "flags", "this is not PORTD_PEEK");
    read.id = port;
    read.most = (uint32_t)chunk(size);
    read.peek = (flags & PORTD_PEEK) != 0;
    message.method_case = PORTD__V1__REQUEST__METHOD_READ;
    message.read = &read;
    return request_start(client, &message, OS_FD_NONE, read_data, callback, data, request);
}

static int keep_data(struct call *call, const portd_result *result) {
    struct io_call *kept = (struct io_call *)call;

    if (result->count > kept->room)
        return PORTD_E_GARBLED;
    if (result->count > 0)
        memcpy(kept->bytes, result->bytes, result->count);
    kept->count = result->count;
    kept->truncated = result->truncated;
    return result->code;
}

int portd_port_read(portd_client *client, portd_id port, void *bytes, size_t size, unsigned flags,
                    int64_t deadline, size_t *count, size_t *truncated) {
    struct io_call kept = {.bytes = bytes, .room = size};
    int r;

    if (count)
        *count = 0;
    if (truncated)
        *truncated = 0;
    if (!bytes || !count)
        return client_fail(client, PORTD_E_INVALID, 0, bytes ? "count" : "bytes",
                           "there is no place for what is read");
    r = call_begin(&kept.call, client);
    if (r == 0) {
        kept.call.keep = keep_data;
        kept.call.exact = true;
        r = portd_port_read_start(client, port, size, flags, call_done, &kept.call, &kept.call.request);
        r = call_end(&kept.call, r, deadline);
    }
    if (r > 0)
        *count = kept.count;
    if (r > 0 && truncated)
        *truncated = kept.truncated;
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
        return client_fail(client, PORTD_E_INVALID, 0, "bytes", "there is nothing to write");
    write.id = port;
    write.data.len = chunk(size);
    write.data.data = (uint8_t *)(uintptr_t)bytes; /* packing only reads it */
    message.method_case = PORTD__V1__REQUEST__METHOD_WRITE;
    message.write = &write;
    return request_start(client, &message, OS_FD_NONE, read_written, callback, data, request);
}

static int keep_count(struct call *call, const portd_result *result) {
    ((struct io_call *)call)->count = result->count;
    return result->code;
}

int portd_port_write(portd_client *client, portd_id port, const void *bytes, size_t size, int64_t deadline,
                     size_t *count) {
    struct io_call kept = {.bytes = NULL};
    int r = call_begin(&kept.call, client);

    if (r == 0) {
        kept.call.keep = keep_count;
        kept.call.exact = true;
        r = portd_port_write_start(client, port, bytes, size, call_done, &kept.call, &kept.call.request);
        r = call_end(&kept.call, r, deadline);
    }
    if (count)
        *count = r > 0 ? kept.count : 0;
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
    client_enter(client); /* a callback of something else may disconnect it meanwhile */
    for (r = 1; r > 0 && done < size; done += some)
        r = portd_port_write(client, port, from ? from + done : NULL, size - done, deadline, &some);
    if (count)
        *count = done;
    return client_leave(client, r);
}

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

int portd_port_shutdown_start(portd_client *client, portd_id port, unsigned sides, portd_callback *callback,
                              void *data, portd_request **request) {
    Portd__V1__Shutdown shutdown = PORTD__V1__SHUTDOWN__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (sides == 0 || sides & ~(unsigned)(PORTD_READ | PORTD_WRITE))
        return client_fail(client, PORTD_E_INVALID, 0, "sides", "not PORTD_READ, PORTD_WRITE or both");
    shutdown.id = port;
    shutdown.read = (sides & PORTD_READ) != 0;
    shutdown.write = (sides & PORTD_WRITE) != 0;
    message.method_case = PORTD__V1__REQUEST__METHOD_SHUTDOWN;
    message.shutdown = &shutdown;
    return request_start(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_port_shutdown(portd_client *client, portd_id port, unsigned sides, int64_t deadline) {
    struct call call;
    int r = call_begin(&call, client);

    if (r < 0)
        return r;
    return call_end(&call, portd_port_shutdown_start(client, port, sides, call_done, &call, &call.request),
                    deadline);
}

static void address_read(portd_endpoint *to, const Portd__V1__Address *from) {
    static const char *const families[] = {"inet", "inet6", "unix"};
    size_t length;

    *to = (portd_endpoint)PORTD_ENDPOINT_INIT;
    if (!from || !*from->family)
        return;
    to->family = "other";
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strcmp(from->family, families[i]) == 0)
            to->family = families[i];
    length = strlen(from->host);
    if (length < sizeof(to->host))
        memcpy(to->host, from->host, length + 1);
    to->port = from->port;
}

static int read_addresses(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                          struct channel_frame *frame, portd_result *result) {
    portd_endpoint *ends = client->extra = memory_get(&client->memory, 2 * sizeof(*ends));

    (void)request;
    (void)frame;
    if (!ends)
        return PORTD_E_MEMORY;
    address_read(&ends[0], reply->addresses->local);
    address_read(&ends[1], reply->addresses->peer);
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
    return request_start(client, &message, OS_FD_NONE, read_addresses, callback, data, request);
}

/* An endpoint as it was first. A caller that was compiled with an earlier header has a shorter struct than ours. */
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
    struct io_call *kept = (struct io_call *)call;

    address_keep(kept->local, result->local);
    address_keep(kept->peer, result->peer);
    return result->code;
}

int portd_port_addresses(portd_client *client, portd_id port, int64_t deadline, portd_endpoint *local,
                         portd_endpoint *peer) {
    struct io_call kept = {.local = local, .peer = peer};
    int r;

    if ((local && local->size < ENDPOINT_FIRST) || (peer && peer->size < ENDPOINT_FIRST))
        return client_fail(client, PORTD_E_INVALID, 0,
                           local && local->size < ENDPOINT_FIRST ? "local" : "peer",
                           "an address begins as PORTD_ENDPOINT_INIT");
    r = call_begin(&kept.call, client);
    if (r < 0)
        return r;
    kept.call.keep = keep_addresses;
    return call_end(&kept.call,
                    portd_port_addresses_start(client, port, call_done, &kept.call, &kept.call.request),
                    deadline);
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
    return request_start(client, &message, OS_FD_NONE, read_position, callback, data, request);
}

static int keep_offset(struct call *call, const portd_result *result) {
    ((struct io_call *)call)->offset = result->offset;
    return result->code;
}

int portd_port_position(portd_client *client, portd_id port, const uint64_t *to, int64_t deadline,
                        uint64_t *offset) {
    struct io_call kept = {.bytes = NULL};
    int r = call_begin(&kept.call, client);

    if (r == 0) {
        kept.call.keep = keep_offset;
        r = portd_port_position_start(client, port, to, call_done, &kept.call, &kept.call.request);
        r = call_end(&kept.call, r, deadline);
    }
    if (offset && r > 0)
        *offset = kept.offset;
    return r;
}
