/* test_arrivals.c: only accepting and charging is done in the order of the kernel's queue; connections are created in turns of
 * their uid. */
#include "tests/support/test.h"

#include "daemon/access/policy.h"
#include "daemon/base/metrics.h"
#include "daemon/session/listener.h"
#include "proto/peer.h"
#include "tests/support/world.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MANY = 200, AT_ONCE = 128, STRANGER = 2001 };

static bool all_is_closed(void) { return world.fd_table.used == world.used; }

static void many_are_accepted_at_once_and_made_in_turns(void **state) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    static struct listener listener;
    const struct user *user = NULL;
    int clients[MANY], fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)), 0);
    assert_int_equal(listen(fd, MANY), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    world_make(10000);
    assert_int_equal(listener_open(&listener, fd, &world.sessions, &world.users), 0);
    for (int i = 0; i < MANY; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&name, size), 0);
    }
    listener.watch.fn(&listener.watch, LOOP_READ);
    const size_t n = world.sessions.n_connections; /* fewer where that takes long */
    assert_true(n > 0 && n <= AT_ONCE);
    assert_int_equal(users_next(&world.users, 0, &user, 1), 1);
    assert_int_equal(world.fd_table.used, world.used + n);
    assert_int_equal(user->used[USER_CONNECTIONS], n);
    assert_int_equal(user->connections, 0);
    assert_null(world.sessions.connections);
    world_turns();
    assert_int_equal(user->connections, n);
    assert_int_equal(world.sessions.n_connections, n);
    /* Those for which no turn comes any more are let go, and nothing of them stays. */
    while (world.sessions.n_connections < MANY)
        listener.watch.fn(&listener.watch, LOOP_READ);
    listener_close(&listener);
    assert_int_equal(world.sessions.n_connections, n);
    assert_int_equal(user->used[USER_CONNECTIONS], n);
    for (int i = 0; i < MANY; i++)
        (void)close(clients[i]);
    assert_true(world_until(all_is_closed));
    world_free();
    (void)close(fd);
}

/* Of a socket that is not local the kernel does not say whose it is. */
static void nobody_pays_for_who_is_not_known(void **state) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    static struct listener listener;
    const struct user *user = NULL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    world_make(10000);
    assert_int_equal(listener_open(&listener, fd, &world.sessions, &world.users), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&name, size), 0);
    assert_int_equal(send(client, "?", 1, 0), 1); /* so that a worker closes it */
    listener.watch.fn(&listener.watch, LOOP_READ);
    assert_int_equal(world.fd_table.used, world.used + 1);
    assert_int_equal(users_next(&world.users, 0, &user, 1), 1);
    assert_int_equal(user->uid, PEER_UID_NOBODY); /* all of whose connections are turned away */
    assert_int_equal(user->discards + user->turned_away, 1);
    assert_int_equal(user->used[USER_CONNECTIONS], 0);
    assert_true(world_until(all_is_closed));
    assert_int_equal(users_next(&world.users, 0, &user, 1), 0);
    listener_close(&listener);
    world_free();
    (void)close(client);
    (void)close(fd);
}

/* Who has left without a word is nobody's connection, and no worker is troubled. One that has said something is served all the same. */
static void who_has_left_before_it_was_accepted_is_not_made(void **state) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    static struct listener listener;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)), 0);
    assert_int_equal(listen(fd, MANY), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    world_make(10000);
    assert_int_equal(listener_open(&listener, fd, &world.sessions, &world.users), 0);
    for (int says = 0; says < 2; says++) {
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *)&name, size), 0);
        if (says)
            assert_int_equal(send(client, "x", 1, 0), 1);
        (void)close(client);
        listener.watch.fn(&listener.watch, LOOP_READ);
        assert_int_equal(world.sessions.n_connections, says);
        assert_int_equal(world.fd_table.used, world.used + (size_t)says);
    }
    listener_close(&listener);
    assert_true(world_until(all_is_closed));
    world_free();
    (void)close(fd);
}

enum { WATCHED = 5, COPIES = 200, EPOLLS = 300 };

/* Clients whose ends many epoll descriptors watch, so that a close takes long: the kernel wakes them. */
struct watched {
    int fds[WATCHED], copies[WATCHED][COPIES], epolls[EPOLLS];
};

/* They connect and leave. */
static void watched_leave(struct watched *watched, const struct sockaddr_un *name, socklen_t size) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}, events[WATCHED * COPIES];

    for (int i = 0; i < EPOLLS; i++)
        watched->epolls[i] = epoll_create1(EPOLL_CLOEXEC);
    for (int n = 0; n < WATCHED; n++) {
        int fd = watched->fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        for (int k = 0; k < COPIES; k++) {
            watched->copies[n][k] = os_dup(fd);
            for (int i = 0; i < EPOLLS; i++)
                assert_return_code(
                    epoll_ctl(watched->epolls[i], EPOLL_CTL_ADD, watched->copies[n][k], &event), errno);
        }
        assert_return_code(connect(fd, (const struct sockaddr *)name, size), errno);
        assert_return_code(shutdown(fd, SHUT_WR), errno);
    }
    for (int i = 0; i < EPOLLS; i++) /* the kernel only wakes those that have nothing to report yet */
        assert_return_code(epoll_wait(watched->epolls[i], events, WATCHED * COPIES, 0), errno);
}

static void watched_close(const struct watched *watched) {
    for (int i = 0; i < EPOLLS; i++)
        os_close(watched->epolls[i]);
    for (int n = 0; n < WATCHED; n++) {
        for (int k = 0; k < COPIES; k++)
            os_close(watched->copies[n][k]);
        os_close(watched->fds[n]);
    }
}

/* How many events it takes until all are seen off. */
static int events_for(struct listener *listener) {
    const uint64_t end = metrics_values[METRIC_CONNECTIONS_MADE] + WATCHED;
    int n = 0;

    for (; metrics_values[METRIC_CONNECTIONS_MADE] < end; n++)
        listener->watch.fn(&listener->watch, LOOP_READ);
    return n;
}

/* All of a queue have left, and no close of theirs is long enough to be charged. Others have their turns meanwhile, and the sum is charged: unless
 * other processes had the processor so often. Then workers close. */
static void closes_that_take_long_end_the_event(void **state) {
    static struct watched watched;
    const int64_t deadline = os_now_us() + 40000000;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    static struct listener listener;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)), 0);
    assert_int_equal(listen(fd, MANY), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    world_make(10000);
    assert_int_equal(listener_open(&listener, fd, &world.sessions, &world.users), 0);
    struct user *user = user_ref(&world.users, world.users.own);
    while (!lane_rests(&user->lane) && os_now_us() < deadline) {
        watched_leave(&watched, &name, size);
        assert_true(events_for(&listener) > 1);
        watched_close(&watched);
    }
    bool rested = lane_rests(&user->lane);
    user->lane.rest_until = INT64_MAX - 1;
    assert_true(world_until(all_is_closed));
    watched_leave(&watched, &name, size);
    const unsigned before = user->discards;
    (void)events_for(&listener);
    assert_int_equal(user->discards, before + WATCHED);
    user->lane.owes_until = user->lane.rest_until = 0;
    user_unref(user);
    assert_true(world_until(all_is_closed));
    watched_close(&watched);
    listener_close(&listener);
    world_free();
    os_close(fd);
    if (!rested)
        test_skip("other processes had the processor in each of the many events");
}

/* Who may not connect has not connected, also if it has left: operators look at that number. */
static void who_may_not_connect_is_turned_away_also_after_it_has_left(void **state) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    static struct listener listener;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
        client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    world_make(10000);
    const uid_t own = geteuid();
    policy_init(&world.policy, own ? own + 1 : 0, true);
    assert_int_equal(listener_open(&listener, fd, &world.sessions, &world.users), 0);
    assert_return_code(own ? 0 : seteuid(STRANGER), errno);
    assert_int_equal(connect(client, (struct sockaddr *)&name, size), 0);
    assert_return_code(own ? 0 : seteuid(own), errno);
    os_close(client);
    const uint64_t made = metrics_values[METRIC_CONNECTIONS_MADE],
                   refused = metrics_values[METRIC_TURNED_AWAY];
    listener.watch.fn(&listener.watch, LOOP_READ);
    assert_int_equal(metrics_values[METRIC_CONNECTIONS_MADE], made);
    assert_int_equal(metrics_values[METRIC_TURNED_AWAY], refused + 1);
    assert_true(world_until(all_is_closed));
    listener_close(&listener);
    world_free();
    os_close(fd);
}

/* One that is turned away is told why, unless its uid rests: a send can take long. */
static void who_rests_is_turned_away_without_an_answer(void **state) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    static struct listener listener;
    char bytes[1024];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)), 0);
    assert_int_equal(listen(fd, MANY), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    world_make(10000);
    world.users.limits[USER_CONNECTIONS] = 0;
    users_renew_limits(&world.users);
    assert_int_equal(listener_open(&listener, fd, &world.sessions, &world.users), 0);
    struct user *user = user_ref(&world.users, world.users.own);
    assert_non_null(user);
    for (int rests = 0; rests < 2; rests++) {
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        user->lane.rest_until = rests ? INT64_MAX - 1 : 0;
        assert_int_equal(connect(client, (struct sockaddr *)&name, size), 0);
        listener.watch.fn(&listener.watch, LOOP_READ);
        if (!rests) { /* until it is read, it stays */
            assert_int_equal(world.fd_table.wasted, 1);
            assert_true(recv(client, bytes, sizeof bytes, 0) > 0);
        }
        assert_true(world_until(all_is_closed));
        assert_int_equal(recv(client, bytes, sizeof bytes, 0), 0);
        (void)close(client);
    }
    user_unref(user);
    listener_close(&listener);
    world_free();
    (void)close(fd);
}

TEST_MAIN(cmocka_unit_test(many_are_accepted_at_once_and_made_in_turns),
          cmocka_unit_test(nobody_pays_for_who_is_not_known),
          cmocka_unit_test(who_has_left_before_it_was_accepted_is_not_made),
          cmocka_unit_test(closes_that_take_long_end_the_event),
          cmocka_unit_test(who_may_not_connect_is_turned_away_also_after_it_has_left),
          cmocka_unit_test(who_rests_is_turned_away_without_an_answer))
