/* spool.c: reading the bytes of a spool. The broker enforces the deadline. Nothing is taken from anybody, so what was read for a caller who is gone is
 * there for the next one. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "submit.h"

#include "proto/container.h"

#include <string.h>

struct spool_call {
    struct call call;
    void *bytes;
    size_t room;
    portd_spool *spool;
};

static int read_spool(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                      struct channel_frame *frame, portd_result *result) {
    const Portd__V1__SpoolData *data = reply->read_spool;
    portd_spool *spool = client->extra = memory_get(&client->memory, sizeof(*spool));

    (void)request;
    (void)frame;
    if (!spool)
        return PORTD_E_MEMORY;
    *spool = (portd_spool){
        .size = sizeof(*spool),
        .descriptor = data->descriptor,
        .position = data->position,
        .count = data->data.len,
        .lost = data->lost,
        .oldest = data->oldest,
        .next = data->next,
        .hung_up = data->hung_up != 0,
        .end = data->end != 0,
        .os_errno = data->os_errno,
        .taking = data->taking != 0,
    };
    for (size_t i = 0; i < data->n_gaps && i < PORTD_SPOOL_GAPS_MAX; i++)
        spool->gaps[spool->n_gaps++] = data->gaps[i];
    result->spool = spool;
    result->bytes = data->data.data;
    result->count = data->data.len;
    return data->data.len > 0 || spool->hung_up || spool->end;
}

int portd_spool_read_start(portd_client *client, const char *owner, const char *name, portd_id descriptor,
                           uint64_t from, size_t size, unsigned flags, int64_t deadline,
                           portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__ReadSpool read = PORTD__V1__READ_SPOOL__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    int r = hold_name_check(client, "name", name);

    if (r < 0)
        return r;
    if (size == 0)
        return client_fail(client, PORTD_E_INVALID, 0, "size", "size must not be 0");
    if (flags & ~(unsigned)PORTD_SPOOL_ACKNOWLEDGE)
        return client_fail(client, PORTD_E_INVALID, 0, "flags",
                           "invalid flags: only PORTD_SPOOL_ACKNOWLEDGE is allowed");
    read.owner = hold_name_text(owner);
    read.name = hold_name_text(name);
    read.descriptor = descriptor;
    read.most = (uint32_t)(size < FRAME_DATA_MAX ? size : FRAME_DATA_MAX);
    read.acknowledge = (flags & PORTD_SPOOL_ACKNOWLEDGE) != 0;
    if (from != PORTD_SPOOL_OLDEST) {
        read.start_case = PORTD__V1__READ_SPOOL__START_FROM;
        read.from = from;
    }
    if (deadline != PORTD_FOREVER)
        read.limit_case = PORTD__V1__READ_SPOOL__LIMIT_LIMIT_US;
    message.method_case = PORTD__V1__REQUEST__METHOD_READ_SPOOL;
    message.read_spool = &read;
    return submit_parked(client, &message, &read.limit_us, 0, deadline, read_spool, callback, data, request);
}

static int keep_bytes(struct call *call, const portd_result *result) {
    struct spool_call *kept = CONTAINER_OF(call, struct spool_call, call);
    size_t size = kept->spool->size;

    if (!result->spool)
        return result->code;
    if (result->count > kept->room)
        return PORTD_E_GARBLED;
    if (result->count > 0)
        memcpy(kept->bytes, result->bytes, result->count);
    memcpy(kept->spool, result->spool, size < sizeof(*kept->spool) ? size : sizeof(*kept->spool));
    kept->spool->size = size;
    return result->code;
}

int portd_spool_read(portd_client *client, const char *owner, const char *name, portd_id descriptor,
                     uint64_t from, void *bytes, size_t size, unsigned flags, int64_t deadline,
                     portd_spool *spool) {
    struct spool_call kept = {.bytes = bytes, .room = size, .spool = spool};

    if (!bytes || !spool)
        return client_fail(client, PORTD_E_INVALID, 0, bytes ? "spool" : "bytes",
                           "bytes and spool must not be NULL");
    if (spool->size < sizeof(*spool))
        return client_fail(client, PORTD_E_INVALID, 0, "spool",
                           "it was not initialized with PORTD_SPOOL_INIT");
    spool->count = 0;
    portd_client *asked = call_begin(&kept.call, client);
    kept.call.keep = keep_bytes;
    return call_end(&kept.call,
                    portd_spool_read_start(asked, owner, name, descriptor, from, size, flags, deadline,
                                           call_done, &kept.call, &kept.call.request),
                    PORTD_FOREVER);
}
