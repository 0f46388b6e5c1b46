/* client_raw.c: client_raw.h above the bytes (client_raw_native.h). */
#include "client_raw.h"

#include "client_raw_native.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN_CAPACITY = 2 * (RAW_HEADER + RAW_REPLY_MAX) }; /* less than a frame, and one message of a pipe */

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

int raw_connect(struct raw *raw, const char *address) {
    memset(raw, 0, sizeof(*raw));
    raw->fd = -1;
    return raw_native_connect(address, &raw->fd);
}

void raw_close(struct raw *raw) {
    if (raw->fd >= 0)
        raw_native_close(raw->fd);
    raw_close_fds(raw);
    while (raw->n_waiting > 0)
        raw_native_close(raw->waiting[--raw->n_waiting]);
    free(raw->in);
    raw->in = NULL;
    raw->fd = -1;
    raw->begin = raw->end = raw->capacity = 0;
}

ssize_t raw_send_some(const struct raw *raw, const void *bytes, size_t size, const int *fds, size_t n) {
    return raw_native_send(raw->fd, bytes, size, fds, n, 0);
}

int raw_send(const struct raw *raw, const void *bytes, size_t size, const int *fds, size_t n) {
    int64_t deadline = raw_native_now_ms() + RAW_PATIENCE_MS;
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t sent = raw_native_send(raw->fd, at, size, fds, n, deadline);
        if (sent < 0)
            return sent == -EAGAIN ? -ETIMEDOUT : sent == -EPIPE ? -ECONNRESET : (int)sent;
        at += sent;
        size -= (size_t)sent;
        n = 0;
    }
    return 0;
}

void raw_header(uint8_t bytes[RAW_HEADER], uint32_t length, unsigned claim, unsigned flags) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(length >> (8 * i));
    for (int i = 0; i < 2; i++) {
        bytes[4 + i] = (uint8_t)(claim >> (8 * i));
        bytes[6 + i] = (uint8_t)(flags >> (8 * i));
    }
}

static size_t pack(uint8_t *bytes, size_t max, const raw_request *request, unsigned claim) {
    size_t length = portd__v1__request__get_packed_size(request);

    if (length > max)
        abort();
    raw_header(bytes, (uint32_t)length, claim, 0);
    return RAW_HEADER + portd__v1__request__pack(request, bytes + RAW_HEADER);
}

size_t raw_pack(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], const raw_request *request, unsigned claim) {
    return pack(bytes, RAW_BODY_MAX, request, claim);
}

size_t raw_pack_write(uint8_t bytes[RAW_HEADER + RAW_WRITE_MAX], uint64_t request_id, uint64_t port,
                      size_t size) {
    uint8_t data[RAW_WRITE_MAX];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Write write = PORTD__V1__WRITE__INIT;

    for (size_t i = 0; i < size && i < sizeof data; i++)
        data[i] = (uint8_t)(i % 253);
    write.id = port;
    write.data.data = data;
    write.data.len = size;
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_WRITE;
    request.write = &write;
    return pack(bytes, RAW_WRITE_MAX, &request, 0);
}

size_t raw_pack_wait(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], uint64_t request_id, uint64_t *ids, size_t n,
                     bool all, int64_t limit_us) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;

    wait.ids = ids;
    wait.n_ids = n;
    wait.all = all;
    if (limit_us >= 0) {
        wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
        wait.limit_us = (uint64_t)limit_us;
    }
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    return raw_pack(bytes, &request, 0);
}

int raw_send_body(const struct raw *raw, const void *body, size_t length, unsigned claim, const int *fds,
                  size_t n) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    if (length > RAW_BODY_MAX)
        return -EMSGSIZE;
    raw_header(bytes, (uint32_t)length, claim, 0);
    memcpy(bytes + RAW_HEADER, body, length);
    return raw_send(raw, bytes, RAW_HEADER + length, fds, n);
}

/* ---- requests and replies ------------------------------------------------------------------------------------------- */

int raw_send_request(const struct raw *raw, const raw_request *request, const int *fds, size_t n) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    return raw_send(raw, bytes, raw_pack(bytes, request, (unsigned)n), fds, n);
}

/* One read, appended to the bytes left. 0 or a negative errno; -EAGAIN: nothing has come by then. */
static int receive(struct raw *raw, int64_t deadline) {
    if (!raw->in) {
        raw->in = malloc(IN_CAPACITY);
        if (!raw->in)
            return -ENOMEM;
        raw->capacity = IN_CAPACITY;
    }
    memmove(raw->in, raw->in + raw->begin, raw->end - raw->begin);
    raw->end -= raw->begin;
    raw->begin = 0;
    ssize_t got = raw_native_receive(raw, raw->in + raw->end, raw->capacity - raw->end, deadline);
    if (got <= 0)
        return got == 0 ? -ECONNRESET : (int)got;
    raw->end += (size_t)got;
    return 0;
}

/* The size of the first frame, 0 if it has not come as a whole. */
static size_t whole(const struct raw *raw) {
    size_t size = raw->end - raw->begin, length = 0;

    if (size < RAW_HEADER)
        return 0;
    for (int i = 0; i < 4; i++)
        length |= (size_t)raw->in[raw->begin + (size_t)i] << (8 * i);
    return size - RAW_HEADER >= length ? RAW_HEADER + length : 0;
}

/* The descriptors that the first frame claims: the oldest that came. False if there are fewer. */
static bool hand_out_fds(struct raw *raw) {
    const uint8_t *header = raw->in + raw->begin;
    size_t claim = (size_t)header[4] | (size_t)header[5] << 8;

    raw->n_fds = 0;
    if (claim > raw->n_waiting)
        return false;
    memcpy(raw->fds, raw->waiting, claim * sizeof(int));
    raw->n_fds = claim;
    raw->n_waiting -= claim;
    memmove(raw->waiting, raw->waiting + claim, raw->n_waiting * sizeof(int));
    return true;
}

bool raw_has_reply(struct raw *raw) {
    while (!whole(raw))
        if (receive(raw, 0))
            return false;
    return true;
}

raw_reply *raw_next(struct raw *raw, int *error) {
    int64_t deadline = raw_native_now_ms() + RAW_PATIENCE_MS;
    raw_reply *reply = NULL;
    int result = 0;
    size_t size;

    raw->n_fds = 0;
    while (!(size = whole(raw)) && !result)
        result = receive(raw, deadline);
    if (result == -EAGAIN)
        result = -ETIMEDOUT;
    if (size && hand_out_fds(raw))
        reply = portd__v1__reply__unpack(NULL, size - RAW_HEADER, raw->in + raw->begin + RAW_HEADER);
    if (size) {
        result = reply ? 0 : -EBADMSG;
        raw->begin += size;
    }
    if (raw->begin == raw->end || result == -ECONNRESET) { /* the rest of half a reply never comes */
        free(raw->in);
        raw->in = NULL;
        raw->begin = raw->end = 0;
    }
    if (error)
        *error = result;
    return reply;
}

void raw_free(raw_reply *reply) {
    if (reply)
        portd__v1__reply__free_unpacked(reply, NULL);
}

void raw_close_fds(struct raw *raw) {
    while (raw->n_fds > 0)
        raw_native_close(raw->fds[--raw->n_fds]);
}

raw_reply *raw_ask_fds(struct raw *raw, raw_request *request, const int *fds, size_t n) {
    raw_reply *reply;

    request->id = ++raw->id;
    if (raw_send_request(raw, request, fds, n))
        return NULL;
    while ((reply = raw_next(raw, NULL)) && reply->id != request->id) {
        raw_close_fds(raw);
        raw_free(reply);
    }
    return reply;
}

raw_reply *raw_ask(struct raw *raw, raw_request *request) { return raw_ask_fds(raw, request, NULL, 0); }

int raw_code(raw_reply *reply) {
    int code = !reply ? -1 : reply->error ? (int)reply->error->code : 0;

    raw_free(reply);
    return code;
}

int raw_until_end(struct raw *raw) {
    raw_reply *reply;
    int error = 0;

    while ((reply = raw_next(raw, &error))) {
        raw_close_fds(raw);
        raw_free(reply);
    }
    return error == -ECONNRESET ? 0 : error;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------ */

int raw_hello_with(struct raw *raw, Portd__V1__Hello *hello, const int *fds, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    raw_reply *reply;

    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = hello;
    reply = raw_ask_fds(raw, &request, fds, n);
    if (reply && reply->result_case == PORTD__V1__REPLY__RESULT_HELLO) {
        raw->session = reply->hello->session;
        raw->window = reply->hello->window;
        (void)snprintf(raw->token, sizeof(raw->token), "%s", reply->hello->token);
    }
    return raw_code(reply);
}

Portd__V1__Hello raw_hello_make(void) {
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;

    hello.version_min = hello.version_max = 1;
    return hello;
}

int raw_hello(struct raw *raw) {
    Portd__V1__Hello hello = raw_hello_make();

    return raw_hello_with(raw, &hello, NULL, 0);
}

int raw_open(struct raw *raw, const char *address) {
    int error = raw_connect(raw, address);

    return error ? error : raw_hello(raw);
}

int raw_ping(struct raw *raw) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;

    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    return raw_code(raw_ask(raw, &request));
}

static int object_of(raw_reply *reply, uint64_t *id) {
    if (id)
        *id = 0;
    /* The three calls have the same type of result in one union. */
    if (id && reply && !reply->error && reply->file_descriptor_to_semaphore)
        *id = reply->file_descriptor_to_semaphore->id;
    return raw_code(reply);
}

int raw_semaphore(struct raw *raw, int fd, int64_t number, Portd__V1__Mode mode, uint64_t *id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;

    descriptor.number = number;
    descriptor.mode = mode;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    return object_of(raw_ask_fds(raw, &request, &fd, fd >= 0), id);
}

int raw_evt(struct raw *raw, int fd, int64_t number, Portd__V1__Mode mode, uint64_t *id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;

    descriptor.number = number;
    descriptor.mode = mode;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    return object_of(raw_ask_fds(raw, &request, &fd, fd >= 0), id);
}

int raw_remove(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Remove remove = PORTD__V1__REMOVE__INIT;

    remove.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_REMOVE;
    request.remove = &remove;
    return raw_code(raw_ask(raw, &request));
}

int raw_start_wait(const struct raw *raw, uint64_t request_id, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;

    wait.ids = &id;
    wait.n_ids = 1;
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    return raw_send_request(raw, &request, NULL, 0);
}

uint64_t raw_ready(raw_reply *reply, Portd__V1__Cause *cause) {
    uint64_t id = 0;

    if (reply && reply->result_case == PORTD__V1__REPLY__RESULT_WAIT && reply->wait->n_ready > 0) {
        id = reply->wait->ready[0]->id;
        if (cause)
            *cause = reply->wait->ready[0]->cause;
    }
    raw_free(reply);
    return id;
}
