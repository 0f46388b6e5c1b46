/* test_connection.c: a uid that has used up its rate (that of the broker's own uid is too large for that), and replies that take long to send. */
#include "tests/support/test.h"

#include "daemon/base/metrics.h"
#include "proto/frame.h"
#include "tests/support/on_socket.h"
#include "tests/support/world.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RATE = 1000, MORE = 30, SIZE = FRAME_HEADER + 4, COPIES = 250, EPOLLS = 400 };

/* Hello of version 1, and a ping; both with id 1. */
static const uint8_t hello[] = {8, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x01, 0x52, 0x04, 0x08, 0x01, 0x10, 0x01};
static const uint8_t ping[SIZE] = {4, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x01, 0x5a, 0x00};

/* Bytes of replies that are there. */
static size_t read_all(int fd) {
    uint8_t bytes[4096];
    size_t total = 0;
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        total += (size_t)n;
    assert_int_equal(n, -1);
    assert_int_equal(errno, EAGAIN);
    return total;
}

static bool nobody_is_there(void) { return world.fd_table.used == world.used; }

/* It is not read for a while, and then goes on: every request is answered. What a second brings may be spent twice before. */
static void who_has_spent_the_rate_is_read_again(void **state) {
    enum { PINGS = 2 * RATE + MORE };
    static uint8_t bytes[PINGS * SIZE];
    const int64_t deadline = os_now_us() + 20000000;
    size_t replied = 0;

    (void)state;
    world.users.rate = RATE;
    int fd = world_connect();
    assert_true(fd >= 0);
    assert_int_equal(send(fd, hello, sizeof hello, 0), sizeof hello);
    world_until_idle();
    assert_true(read_all(fd) > 0);
    assert_int_equal(send(fd, ping, sizeof ping, 0), sizeof ping);
    world_until_idle();
    const size_t reply = read_all(fd);
    assert_true(reply > 0);
    for (size_t i = 0; i < PINGS; i++)
        memcpy(bytes + i * SIZE, ping, SIZE);
    const uint64_t pauses = metrics_values[METRIC_PAUSES];
    assert_int_equal(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    while (replied < PINGS * reply && os_now_us() < deadline) {
        (void)world_turn(1000);
        replied += read_all(fd);
    }
    assert_int_equal(replied, PINGS * reply);
    assert_true(metrics_values[METRIC_PAUSES] > pauses);
    os_close(fd);
    assert_true(world_until(nobody_is_there));
}

static size_t used_slots;
static bool one_more_is_used(void) { return world.fd_table.used == used_slots + 1; }
static bool no_more_is_used(void) { return world.fd_table.used == used_slots; }

/* What came with an incomplete frame has a slot until the rest has come, and is closed then if nobody wants it. */
static void half_a_frame_has_slots_while_it_is_one(void **state) {
    os_fd file = STDIN_FILENO;

    (void)state;
    int fd = world_connect();
    assert_true(fd >= 0);
    assert_int_equal(send(fd, hello, sizeof hello, 0), sizeof hello);
    world_until_idle();
    used_slots = world.fd_table.used;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(on_socket_send(fd, ping, SIZE - 1, &file, 1), SIZE - 1);
        assert_true(world_until(one_more_is_used));
        assert_int_equal(send(fd, ping + SIZE - 1, 1, 0), 1);
        assert_true(world_until(no_more_is_used));
    }
    assert_true(read_all(fd) > 0);
    os_close(fd);
    assert_true(world_until(nobody_is_there));
}

struct watchers {
    int copies[2][COPIES], epolls[EPOLLS];
};

/* Many epoll descriptors watch many copies of each, so that a send to it takes long. */
static void watch(const int fds[2], struct watchers *watchers) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    for (int i = 0; i < EPOLLS; i++)
        watchers->epolls[i] = epoll_create1(EPOLL_CLOEXEC);
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < COPIES; k++) {
            watchers->copies[side][k] = os_dup(fds[side]);
            for (int i = 0; i < EPOLLS; i++)
                assert_return_code(
                    epoll_ctl(watchers->epolls[i], EPOLL_CTL_ADD, watchers->copies[side][k], &event), errno);
        }
}

static void unwatch(const struct watchers *watchers) {
    for (int i = 0; i < EPOLLS; i++)
        os_close(watchers->epolls[i]);
    for (int k = 0; k < COPIES; k++) {
        os_close(watchers->copies[0][k]);
        os_close(watchers->copies[1][k]);
    }
}

/* Both ask before a turn begins. The reply that is sent first takes long, so the other one is sent in a later turn. */
static void a_send_that_takes_long_is_the_last_of_its_turn(void **state) {
    static struct watchers watchers;
    const int64_t deadline = os_now_us() + 30000000;
    size_t got[2] = {0, 0};
    int fds[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        fds[i] = world_connect();
        assert_true(fds[i] >= 0);
        assert_int_equal(send(fds[i], hello, sizeof hello, 0), sizeof hello);
    }
    world_until_idle();
    for (int i = 0; i < 2; i++)
        assert_true(read_all(fds[i]) > 0);
    watch(fds, &watchers);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send(fds[i], ping, sizeof ping, 0), sizeof ping);
    while (!got[0] && !got[1] && os_now_us() < deadline) {
        (void)world_turn(0);
        for (int i = 0; i < 2; i++)
            got[i] += read_all(fds[i]);
    }
    assert_true(!got[0] != !got[1]);
    while ((!got[0] || !got[1]) && os_now_us() < deadline) {
        (void)world_turn(1000);
        for (int i = 0; i < 2; i++)
            got[i] += read_all(fds[i]);
    }
    assert_true(got[0] && got[1]);
    unwatch(&watchers);
    os_close(fds[0]);
    os_close(fds[1]);
    assert_true(world_until(nobody_is_there));
}

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

TEST_MAIN(cmocka_unit_test_setup_teardown(who_has_spent_the_rate_is_read_again, begin, end),
          cmocka_unit_test_setup_teardown(half_a_frame_has_slots_while_it_is_one, begin, end),
          cmocka_unit_test_setup_teardown(a_send_that_takes_long_is_the_last_of_its_turn, begin, end))
