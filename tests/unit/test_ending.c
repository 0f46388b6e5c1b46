/* test_ending.c: how a connection ends that still has answers for its client. */
#include "tests/support/test.h"

#include "daemon/session/connection.h"
#include "daemon/session/inflight.h"
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

TEST_MAIN(cmocka_unit_test_setup_teardown(who_reads_on_after_a_rest_reads_the_end, begin, end))
