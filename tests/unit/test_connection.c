/* test_connection.c: what the broker reads of a connection and when it goes on: a rate used up (that of its own uid is too large for that), half frames, no
 * room for what is received, and replies that take long to send. */
#include "tests/support/test.h"

#include "daemon/access/gate.h"
#include "daemon/access/refusal.h"
#include "daemon/base/metrics.h"
#include "daemon/loop/closer.h"
#include "daemon/session/connection.h"
#include "daemon/session/passing.h"
#include "portd.pb-c.h"
#include "proto/frame.h"
#include "tests/support/on_socket.h"
#include "tests/support/world.h"
#include "utlist.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RATE = 1000, MORE = RATE, SIZE = FRAME_HEADER + 4, COPIES = 270, EPOLLS = 430 };

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

/* Of a client that has said hello and has read the welcome. */
static int connect_greeted(void) {
    int fd = world_connect();

    assert_true(fd >= 0);
    assert_int_equal(send(fd, hello, sizeof hello, 0), sizeof hello);
    world_until_idle();
    assert_true(read_all(fd) > 0);
    return fd;
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
    users_renew_limits(&world.users);
    int fd = connect_greeted();
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

/* Requests of many small fields take long to unpack, so a turn has few of them. */
static void what_takes_long_to_unpack_is_little_of_a_turn(void **state) {
    enum { REQUESTS = 16, FIELDS = 1364, FIELD = 3, AT_ONCE = 5 };
    static uint8_t bytes[REQUESTS][FRAME_HEADER + 2 + FIELDS * FIELD];
    static const uint8_t id[] = {0x08, 0x01}, unknown[FIELD] = {0x98, 0x06, 0x01};

    (void)state;
    int fd = connect_greeted();
    for (size_t i = 0; i < REQUESTS; i++) {
        frame_encode(bytes[i], (struct frame_header){.length = sizeof bytes[i] - FRAME_HEADER});
        memcpy(bytes[i] + FRAME_HEADER, id, sizeof id);
        for (size_t k = 0; k < FIELDS; k++)
            memcpy(bytes[i] + FRAME_HEADER + sizeof id + k * FIELD, unknown, FIELD);
    }
    assert_int_equal(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    const uint64_t before = metrics_values[METRIC_REQUESTS_REFUSED];
    for (uint64_t done = 0, last = 0; done < REQUESTS; last = done) {
        (void)world_turn(1000);
        done = metrics_values[METRIC_REQUESTS_REFUSED] - before;
        assert_in_range(done, last, last + AT_ONCE);
    }
    os_close(fd);
    assert_true(world_until(nobody_is_there));
}

static size_t used_slots;
static bool nothing_is_closing(void) { return world.fd_table.wasted == 0; }
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
    assert_true(world_until(nothing_is_closing));
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

static size_t put_number(uint8_t *bytes, uint32_t number) {
    size_t n = 0;

    for (; number > 127; number >>= 7)
        bytes[n++] = (uint8_t)(number | 128);
    bytes[n++] = (uint8_t)number;
    return n;
}

/* A hello that names a process as its owner. Returns its size. */
static size_t put_hello(uint8_t *bytes, pid_t owner) {
    memcpy(bytes, hello, sizeof hello);
    bytes[sizeof hello] = 0x28; /* owner_pid */
    size_t size = sizeof hello + 1;
    size += put_number(bytes + size, (uint32_t)owner);
    bytes[0] = (uint8_t)(size - FRAME_HEADER);
    bytes[FRAME_HEADER + 3] = (uint8_t)(size - FRAME_HEADER - 4); /* of the message inside */
    return size;
}

enum { WASTED = 254 }; /* descriptors being closed: with so many one more kept one matters */

static void waste(struct user *user) {
    struct fd_table *fd_table = &world.fd_table;

    fd_table_take(fd_table, WASTED);
    gates_discard(user, 1);
    for (int i = 1; i < WASTED; i++)
        gates_discard_nobodys(fd_table);
    fd_table->limit = fd_table->used + FD_TABLE_KEEP;
    assert_true(gates_may_receive(user));
}

static void waste_no_more(struct user *user) {
    gates_discarded(user);
    for (int i = 1; i < WASTED; i++)
        gates_discarded_nobodys(&world.fd_table);
}

static pid_t make_child(int *end) {
    int ends[2];
    char byte;

    assert_return_code(pipe(ends), errno);
    pid_t child = fork();
    assert_return_code(child, errno);
    if (!child) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    *end = ends[1];
    return child;
}

static int asking;
static bool hello_is_answered(void) {
    struct pollfd answer = {.fd = asking, .events = POLLIN};

    return poll(&answer, 1, 0) > 0;
}

static bool the_session_has_ended(void) { return world.sessions.n == 0; }

/* The first of two requests uses up the room for what is received. The second one, which has come with it, is answered when there is room. */
static void what_was_read_before_the_room_was_used_up_is_answered(void **state) {
    uint8_t bytes[sizeof hello + 6 + SIZE];
    struct user *user = user_ref(&world.users, world.users.own);
    int fd, end;

    (void)state;
    assert_non_null(user);
    pid_t child = make_child(&end);
    fd = world_connect();
    assert_true(fd >= 0);
    world.sessions.connections->peer.pid = (uint32_t)getpid();
    world_until_idle();
    waste(user);
    size_t size = put_hello(bytes, child);
    memcpy(bytes + size, ping, SIZE);
    assert_int_equal(send(fd, bytes, size + SIZE, 0), size + SIZE);
    asking = fd;
    assert_true(world_until(hello_is_answered)); /* a worker is asked first */
    assert_false(gates_may_receive(user));
    assert_true(read_all(fd) > 0);
    world_until_idle();
    assert_int_equal(read_all(fd), 0);
    waste_no_more(user);
    world_until_idle();
    assert_true(read_all(fd) > 0);
    os_close(fd);
    os_close(end);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(world_until(the_session_has_ended));
    user_unref(user);
    assert_true(world_until(nobody_is_there));
}

struct watchers {
    int copies[2][COPIES], epolls[EPOLLS];
};

/* Many epoll descriptors watch many copies of each, so that a send to it takes long, and a receive of
 * what it has sent: the kernel wakes them for each message. */
static void watch(const int fds[2], struct watchers *watchers) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};

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

/* What the uid owes is paid, and its rest is over. */
static void pardon(void) {
    struct user *user = user_ref(&world.users, world.users.own);

    assert_non_null(user);
    user->lane.owes_until = 0;
    if (user->lane.rest_until)
        user->lane.rest_until = 1;
    user_unref(user);
}

static bool nobody_is_there_in_time(void) {
    pardon();
    return nobody_is_there();
}

/* Two connections with sessions. */
static void connect_two(int fds[2]) {
    for (int i = 0; i < 2; i++) {
        fds[i] = world_connect();
        assert_true(fds[i] >= 0);
        assert_int_equal(send(fds[i], hello, sizeof hello, 0), sizeof hello);
    }
    world_until_idle();
}

/* The other one asks. That is received in a later turn than the one in which its first reply is sent. */
static bool is_read_in_a_later_turn(int fd, size_t got) {
    const int64_t deadline = os_now_us() + 30000000;
    const uint64_t done = metrics_values[METRIC_REQUESTS_DONE];
    bool later;

    assert_int_equal(got, 0);
    assert_int_equal(send(fd, ping, sizeof ping, 0), sizeof ping);
    while (!got && os_now_us() < deadline) {
        pardon();
        (void)world_turn(1000);
        got += read_all(fd);
    }
    assert_true(got > 0);
    later = metrics_values[METRIC_REQUESTS_DONE] == done;
    while (metrics_values[METRIC_REQUESTS_DONE] == done && os_now_us() < deadline) {
        pardon();
        (void)world_turn(1000);
    }
    assert_int_equal(metrics_values[METRIC_REQUESTS_DONE], done + 1);
    return later;
}

static bool two_are_sent_in_turns(void) {
    static struct watchers watchers;
    struct connection *connection;
    struct refusal refusal;
    size_t got[2];
    int fds[2];

    connect_two(fds);
    for (int i = 0; i < 2; i++)
        assert_true(read_all(fds[i]) > 0);
    watch(fds, &watchers);
    (void)refusal_set(&refusal, REFUSAL_INVALID, NULL, NULL, "no");
    DL_FOREACH (world.sessions.connections, connection)
        connection_refuse(connection, 1, &refusal);
    connection_flush_all(&world.sessions);
    for (int i = 0; i < 2; i++)
        got[i] = read_all(fds[i]);
    bool one = !got[0] != !got[1];
    const int other = got[0] ? 1 : 0;
    one = one && is_read_in_a_later_turn(fds[other], got[other]);
    unwatch(&watchers);
    os_close(fds[0]);
    os_close(fds[1]);
    assert_true(world_until(nobody_is_there_in_time));
    return one;
}

/* The kernel counts a thread's time in the kernel in ticks, which can be longer than what is counted: so one of several tries is to succeed. */
static void succeeds_once(bool (*try)(void)) {
    enum { TRIES = 10 };
    int tries = 0;

    while (tries < TRIES && !try())
        tries++;
    assert_true(tries < TRIES);
}

/* Two replies are made at once. The one that is sent first takes long, so the other one is sent in a later turn. */
static void a_send_that_takes_long_is_the_last_of_its_turn(void **state) {
    (void)state;
    succeeds_once(two_are_sent_in_turns);
}

static bool one_is_received_in_a_turn(void) {
    enum { PINGS = 4 };
    static struct watchers watchers;
    const struct user *user;
    int fds[2];

    connect_two(fds);
    assert_int_equal(users_next(&world.users, 0, &user, 1), 1);
    watch(fds, &watchers);
    for (int i = 0; i < 2 * PINGS * SIZE; i++)
        assert_int_equal(send(fds[i % 2], &ping[i / 2 % SIZE], 1, 0), 1);
    const uint64_t done = metrics_values[METRIC_REQUESTS_DONE];
    for (int i = 0; i < 10 && !lane_rests(&user->lane); i++)
        (void)world_turn(0);
    bool one = lane_rests(&user->lane) && lane_owes(&user->lane) &&
               metrics_values[METRIC_REQUESTS_DONE] <= done + PINGS;
    unwatch(&watchers);
    os_close(fds[0]);
    os_close(fds[1]);
    assert_true(world_until(nobody_is_there_in_time));
    world_until_idle();
    return one;
}

/* Both send many short messages. One is received in a turn; then the uid rests, and goes on resting when it connects anew. */
static void a_receive_that_takes_long_is_the_last_of_its_turn(void **state) {
    (void)state;
    succeeds_once(one_is_received_in_a_turn);
}

static bool descriptors_are_owed_for_a_short_time(void) {
    enum { PART = 60 };
    static struct watchers watchers;
    static const uint8_t part[PART] = {PART, 0, 0, 0, 1};
    const struct user *user;
    os_fd file = STDIN_FILENO;
    int fds[2];

    connect_two(fds);
    assert_int_equal(users_next(&world.users, 0, &user, 1), 1);
    watch(fds, &watchers);
    for (int i = 0; i < PART - 1; i++)
        assert_int_equal(send(fds[0], &part[i], 1, 0), 1);
    assert_int_equal(on_socket_send(fds[0], &part[PART - 1], 1, &file, 1), 1);
    for (int i = 0; i < 10 && !lane_rests(&user->lane); i++)
        (void)world_turn(0);
    bool shortly = lane_rests(&user->lane) && lane_owes(&user->lane) && user->lane.owes_until == 0;
    unwatch(&watchers);
    os_close(fds[0]);
    os_close(fds[1]);
    assert_true(world_until(nobody_is_there_in_time));
    world_until_idle();
    return shortly;
}

/* What it takes others may have caused: by itself it is owed for a short time, and not remembered. */
static void a_receive_of_descriptors_costs_little_by_itself(void **state) {
    (void)state;
    succeeds_once(descriptors_are_owed_for_a_short_time);
}

static bool nothing_is_being_closed(void) { return closer_pending(world.closer) == 0; }

/* Makes a connection that its client leaves, or that an error of its client ends. Returns whether a worker closes it. */
static bool is_closed_by_a_worker(bool left) {
    static const uint8_t wrong[FRAME_HEADER] = {0};
    int fd = connect_greeted();

    assert_true(world_until(nothing_is_being_closed)); /* of the hello */
    if (left)
        os_close(fd);
    else
        assert_int_equal(send(fd, wrong, sizeof wrong, 0), sizeof wrong);
    for (int i = 0; i < 1000 && closer_pending(world.closer) == 0 && world.fd_table.used > world.used; i++)
        (void)world_turn(1000);
    bool by_a_worker = closer_pending(world.closer) > 0;
    if (!left)
        os_close(fd);
    assert_true(world_until(nobody_is_there));
    return by_a_worker;
}

/* By a worker also where the turn has been long, as it is on a machine that is busy. */
static void who_has_left_is_closed_without_a_worker(void **state) {
    int tries = 0;

    (void)state;
    assert_true(is_closed_by_a_worker(false));
    while (is_closed_by_a_worker(true))
        assert_true(++tries < 100);
}

/* Each close takes about two milliseconds, and together they take longer than a turn may: workers get the others. */
static void many_closes_of_one_turn_are_cut_in_sum(void **state) {
    enum { LEAVERS = 16, SOME_COPIES = 20 };
    static int fds[LEAVERS], copies[LEAVERS][SOME_COPIES], epolls[EPOLLS];
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    bool by_a_worker = false;

    (void)state;
    for (int i = 0; i < EPOLLS; i++)
        epolls[i] = epoll_create1(EPOLL_CLOEXEC);
    for (int k = 0; k < LEAVERS; k++) {
        fds[k] = connect_greeted();
        for (int i = 0; i < SOME_COPIES; i++) {
            copies[k][i] = os_dup(fds[k]);
            for (int j = 0; j < EPOLLS; j++)
                assert_return_code(epoll_ctl(epolls[j], EPOLL_CTL_ADD, copies[k][i], &event), errno);
        }
    }
    assert_true(world_until(nothing_is_being_closed)); /* of the hellos */
    for (int k = 0; k < LEAVERS; k++)
        assert_return_code(shutdown(fds[k], SHUT_RDWR), errno);
    for (int i = 0; i < 1000 && world.sessions.connections; i++) {
        (void)world_turn(0);
        by_a_worker = by_a_worker || closer_pending(world.closer) > 0;
    }
    assert_true(by_a_worker);
    for (int i = 0; i < EPOLLS; i++)
        os_close(epolls[i]);
    for (int k = 0; k < LEAVERS; k++) {
        os_close(fds[k]);
        for (int i = 0; i < SOME_COPIES; i++)
            os_close(copies[k][i]);
    }
    assert_true(world_until(nobody_is_there_in_time));
    world_until_idle();
}

/* A uid that rests is not forgotten with its last connection: a new one is not answered before the rest is over. */
static void who_rests_is_known_after_it_has_gone(void **state) {
    struct user *user = user_ref(&world.users, world.users.own);
    struct refusal refusal;

    (void)state;
    int fd = connect_greeted();
    /* A reply that a timer makes, say. */
    user->lane.rest_until = INT64_MAX - 1;
    (void)refusal_set(&refusal, REFUSAL_INVALID, NULL, NULL, "no");
    connection_refuse(world.sessions.connections, 1, &refusal);
    world_until_idle();
    assert_int_equal(read_all(fd), 0);
    pardon();
    world_until_idle();
    assert_true(read_all(fd) > 0);
    user->lane.owes_until = INT64_MAX;
    os_close(fd);
    assert_true(world_until(nobody_is_there));
    user_unref(user);
    assert_int_equal(world.users.n_owing, 1);
    user->lane.rest_until = INT64_MAX - 1;
    fd = world_connect();
    assert_true(fd >= 0);
    assert_int_equal(world.users.n_owing, 0);
    assert_int_equal(send(fd, hello, sizeof hello, 0), sizeof hello);
    world_until_idle();
    assert_int_equal(read_all(fd), 0);
    pardon();
    world_until_idle();
    assert_true(read_all(fd) > 0);
    os_close(fd);
    assert_true(world_until(nobody_is_there_in_time));
}

/* No turn of its uid comes when a rest is over, and the time for the hello is over all the same. A hello that has come is waited for. */
static void who_says_nothing_is_ended_after_a_rest(void **state) {
    struct user *user = user_ref(&world.users, world.users.own);

    (void)state;
    for (int says = 0; says < 2; says++) {
        int fd = world_connect();
        assert_true(fd >= 0);
        world_until_idle();
        struct loop_timer *timer = &world.sessions.connections->timer;
        user->lane.rest_until = INT64_MAX - 1;
        if (says)
            assert_int_equal(send(fd, hello, sizeof hello, 0), sizeof hello);
        world_until_idle();
        timer->fn(timer);
        assert_non_null(world.sessions.connections);
        user->lane.rest_until = os_now_us();
        timer->fn(timer);
        assert_true(!says == !world.sessions.connections);
        world_until_idle();
        assert_int_equal(world.sessions.n, says);
        os_close(fd);
        assert_true(world_until(the_session_has_ended));
    }
    user_unref(user);
    assert_true(world_until(nobody_is_there));
}

static bool is_read_to_the_end(void) {
    (void)read_all(asking);
    return channel_pending(&world.sessions.connections->channel) == 0;
}

/* Here its reply has waited for room, and is replaced: the connection stays. */
static void who_takes_no_descriptors_is_told(void **state) {
    enum { PASS_RIGHTS = 83 }; /* SO_PASSRIGHTS, since Linux 6.16 */
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HandleOf form = PORTD__V1__HANDLE_OF__INIT;
    struct refusal refusal;
    int takes = 0;

    (void)state;
    asking = world_connect();
    assert_true(asking >= 0);
    assert_int_equal(send(asking, hello, sizeof hello, 0), sizeof hello);
    world_until_idle();
    struct connection *connection = world.sessions.connections;
    if (setsockopt(asking, SOL_SOCKET, PASS_RIGHTS, &takes, sizeof takes) < 0)
        test_skip("the kernel has no SO_PASSRIGHTS");
    (void)refusal_set(&refusal, REFUSAL_INVALID, NULL, NULL, "no");
    while (channel_pending(&connection->channel) == 0) {
        connection_refuse(connection, 1, &refusal);
        connection_flush_all(&world.sessions);
    }
    reply.id = 1;
    reply.result_case = PORTD__V1__REPLY__RESULT_HANDLE;
    reply.handle = &form;
    assert_true(connection_reply_fd(connection, &reply, STDIN_FILENO));
    assert_true(channel_pending(&connection->channel) > 0);
    assert_true(world_until(is_read_to_the_end));
    assert_int_equal(send(asking, ping, sizeof ping, 0), sizeof ping);
    world_until_idle();
    assert_true(read_all(asking) > 0);
    os_close(asking);
    assert_true(world_until(nobody_is_there_in_time));
}

static int withheld_by;
static size_t come_later;

static bool what_was_withheld_has_come(void) {
    come_later += read_all(withheld_by);
    return come_later > 0;
}

/* Replies wait for those before, which take all bytes of the uid; and not for ever, also if the client reads just after the broker has looked. */
static void what_is_withheld_is_sent_later(void **state) {
    struct refusal refusal;

    (void)state;
    world.users.limits[USER_BYTES] = 4096;
    users_renew_limits(&world.users);
    withheld_by = world_connect();
    assert_true(withheld_by >= 0);
    assert_int_equal(send(withheld_by, hello, sizeof hello, 0), sizeof hello);
    world_until_idle();
    struct connection *connection = world.sessions.connections;
    connection->user->used[USER_CONNECTIONS] +=
        CONNECTION_MANY; /* as if there were many: then little is free */
    (void)refusal_set(&refusal, REFUSAL_INVALID, NULL, NULL, "no");
    for (int way = 0; way < 3; way++) {
        while (!connection->indebted) {
            assert_int_equal(send(withheld_by, ping, sizeof ping, 0), sizeof ping);
            world_until_idle();
        }
        do
            connection_refuse(connection, 1, &refusal);
        while (way == 2 &&
               channel_pending(&connection->channel) < 2 * CONNECTION_FREE); /* more than it may have */
        connection_flush_all(&world.sessions);
        assert_true(connection->withheld && channel_pending(&connection->channel) > 0);
        assert_true(read_all(withheld_by) > 0);
        if (way == 1) { /* it has been asked again, and had no debt any more */
            connection_charge_bytes(connection);
            assert_false(connection->indebted);
        }
        come_later = 0;
        assert_true(world_until(what_was_withheld_has_come));
        assert_false(connection->withheld);
    }
    connection->user->used[USER_CONNECTIONS] -= CONNECTION_MANY;
    os_close(withheld_by);
    assert_true(world_until(nobody_is_there_in_time));
}

static bool none_is_checked(void) { return world.sessions.passings.n_connections == 0; }

/* The check that is to be very soon is not put off: not by who hurries next, nor because there was one before whose connection needed none any more. */
static void who_hurries_defers_nobody(void **state) {
    const struct loop_timer *timer = &world.sessions.passings.timer;

    (void)state;
    int fds[] = {connect_greeted(), connect_greeted()};
    struct connection *first = world.sessions.connections, *second = first->next;
    assert_true(world_until(none_is_checked));
    passing_hurry(first);
    const int64_t due = timer->deadline, now = os_now_us();
    while (os_now_us() == now) /* a later deadline is another one */
        ;
    passing_hurry(second);
    assert_int_equal(timer->deadline, due);
    assert_true(world_until(none_is_checked));
    passing_watch(first);
    const int64_t late = timer->deadline;
    passing_hurry(first);
    assert_true(timer->deadline < late || os_now_us() > late - 10000);
    os_close(fds[0]);
    os_close(fds[1]);
    assert_true(world_until(nobody_is_there_in_time));
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
          cmocka_unit_test_setup_teardown(what_takes_long_to_unpack_is_little_of_a_turn, begin, end),
          cmocka_unit_test_setup_teardown(half_a_frame_has_slots_while_it_is_one, begin, end),
          cmocka_unit_test_setup_teardown(what_was_read_before_the_room_was_used_up_is_answered, begin, end),
          cmocka_unit_test_setup_teardown(a_send_that_takes_long_is_the_last_of_its_turn, begin, end),
          cmocka_unit_test_setup_teardown(a_receive_that_takes_long_is_the_last_of_its_turn, begin, end),
          cmocka_unit_test_setup_teardown(a_receive_of_descriptors_costs_little_by_itself, begin, end),
          cmocka_unit_test_setup_teardown(who_has_left_is_closed_without_a_worker, begin, end),
          cmocka_unit_test_setup_teardown(many_closes_of_one_turn_are_cut_in_sum, begin, end),
          cmocka_unit_test_setup_teardown(who_rests_is_known_after_it_has_gone, begin, end),
          cmocka_unit_test_setup_teardown(who_says_nothing_is_ended_after_a_rest, begin, end),
          cmocka_unit_test_setup_teardown(who_takes_no_descriptors_is_told, begin, end),
          cmocka_unit_test_setup_teardown(what_is_withheld_is_sent_later, begin, end),
          cmocka_unit_test_setup_teardown(who_hurries_defers_nobody, begin, end))
