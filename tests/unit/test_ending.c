/* test_ending.c: how a connection ends that still has answers for its client. */
#include "tests/support/test.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/object/binding.h"
#include "daemon/object/direction.h"
#include "daemon/object/waitable.h"
#include "daemon/session/connection.h"
#include "daemon/session/session.h"
#include "portd.pb-c.h"
#include "proto/frame.h"
#include "tests/support/world.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 512 };

static bool nobody_is_there(void) { return world.fd_table.used == world.used; }

static int begin(void **state) {
    (void)state;
    world_make(16);
    return 0;
}

static int end(void **state) {
    (void)state;
    world_free();
    return 0;
}

static size_t pack(uint8_t *bytes, const Portd__V1__Request *request) {
    size_t length = portd__v1__request__get_packed_size(request);

    assert_true(FRAME_HEADER + length <= ROOM);
    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length});
    return FRAME_HEADER + portd__v1__request__pack(request, bytes + FRAME_HEADER);
}

/* The client's end of a connection with a session, whose answer is not read yet. */
static int connect_and_greet(void) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;
    uint8_t bytes[ROOM];
    int fd = world_connect();

    assert_true(fd >= 0);
    hello.version_min = hello.version_max = 1;
    request.id = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    size_t size = pack(bytes, &request);
    assert_int_equal(send(fd, bytes, size, 0), size);
    world_until_idle();
    return fd;
}

static bool has_bytes(int fd) {
    uint8_t bytes[ROOM];
    ssize_t n, total = 0;

    while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        total += n;
    return total > 0;
}

static bool is_at_end(int fd) {
    uint8_t byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* A connection with a descriptor in an unread answer stays. Its client reads that, and the end once its uid does not rest any more. */
static void who_reads_on_after_a_rest_reads_the_end(void **state) {
    struct user *user = user_ref(&world.users, world.users.own);

    (void)state;
    for (int rests = 0; rests < 2; rests++) {
        int fd = connect_and_greet();
        struct connection *connection = world.sessions.connections;
        connection->channel.passed = 1;
        passing_count(connection);
        user->lane.rest_until = rests ? INT64_MAX - 1 : 0;
        connection_end(connection, NULL);
        world_until_idle();
        assert_null(world.sessions.connections);
        assert_int_equal(user->passing, 1);
        assert_true(has_bytes(fd));
        assert_int_equal(is_at_end(fd), !rests);
        user->lane.rest_until = rests ? os_now_us() : 0;
        world_until_idle();
        assert_true(is_at_end(fd));
        os_close(fd);
        assert_true(world_until(nobody_is_there));
    }
    user_unref(user);
}

static void ask(int fd, Portd__V1__Request *request, Portd__V1__Request__MethodCase method) {
    uint8_t bytes[ROOM];

    request->method_case = method;
    size_t size = pack(bytes, request);
    assert_int_equal(send(fd, bytes, size, 0), size);
    world_until_idle();
}

static struct connection *only_connection(void) { return world.sessions.connections; }

/* An event of an eventfd, and a wait for it that takes its next readiness. The requests are `id` and id + 1. */
static void wait_for_one(int fd, uint64_t id, int event) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    struct refusal refusal;
    struct session_objects *owner = &only_connection()->session->session_objects;
    struct binding_claim claim;

    fd_table_take(&world.fd_table, 1);
    assert_int_equal(binding_claim(owner, connection_key(only_connection(), event, false), event, false, 1,
                                   &claim, &refusal),
                     0);
    struct waitable *evt = waitable_new(claim.binding, OBJECT_EVT, DIRECTION_READ, &refusal);
    assert_non_null(evt);
    wait.ids = &evt->object.id;
    wait.n_ids = 1;
    wait.one = true;
    request.id = id;
    request.wait = &wait;
    ask(fd, &request, PORTD__V1__REQUEST__METHOD_WAIT);
}

static void make_ready(int event) {
    assert_int_equal(eventfd_write(event, 1), 0);
    world_until_idle();
}

/* The broker has given a later answer than the one of which the client knows, and holds it until the client has read. */
static void a_goodbye_for_the_answer_before_one_that_is_held_does_not_count(void **state) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Goodbye goodbye = PORTD__V1__GOODBYE__INIT;
    uint8_t bytes[ROOM];
    int events[2] = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};
    int fd = connect_and_greet();

    (void)state;
    for (int i = 0; i < 2; i++)
        wait_for_one(fd, 2 + (uint64_t)i, events[i]);
    assert_true(has_bytes(fd));
    make_ready(events[0]);
    assert_true(has_bytes(fd));
    struct connection *connection = only_connection();
    assert_int_equal(connection->last_one, 2);
    connection->channel.out_fds_at = 0; /* a reply with a descriptor is not sent yet */
    make_ready(events[1]);
    connection->channel.out_fds_at = SIZE_MAX;
    assert_non_null(connection->held);
    request.id = 4;
    request.method_case = PORTD__V1__REQUEST__METHOD_GOODBYE;
    request.goodbye = &goodbye;
    goodbye.wait = 2;
    size_t size = pack(bytes, &request) - FRAME_HEADER;
    struct channel_frame frame = {.body = bytes + FRAME_HEADER, .length = size};
    connection->all->frame(connection, &frame);
    assert_false(connection->keeps);
    connection_flush_later(connection);
    world_until_idle();
    assert_null(connection->held);
    goodbye.wait = 3;
    ask(fd, &request, PORTD__V1__REQUEST__METHOD_GOODBYE);
    assert_true(connection->keeps);
    os_close(fd);
    assert_true(world_until(nobody_is_there));
}

TEST_MAIN(cmocka_unit_test_setup_teardown(who_reads_on_after_a_rest_reads_the_end, begin, end),
          cmocka_unit_test_setup_teardown(a_goodbye_for_the_answer_before_one_that_is_held_does_not_count,
                                          begin, end))
