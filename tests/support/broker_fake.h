/* broker_fake.h: a fake broker, driven by the test in its own thread.
 *
 * The library never blocks in its _start calls and in portd_process, so a case can act as both ends in turn: start a request,
 * read what arrived, answer as no real broker would, process. Request ids are assigned in order, so even the reply to a blocking
 * call can be in the socket before the call is made.
 *
 *     struct broker_fake broker;
 *     portd_client *client = broker_meet(&broker, NULL, 8);
 *     ...
 *     portd_disconnect(client);
 *     broker_close(&broker); */
#ifndef BROKER_FAKE_H
#define BROKER_FAKE_H

#include "tests/support/test.h"

#include "client/portd.h"
#include "proto/channel.h"
#include "proto/frame.h"

#include "portd.pb-c.h"
#include "tests/support/line.h"

enum { BROKER_UNDO = 5 }; /* in replies to create calls */

struct broker_fake {
    struct line_place place;
    os_fd listener;
    struct transport connection; /* or none */
    struct channel_scratch scratch;
    struct channel channel;
    struct channel_frame frame; /* the last request's, with its descriptors */
    Portd__V1__Request *request;
    bool more; /* the channel may have another frame */
    bool old;  /* it announces no features */
};

static inline void broker_listen(struct broker_fake *broker) {
    memset(broker, 0, sizeof(*broker));
    broker->connection = transport_none();
    broker->listener = line_listen(&broker->place);
    assert_int_equal(channel_scratch_init(&broker->scratch), 0);
}

static inline void broker_wait_readable(const struct broker_fake *broker) {
    line_await(transport_pollable(broker->connection));
}

static inline void broker_take_on(struct broker_fake *broker, struct transport connection) {
    broker->connection = connection;
    channel_init(&broker->channel, connection, &broker->scratch, FRAME_LONG_MAX);
}

static inline void broker_accept(struct broker_fake *broker) {
    broker_take_on(broker, line_accept(broker->listener));
}

static inline void broker_discard(void *context, os_fd fd) {
    (void)context;
    os_close(fd);
}

static inline void broker_forget(struct broker_fake *broker) {
    if (!broker->request)
        return;
    portd__v1__request__free_unpacked(broker->request, NULL);
    broker->request = NULL;
    for (size_t i = 0; i < broker->frame.n_fds; i++)
        os_close(broker->frame.fds[i]);
}

static inline void broker_hang_up(struct broker_fake *broker) {
    broker_forget(broker);
    if (transport_is_none(broker->connection))
        return;
    channel_deinit(&broker->channel, broker_discard, NULL);
    transport_close(broker->connection);
    broker->connection = transport_none();
}

static inline void broker_close(struct broker_fake *broker) {
    broker_hang_up(broker);
    channel_scratch_deinit(&broker->scratch);
    line_unlisten(&broker->place, broker->listener);
}

/* Nothing has been sent to the broker. */
static inline bool broker_hears_nothing(struct broker_fake *broker) {
    return !channel_has_frame(&broker->channel) && !line_is_ready(transport_pollable(broker->connection));
}

/* Reads the next request, which must have that method. Valid until the next call; descriptors left in broker->frame are closed
 * then. */
static inline Portd__V1__Request *broker_expect(struct broker_fake *broker,
                                                Portd__V1__Request__MethodCase method) {
    broker_forget(broker);
    while (channel_next(&broker->channel, &broker->frame) == 0) {
        assert_int_equal(channel_rest(&broker->channel), 0);
        int r = 0;
        while (r == 0) { /* a pipe may be ready and have nothing */
            broker_wait_readable(broker);
            r = channel_fill(&broker->channel, broker_discard, NULL);
        }
        assert_int_equal(r, 1);
    }
    broker->request = portd__v1__request__unpack(NULL, broker->frame.length, broker->frame.body);
    assert_int_equal(channel_rest(&broker->channel), 0);
    assert_non_null(broker->request);
    assert_int_equal(broker->request->method_case, method);
    return broker->request;
}

static inline void broker_send(struct broker_fake *broker, const void *bytes, size_t size) {
    assert_int_equal(transport_send(broker->connection, bytes, size, NULL, 0), (ptrdiff_t)size);
}

/* Sends a reply with these descriptors attached (and closes them here). */
static inline void broker_reply_fds(struct broker_fake *broker, const Portd__V1__Reply *reply,
                                    const os_fd *fds, size_t n_fds) {
    static uint8_t bytes[FRAME_HEADER + FRAME_LONG_MAX];
    size_t length = portd__v1__reply__pack(reply, bytes + FRAME_HEADER);

    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length, .n_fds = (uint16_t)n_fds});
    assert_int_equal(transport_send(broker->connection, bytes, FRAME_HEADER + length, fds, n_fds),
                     (ptrdiff_t)(FRAME_HEADER + length));
    for (size_t i = 0; i < n_fds; i++)
        os_close(fds[i]);
}

/* Sends a reply, with fd attached unless it is OS_FD_NONE (and closes fd here). */
static inline void broker_reply(struct broker_fake *broker, const Portd__V1__Reply *reply, os_fd fd) {
    broker_reply_fds(broker, reply, &fd, fd != OS_FD_NONE);
}

/* A reply of the method with that number and nothing in it. */
static inline void broker_reply_done(struct broker_fake *broker, uint64_t id, int method) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;

    reply.id = id;
    reply.result_case = (Portd__V1__Reply__ResultCase)method;
    reply.remove = &done; /* no message without fields differs from another on the wire */
    if (method == PORTD__V1__REPLY__RESULT_PING) {
        Portd__V1__Pong pong = PORTD__V1__PONG__INIT;
        reply.ping = &pong;
        broker_reply(broker, &reply, OS_FD_NONE);
        return;
    }
    broker_reply(broker, &reply, OS_FD_NONE);
}

static inline void broker_reply_pong(struct broker_fake *broker, uint64_t id) {
    broker_reply_done(broker, id, PORTD__V1__REPLY__RESULT_PING);
}

static inline void broker_reply_error(struct broker_fake *broker, uint64_t id, Portd__V1__Code code,
                                      const char *message) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Error error;

    portd__v1__error__init(&error);
    error.code = code;
    error.message = (char *)(uintptr_t)message;
    error.field = (char *)(uintptr_t) "field";
    error.hint = (char *)(uintptr_t) "hint";
    error.os_errno = EDQUOT;
    reply.id = id;
    reply.error = &error;
    broker_reply(broker, &reply, OS_FD_NONE);
}

/* An answer to file_descriptor_to_semaphore. */
static inline void broker_reply_object(struct broker_fake *broker, uint64_t id, uint64_t object,
                                       bool created) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Object result;

    portd__v1__object__init(&result);
    result.id = object;
    result.created = created;
    result.descriptor = object != 0 ? 9 : 0;
    result.undo = object != 0 ? BROKER_UNDO : 0;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_SEMAPHORE;
    reply.file_descriptor_to_semaphore = &result;
    broker_reply(broker, &reply, OS_FD_NONE);
}

/* An answer to a wait: n of these ids are ready. */
static inline void broker_reply_wait(struct broker_fake *broker, uint64_t id, const uint64_t *ids, size_t n) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__WaitResult result = PORTD__V1__WAIT_RESULT__INIT;
    Portd__V1__Ready ready[FRAME_TARGETS_MAX + 1], *pointers[FRAME_TARGETS_MAX + 1];

    for (size_t i = 0; i < n; i++) {
        portd__v1__ready__init(&ready[i]);
        ready[i].id = ids[i];
        ready[i].cause = PORTD__V1__CAUSE__CAUSE_HANG_UP;
        pointers[i] = &ready[i];
    }
    result.n_ready = n;
    result.ready = pointers;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_WAIT;
    reply.wait = &result;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static inline void broker_welcome(struct broker_fake *broker, uint64_t id, uint32_t window) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Welcome welcome;
    char *features[] = {(char *)(uintptr_t) "handle-eventfd", (char *)(uintptr_t) "wait-one",
                        (char *)(uintptr_t) "handle-attach",  (char *)(uintptr_t) "handle-attach-eventfd",
                        (char *)(uintptr_t) "goodbye",        (char *)(uintptr_t) "hold"};

    portd__v1__welcome__init(&welcome);
    welcome.version = 1;
    welcome.session = 13;
    welcome.token = (char *)(uintptr_t) "secret";
    welcome.joined = true;
    welcome.window = window;
    welcome.wait_targets = FRAME_TARGETS_MAX;
    welcome.features = features;
    welcome.n_features = broker->old ? 0 : sizeof(features) / sizeof(*features);
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_HELLO;
    reply.hello = &welcome;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static inline void broker_met(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data = result->code;
}

/* A client whose hello has been answered: its next request has the id 2. */
static inline portd_client *broker_meet(struct broker_fake *broker, const portd_options *options,
                                        uint32_t window) {
    portd_client *client;
    int code = 0;

    broker_listen(broker);
    assert_int_equal(portd_connect_start(broker->place.address, options, broker_met, &code, &client), 1);
    broker_accept(broker);
    uint64_t id = broker_expect(broker, PORTD__V1__REQUEST__METHOD_HELLO)->id;
    broker_welcome(broker, id, window);
    while (code == 0)
        assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
    assert_int_equal(code, 1);
    return client;
}

#endif
