/* test_client_request.c: in-flight requests against a fake broker: what is sent and when; replies in any order, late, malformed
 * or missing; and connections that end at any moment. */
#include "tests/support/broker_fake.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { WINDOW = 8, FIRST_ID = 2 };

/* What callbacks have said. */
struct heard {
    int calls;
    int order[64]; /* values of `mark` of those that were called, oldest first */
    int code;
    unsigned flags;
    portd_id id;
    portd_ready ready[FRAME_TARGETS_MAX];
    portd_native handle;
    char message[64], field[64], hint[64];
    int os_errno;
};

struct mark {
    struct heard *heard;
    int number;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    assert_int_equal(result->size, sizeof(*result));
    heard->calls++;
    heard->code = result->code;
    heard->flags = result->flags;
    heard->id = result->id;
    heard->handle = result->handle;
    heard->os_errno = result->os_errno;
    if (result->ready && result->code > 0)
        memcpy(heard->ready, result->ready, (size_t)result->code * sizeof(*result->ready));
    snprintf(heard->message, sizeof(heard->message), "%s", result->message);
    snprintf(heard->field, sizeof(heard->field), "%s", result->field);
    snprintf(heard->hint, sizeof(heard->hint), "%s", result->hint);
}

static void hear_mark(portd_client *client, const portd_result *result, void *data) {
    struct mark *mark = data;

    mark->heard->order[mark->heard->calls] = mark->number;
    hear(client, result, mark->heard);
}

static void process_all(portd_client *client) {
    while (portd_process(client) > 0)
        continue;
}

/* ---- replies ------------------------------------------------------------------------------------------------------ */

static void replies_come_in_any_order(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    struct mark marks[3];
    uint64_t ids[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        marks[i] = (struct mark){&heard, i};
        assert_int_equal(portd_ping_start(client, hear_mark, &marks[i], NULL), 1);
    }
    assert_int_equal(portd_process(client), 0);
    for (int i = 0; i < 3; i++)
        ids[i] = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING)->id;
    broker_reply_pong(&broker, ids[2]);
    broker_reply_pong(&broker, ids[0]);
    broker_reply_pong(&broker, ids[1]);
    assert_int_equal(portd_process(client), 1);
    assert_int_equal(heard.calls, 3);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.order[0], 2);
    assert_int_equal(heard.order[1], 0);
    assert_int_equal(heard.order[2], 1);
    portd_disconnect(client);
    broker_close(&broker);
}

static void log_count(void *context, const char *line) {
    (void)line;
    ++*(int *)context;
}

static void reply_to_no_request_is_dropped_with_its_descriptor(void **state) {
    struct broker_fake broker;
    int lines = 0;
    portd_options options = PORTD_OPTIONS_INIT;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;

    (void)state;
    options.log = log_count;
    options.context = &lines;
    portd_client *client = broker_meet(&broker, &options, WINDOW);
    for (uint64_t factor = 1; factor <= 4096; factor *= 2) {
        reply.id = FIRST_ID + factor; /* it may well have the slot of the one in flight */
        broker_reply(&broker, &reply, dup(0));
    }
    broker_reply_pong(&broker, FIRST_ID);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(lines, 13);
    portd_disconnect(client);
    broker_close(&broker);
}

static void reply_of_another_method_fails_its_request_alone(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);

    (void)state;
    broker_reply_object(&broker, FIRST_ID, 11, true);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_GARBLED);
    broker_reply_pong(&broker, FIRST_ID + 1);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    portd_disconnect(client);
    broker_close(&broker);
}

static void refusal_is_remembered_word_for_word(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    assert_string_equal(portd_last_error(client), "");
    broker_reply_error(&broker, FIRST_ID, PORTD__V1__CODE__CODE_LIMIT, "too many");
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_LIMIT);
    assert_string_equal(portd_last_error(client), "too many");
    assert_string_equal(portd_last_field(client), "field");
    assert_string_equal(portd_last_hint(client), "hint");
    assert_int_equal(portd_last_errno(client), EDQUOT);
    broker_reply_error(&broker, FIRST_ID + 1, (Portd__V1__Code)99, "");
    assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    process_all(client);
    assert_int_equal(heard.code, PORTD_E_SYSTEM);
    assert_string_equal(heard.message, portd_code_text(PORTD_E_SYSTEM));
    assert_string_equal(heard.hint, "hint");
    portd_disconnect(client);
    broker_close(&broker);
}

/* Each code of the wire is the library's, and what is none of them a failure of the system. */
static void codes_are_those_of_the_wire(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const int least = PORTD_E_EXISTS, first = -PORTD_E_INVALID;

    (void)state;
    for (int code = first; code <= 1 - least; code++) {
        broker_reply_error(&broker, FIRST_ID + (uint64_t)(code - first), (Portd__V1__Code)code, "no");
        assert_int_equal(portd_ping(client, PORTD_FOREVER), code <= -least ? -code : PORTD_E_SYSTEM);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

static void objects_are_told_with_their_flags(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_id id = 0;

    (void)state;
    broker_reply_object(&broker, FIRST_ID, 19, true);
    assert_int_equal(portd_fd_to_semaphore(client, 0, PORTD_MODE_READ, PORTD_FOREVER, &id), 1);
    assert_int_equal(id, 19);
    assert_int_equal(portd_last_flags(client), PORTD_RESULT_CREATED);
    Portd__V1__Request *request =
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
    assert_int_equal(request->file_descriptor_to_semaphore->mode, PORTD__V1__MODE__MODE_READ);
    assert_int_equal(broker.frame.n_fds, 1);

    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Object none;
    portd__v1__object__init(&none);
    none.unsupported = none.replaced = true;
    none.reason = (char *)(uintptr_t) "a file is always ready";
    reply.id = FIRST_ID + 1;
    reply.result_case = PORTD__V1__REPLY__RESULT_FD_TO_EVT;
    reply.fd_to_evt = &none;
    broker_reply(&broker, &reply, OS_FD_NONE);
    assert_int_equal(portd_fd_to_evt(client, 0, PORTD_MODE_WRITE, PORTD_SOCKET, PORTD_FOREVER, &id), 0);
    assert_int_equal(id, 0);
    assert_int_equal(portd_last_flags(client), PORTD_RESULT_UNSUPPORTED | PORTD_RESULT_REPLACED);
    assert_string_equal(portd_last_error(client), "a file is always ready");
    assert_true(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FD_TO_EVT)->fd_to_evt->socket);
    portd_disconnect(client);
    broker_close(&broker);
}

static void handle_reply(struct broker_fake *broker, uint64_t id, int fd) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HandleOf handle = PORTD__V1__HANDLE_OF__INIT;

    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_HANDLE;
    reply.handle = &handle;
    broker_reply(broker, &reply, fd);
}

/* They are charged to who makes them. */
static void handles_are_made_by_the_library(void **state) {
    static const portd_id event = (UINT64_C(1) << 40) + PORTD_KIND_EVT,
                          semaphore = (UINT64_C(1) << 40) + PORTD_KIND_SEMAPHORE;
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct epoll_event none;
    portd_native handle;
    eventfd_t count;

    (void)state;
    handle_reply(&broker, FIRST_ID, dup(0));
    assert_int_equal(portd_handle_dup(client, event, PORTD_FOREVER, &handle), 1);
    assert_int_equal(close((int)handle), 0);
    (void)broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HANDLE);
    assert_int_equal(broker.frame.n_fds, 1);
    assert_int_equal(epoll_wait(broker.frame.fds[0], &none, 1, 0), 0); /* an epoll, and nothing in it */
    handle_reply(&broker, FIRST_ID + 1, dup(0));
    assert_int_equal(portd_handle_dup(client, semaphore, PORTD_FOREVER, &handle), 1);
    assert_int_equal(close((int)handle), 0);
    (void)broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HANDLE);
    assert_int_equal(broker.frame.n_fds, 1);
    int counter = broker.frame.fds[0];
    assert_int_equal(read(counter, &count, sizeof count), -1); /* nothing in it, and it does not wait */
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(eventfd_write(counter, 2), 0);
    assert_int_equal(eventfd_read(counter, &count), 0);
    assert_int_equal(count, 1); /* a read does not drain it */
    portd_disconnect(client);
    broker_close(&broker);
}

static void handle_is_the_callers_and_close_on_exec(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    portd_native handle;

    (void)state;
    handle_reply(&broker, FIRST_ID, dup(0));
    assert_int_equal(portd_handle_dup(client, 19, PORTD_FOREVER, &handle), 1);
    assert_int_equal(fcntl((int)handle, F_GETFD), FD_CLOEXEC);
    assert_int_equal(close((int)handle), 0);
    handle_reply(&broker, FIRST_ID + 1, -1); /* it was lost on the way */
    assert_int_equal(portd_handle_dup(client, 19, PORTD_FOREVER, &handle), PORTD_E_MISMATCH);
    assert_int_equal(handle, -1);
    handle_reply(&broker, FIRST_ID + 2, dup(0));
    assert_int_equal(portd_handle_dup_start(client, 19, hear, &heard, NULL), 1);
    process_all(client);
    assert_int_equal(heard.code, 1);
    assert_int_equal(close((int)heard.handle), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

static void unasked_descriptors_of_a_reply_are_closed(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Pong pong = PORTD__V1__PONG__INIT;

    (void)state;
    reply.id = FIRST_ID;
    reply.result_case = PORTD__V1__REPLY__RESULT_PING;
    reply.ping = &pong;
    broker_reply(&broker, &reply, dup(0));
    size_t before = test_fds_count();
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(test_fds_count(), before);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- a broker that fails ------------------------------------------------------------------------------------------ */

/* Starts a ping and a wait on two ids, lets the broker do its worst, and sees both called back. */
static void broken_by(void (*worst)(struct broker_fake *broker)) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard ping = {0}, wait = {0};
    const portd_id ids[2] = {19, 27};
    portd_ready ready[2];

    assert_int_equal(portd_wait_start(client, ids, 2, 0, PORTD_FOREVER, hear, &wait, NULL), 1);
    assert_int_equal(portd_ping_start(client, hear, &ping, NULL), 1);
    assert_int_equal(portd_process(client), 0);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    worst(&broker);
    process_all(client);
    assert_int_equal(ping.calls, 1);
    assert_int_equal(ping.code, PORTD_E_DISCONNECTED);
    assert_string_not_equal(ping.message, "");
    assert_int_equal(wait.calls, 1);
    assert_int_equal(wait.code, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wait.ready[i].id, ids[i]);
        assert_int_equal(wait.ready[i].cause, PORTD_CAUSE_DISCONNECTED);
    }
    assert_int_equal(portd_process(client), PORTD_E_DISCONNECTED);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_DISCONNECTED);
    assert_int_equal(portd_wait(client, ids, 2, 0, PORTD_FOREVER, ready), PORTD_E_DISCONNECTED);
    assert_int_equal(portd_ping_start(client, hear, &ping, NULL), PORTD_E_DISCONNECTED);
    assert_int_equal(portd_poll(client, PORTD_FOREVER), PORTD_E_DISCONNECTED);
    assert_int_equal(portd_get_events(client), 0);
    assert_int_equal(portd_get_timeout(client), PORTD_FOREVER);
    portd_disconnect(client);
    assert_int_equal(ping.calls, 1);
    broker_close(&broker);
}

static void end_of_file_calls_everything_back(void **state) {
    (void)state;
    broken_by(broker_hang_up);
}

static void send_garbled(struct broker_fake *broker) {
    broker_send(broker, "\x03\0\0\0\0\0\0\0\xff\xff\xff", FRAME_HEADER + 3);
}

static void garbled_reply_ends_the_connection(void **state) {
    (void)state;
    broken_by(send_garbled);
}

static void send_oversize(struct broker_fake *broker) {
    broker_send(broker, "\0\0\2\0\0\0\0\0", FRAME_HEADER);
}

static void oversize_reply_ends_the_connection(void **state) {
    (void)state;
    broken_by(send_oversize);
}

static void send_reply_to_nothing(struct broker_fake *broker) {
    broker_reply_error(broker, 0, PORTD__V1__CODE__CODE_GARBLED, "what was that");
}

static void request_that_the_broker_could_not_read_ends_the_connection(void **state) {
    (void)state;
    broken_by(send_reply_to_nothing);
}

static void reply_before_the_end_is_delivered_first(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    struct mark marks[2] = {{&heard, 0}, {&heard, 1}};

    (void)state;
    assert_int_equal(portd_ping_start(client, hear_mark, &marks[0], NULL), 1);
    assert_int_equal(portd_ping_start(client, hear_mark, &marks[1], NULL), 1);
    assert_int_equal(portd_process(client), 0);
    broker_reply_pong(&broker, FIRST_ID + 1);
    broker_hang_up(&broker); /* with requests unread: the kernel reports a reset behind the reply */
    assert_int_equal(portd_process(client), 1);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.order[0], 1);
    assert_int_equal(heard.code, 1);
    assert_int_equal(portd_process(client), PORTD_E_DISCONNECTED);
    assert_int_equal(heard.calls, 2);
    assert_int_equal(heard.code, PORTD_E_DISCONNECTED);
    portd_disconnect(client);
    broker_close(&broker);
}

static void start_on_a_dead_connection_still_delivers_what_arrived(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    portd_id id;

    (void)state;
    assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    assert_int_equal(portd_process(client), 0);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    broker_reply_pong(&broker, FIRST_ID);
    broker_hang_up(&broker);
    assert_int_equal(portd_fd_to_semaphore_start(client, 0, PORTD_MODE_READ, hear, &heard, NULL),
                     PORTD_E_DISCONNECTED);
    assert_true(portd_get_timeout(client) <= portd_now()); /* nobody sleeps on it */
    assert_int_equal(portd_process(client), 1);
    assert_int_equal(heard.code, 1);
    assert_int_equal(portd_fd_to_semaphore(client, 0, PORTD_MODE_READ, PORTD_FOREVER, &id),
                     PORTD_E_DISCONNECTED);
    assert_int_equal(heard.calls, 1);
    portd_disconnect(client);
    broker_close(&broker);
}

static void broker_that_stops_listening_is_lost(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    assert_int_equal(shutdown(broker.connection.end, SHUT_RD),
                     0); /* its other direction stays open, so no end of file comes */
    assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.code, PORTD_E_DISCONNECTED);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_DISCONNECTED);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

static void starts_in_a_row_leave_together(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    uint8_t bytes[256];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    assert_true(broker_hears_nothing(&broker));
    assert_int_equal(portd_get_events(client), PORTD_EVENT_READ | PORTD_EVENT_WRITE);
    assert_int_equal(portd_process(client), 0);
    assert_int_equal(portd_get_events(client), PORTD_EVENT_READ);
    assert_int_equal(recv(broker.connection.end, bytes, sizeof(bytes), MSG_PEEK), 3 * (FRAME_HEADER + 4));
    portd_disconnect(client);
    assert_int_equal(heard.calls, 3);
    assert_int_equal(heard.code, PORTD_E_DISCONNECTED);
    broker_close(&broker);
}

static void window_holds_requests_back_and_lets_waits_pass(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 2);
    struct heard pings = {0}, waits = {0};
    const portd_id id = 19;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(portd_wait_start(client, &id, 1, 0, PORTD_FOREVER, hear, &waits, NULL), 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(portd_ping_start(client, hear, &pings, NULL), 1);
    assert_int_equal(portd_process(client), 0);
    for (int i = 0; i < 4; i++)
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    for (int i = 0; i < 5; i++) {
        uint64_t next = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING)->id;
        assert_int_equal(next, FIRST_ID + 4 + i); /* in the order of the starts */
        if (i == 0)
            continue;
        assert_true(broker_hears_nothing(&broker));
        broker_reply_pong(&broker, next - 1);
        assert_int_equal(portd_process(client), 1);
        assert_int_equal(pings.calls, i);
    }
    portd_disconnect(client);
    assert_int_equal(pings.calls, 5);
    assert_int_equal(waits.calls, 4);
    broker_close(&broker);
}

static void requests_before_the_welcome_wait_for_it(void **state) {
    struct broker_fake broker;
    portd_client *client;
    struct heard heard = {0};
    int met = 0;
    const portd_id id = 19;

    (void)state;
    broker_listen(&broker);
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &met, &client), 1);
    int fd = dup(0);
    assert_int_equal(portd_fd_to_semaphore_start(client, fd, PORTD_MODE_READ, hear, &heard, NULL), 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, PORTD_FOREVER, hear, &heard, NULL), 1);
    assert_int_equal(portd_fd_to_semaphore_start(client, fd, PORTD_MODE_READ, hear, &heard, NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_last_errno(client), EBADF);
    process_all(client);
    broker_accept(&broker);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO);
    assert_true(broker_hears_nothing(&broker));
    broker_welcome(&broker, 1, 1);
    process_all(client);
    assert_int_equal(met, 1);
    assert_int_equal(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE)
                         ->file_descriptor_to_semaphore->number,
                     fd);
    assert_int_equal(broker.frame.n_fds, 1);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    portd_disconnect(client);
    broker_close(&broker);
}

static void welcome_of_an_older_broker(struct broker_fake *broker) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Welcome welcome = PORTD__V1__WELCOME__INIT;

    welcome.version = 1;
    welcome.session = 13;
    welcome.window = WINDOW;
    welcome.wait_targets = FRAME_TARGETS_MAX;
    reply.id = 1;
    reply.result_case = PORTD__V1__REPLY__RESULT_HELLO;
    reply.hello = &welcome;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void welcome_of_a_newer_one(struct broker_fake *broker) { broker_welcome(broker, 1, WINDOW); }

/* Whether the broker takes a descriptor is not known when the request is started. */
static void handle_before_the_welcome_is_what_the_broker_takes(void **state) {
    static void (*const welcomes[])(struct broker_fake *) = {welcome_of_an_older_broker,
                                                             welcome_of_a_newer_one};
    struct broker_fake broker;
    portd_client *client;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const portd_id id = (UINT64_C(1) << 40) + (i < 2 ? PORTD_KIND_EVT : PORTD_KIND_SEMAPHORE);
        const size_t n_fds = i % 2;
        struct heard heard = {0};
        size_t before = test_fds_count();
        int met = 0;

        broker_listen(&broker);
        assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &met, &client), 1);
        assert_int_equal(portd_handle_dup_start(client, id, hear, &heard, NULL), 1);
        process_all(client);
        broker_accept(&broker);
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO);
        welcomes[n_fds](&broker);
        process_all(client);
        assert_int_equal(met, 1);
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HANDLE);
        assert_int_equal(broker.frame.n_fds, n_fds);
        assert_false(broker.frame.mismatch);
        portd_disconnect(client);
        broker_close(&broker);
        assert_int_equal(test_fds_count(), before);
    }
}

/* Fills the way to the broker, which does not read; returns how many requests were started. */
static int block(portd_client *client, struct heard *heard) {
    portd_id ids[FRAME_TARGETS_MAX];
    int n = 0;

    for (size_t i = 0; i < FRAME_TARGETS_MAX; i++)
        ids[i] = (UINT64_C(1) << 52) + i;
    do {
        assert_int_equal(
            portd_wait_start(client, ids, FRAME_TARGETS_MAX, 0, PORTD_FOREVER, hear, heard, NULL), 1);
        assert_int_equal(portd_process(client), 0);
        n++;
    } while (!(portd_get_events(client) & PORTD_EVENT_WRITE));
    return n;
}

static void blocked_way_is_told_and_flows_again(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0}, made = {0};
    int ends[2];

    (void)state;
    int n = block(client, &heard);
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < 3; i++) /* the first is kept by the channel, the others behind it */
        assert_int_equal(portd_fd_to_semaphore_start(client, ends[0], PORTD_MODE_READ, hear, &made, NULL), 1);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(portd_ping_start(client, hear, &made, NULL), 1);
    for (int i = 0; i < n; i++) {
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
        assert_int_equal(portd_process(client), 0);
    }
    for (int i = 0; i < 3; i++) {
        process_all(client);
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
        assert_int_equal(broker.frame.n_fds, 1);
        assert_int_equal(write(ends[1], "x", 1), 1); /* the reading end is alive in the copy alone */
    }
    process_all(client);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    assert_int_equal(portd_get_events(client), PORTD_EVENT_READ);
    portd_disconnect(client);
    assert_int_equal(heard.calls, n);
    assert_int_equal(made.calls, 4);
    assert_int_equal(close(ends[1]), 0);
    broker_close(&broker);
}

struct drain {
    struct broker_fake *broker;
    int waits;
};

static void *drain_and_reply(void *data) {
    struct drain *drain = data;

    for (int i = 0; i < drain->waits; i++)
        broker_expect(drain->broker, PORTD__V1__REQUEST__METHOD_WAIT);
    broker_reply_pong(drain->broker, broker_expect(drain->broker, PORTD__V1__REQUEST__METHOD_PING)->id);
    return NULL;
}

static void blocking_call_goes_on_when_the_way_is_free(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    struct drain drain = {&broker, block(client, &heard)};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, drain_and_reply, &drain), 0);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

static void blocking_call_ends_in_time_on_a_blocked_way(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    block(client, &heard);
    assert_int_equal(portd_ping(client, portd_now() + 1000), PORTD_E_TIMEOUT);
    portd_disconnect(client);
    broker_close(&broker);
}

static void arguments_are_checked_before_anything_is_sent(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    portd_id ids[FRAME_TARGETS_MAX + 1] = {0};
    portd_ready ready[1];
    portd_list *list;
    const int64_t end = PORTD_FOREVER;

    (void)state;
    assert_int_equal(portd_fd_to_semaphore(client, -1, PORTD_MODE_READ, end, ids), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(client), "fd");
    assert_int_equal(portd_fd_to_semaphore(client, (portd_native)(INT64_C(1) + INT32_MAX),
                                           PORTD_MODE_CHECK_READ, end, ids),
                     PORTD_E_INVALID);
    assert_int_equal(portd_socket_to_semaphore(client, 0, 6, end, ids), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(client), "mode");
    assert_int_equal(portd_fd_to_evt(client, 0, PORTD_MODE_READ, 2, end, ids), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(client), "number_kind");
    assert_int_equal(portd_fd_to_evt(client, 4000, PORTD_MODE_READ, PORTD_FD, end, ids), PORTD_E_INVALID);
    assert_int_equal(portd_last_errno(client), EBADF);
    assert_string_equal(portd_last_error(client), "descriptor 4000 is not open");
    assert_int_equal(portd_wait(client, NULL, 1, 0, end, ready), PORTD_E_INVALID);
    assert_int_equal(portd_wait(client, ids, 0, 0, end, ready), PORTD_E_INVALID);
    assert_int_equal(portd_wait(client, ids, FRAME_TARGETS_MAX + 1, 0, end, ready), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(client), "n");
    assert_int_equal(portd_wait(client, ids, 1, 8, end, ready), PORTD_E_INVALID);
    assert_int_equal(portd_wait(client, ids, 1, 0, end, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_release(client, ids, 0, end), PORTD_E_INVALID);
    assert_int_equal(portd_show(client, NULL, 1, end, &list), PORTD_E_INVALID);
    assert_int_equal(portd_list_objects(client, 6, end, &list), PORTD_E_INVALID);
    assert_int_equal(portd_list_objects(client, 0, end, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_handle_dup(client, 19, end, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_ping_start(client, NULL, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_ping(NULL, end), PORTD_E_INVALID);
    assert_int_equal(portd_wait_start(NULL, NULL, 0, 0, end, hear, &heard, NULL), PORTD_E_INVALID);
    process_all(client);
    assert_true(broker_hears_nothing(&broker));
    portd_disconnect(client);
    assert_int_equal(heard.calls, 0);
    broker_close(&broker);
}

static void check_and_remove_name_a_number_that_may_be_closed(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    const int modes[] = {PORTD_MODE_CHECK_READ, PORTD_MODE_CHECK_WRITE, PORTD_MODE_REMOVE};

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(portd_fd_to_semaphore_start(client, 4000, modes[i], hear, &heard, NULL), 1);
        process_all(client);
        Portd__V1__Request *request =
            broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
        assert_int_equal(request->file_descriptor_to_semaphore->number, 4000);
        assert_int_equal(request->file_descriptor_to_semaphore->mode, modes[i]);
        assert_int_equal(broker.frame.n_fds, 0);
        broker_reply_object(&broker, request->id, 0, false);
        process_all(client);
        assert_int_equal(heard.calls, i + 1);
        assert_int_equal(heard.code, 0);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

static void many_parked_waits_stay_apart(void **state) {
    enum { WAITS = 3000, PINGS = 9000 };
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    static struct heard waits[WAITS];
    struct heard ping = {0};
    const portd_id id = 19;

    (void)state;
    for (int i = 0; i < WAITS; i++) {
        assert_int_equal(portd_wait_start(client, &id, 1, 0, PORTD_FOREVER, hear, &waits[i], NULL), 1);
        process_all(client);
        assert_int_equal(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT)->id, FIRST_ID + i);
    }
    for (int i = 0; i < PINGS; i++) {
        assert_int_equal(portd_ping_start(client, hear, &ping, NULL), 1);
        process_all(client);
        uint64_t next = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING)->id;
        assert_true(next >= FIRST_ID + WAITS);
        broker_reply_pong(&broker, next);
        process_all(client);
        assert_int_equal(ping.calls, i + 1);
    }
    for (int i = 0; i < WAITS; i += 7) {
        broker_reply_wait(&broker, (uint64_t)(FIRST_ID + i), &id, 1);
        process_all(client);
        assert_int_equal(waits[i].calls, 1);
        assert_int_equal(waits[i].ready[0].cause, PORTD_CAUSE_HANG_UP);
    }
    portd_disconnect(client);
    for (int i = 0; i < WAITS; i++)
        assert_int_equal(waits[i].calls, 1);
    broker_close(&broker);
}

TEST_MAIN(TEST_CASE(replies_come_in_any_order), TEST_CASE(reply_to_no_request_is_dropped_with_its_descriptor),
          TEST_CASE(reply_of_another_method_fails_its_request_alone),
          TEST_CASE(refusal_is_remembered_word_for_word), TEST_CASE(codes_are_those_of_the_wire),
          TEST_CASE(objects_are_told_with_their_flags), TEST_CASE(handles_are_made_by_the_library),
          TEST_CASE(handle_is_the_callers_and_close_on_exec),
          TEST_CASE(unasked_descriptors_of_a_reply_are_closed), TEST_CASE(end_of_file_calls_everything_back),
          TEST_CASE(garbled_reply_ends_the_connection), TEST_CASE(oversize_reply_ends_the_connection),
          TEST_CASE(request_that_the_broker_could_not_read_ends_the_connection),
          TEST_CASE(reply_before_the_end_is_delivered_first),
          TEST_CASE(start_on_a_dead_connection_still_delivers_what_arrived),
          TEST_CASE(broker_that_stops_listening_is_lost), TEST_CASE(starts_in_a_row_leave_together),
          TEST_CASE(window_holds_requests_back_and_lets_waits_pass),
          TEST_CASE(requests_before_the_welcome_wait_for_it),
          TEST_CASE(handle_before_the_welcome_is_what_the_broker_takes),
          TEST_CASE(blocked_way_is_told_and_flows_again),
          TEST_CASE(blocking_call_goes_on_when_the_way_is_free),
          TEST_CASE(blocking_call_ends_in_time_on_a_blocked_way),
          TEST_CASE(arguments_are_checked_before_anything_is_sent),
          TEST_CASE(check_and_remove_name_a_number_that_may_be_closed),
          TEST_CASE(many_parked_waits_stay_apart))
