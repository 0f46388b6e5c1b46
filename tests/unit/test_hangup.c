/* test_hangup.c: whether the client of a connection is gone, also while what it has sent is not read. */
#include "tests/support/test.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/user.h"
#include "daemon/object/env.h"
#include "daemon/session/connection.h"
#include "daemon/session/session.h"
#include "tests/support/line.h"
#include "tests/support/receive.h"
#include "utlist.h"

enum { N = 3, LIMIT = 20000, RESTS_US = 60000000 };

static struct loop *loop;
static struct fd_table fd_table;
static struct users users;
static struct user *user;
static struct env env;
static struct sessions sessions;
static struct connection connections[N];
static struct transport clients[N];
static struct connection *gone;
static size_t n_gone;

static void end_connection(struct connection *connection, const char *reason) {
    (void)reason;
    gone = connection;
    n_gone++;
    hangups_forget(&sessions.hangups, connection);
    DL_DELETE(sessions.connections, connection);
    loop_stop(loop);
}

/* Connections of a uid that rests. */
static void begin(void) {
    loop = loop_new();
    assert_non_null(loop);
    fd_table_init(&fd_table, LIMIT, 0);
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 1);
    assert_non_null(user);
    user->lane.rest_until = users.turns.rests_until = os_now_us() + RESTS_US;
    env = (struct env){.loop = loop, .users = &users};
    sessions = (struct sessions){.loop = loop, .env = &env};
    gone = NULL;
    n_gone = 0;
    for (size_t i = 0; i < N; i++) {
        connections[i] = (struct connection){.all = &sessions, .user = user};
        line_open(&connections[i].channel.transport, &clients[i]);
        connections[i].watch.fd = transport_pollable(connections[i].channel.transport);
        DL_APPEND(sessions.connections, &connections[i]);
    }
    assert_int_equal(hangups_init(&sessions, end_connection), 0);
}

static void end(void) {
    hangups_deinit(&sessions);
    for (size_t i = 0; i < N; i++) {
        transport_close(connections[i].channel.transport);
        transport_close(clients[i]);
    }
    user->lane.rest_until = 0;
    user_unref(user);
    users_deinit(&users, false);
    loop_free(loop);
}

static void leave(size_t i) {
    transport_close(clients[i]);
    clients[i] = transport_none();
}

static void say(size_t i) {
    assert_int_equal(transport_send(clients[i], "not read", 8, NULL, 0), 8);
    line_await(transport_pollable(connections[i].channel.transport));
}

static void one_that_is_there_has_not_left(void **state) {
    (void)state;
    begin();
    assert_false(hangup_has_left(&connections[0]));
    say(0);
    assert_false(hangup_has_left(&connections[0]));
    end();
}

static void one_that_has_left_is_known(void **state) {
    (void)state;
    begin();
    leave(0);
    assert_true(hangup_has_left(&connections[0]));
    assert_false(hangup_has_left(&connections[1]));
    end();
}

/* Nothing is read for that. */
static void one_that_has_left_bytes_is_known(void **state) {
    char bytes[16];
    os_fd fds[FRAME_FDS_ROOM];
    size_t n_fds;
    bool truncated;

    (void)state;
    begin();
    say(0);
    leave(0);
    assert_true(hangup_has_left(&connections[0]));
    assert_int_equal(
        receive_from(connections[0].channel.transport, bytes, sizeof(bytes), fds, &n_fds, &truncated), 8);
    assert_memory_equal(bytes, "not read", 8);
    end();
}

/* Of those that are not read the one that has left is ended, and not the others, long before the rest is over. */
static void a_walk_finds_who_has_left(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < N; i++)
        say(i);
    leave(1);
    hangups_after(&sessions);
    assert_true(sessions.hangups.set);
    assert_int_equal(loop_run(loop), 0);
    assert_true(lane_rests(&user->lane));
    assert_ptr_equal(gone, &connections[1]);
    assert_int_equal(n_gone, 1);
    end();
}

TEST_MAIN(TEST_CASE(one_that_is_there_has_not_left), TEST_CASE(one_that_has_left_is_known),
          TEST_CASE(one_that_has_left_bytes_is_known), TEST_CASE(a_walk_finds_who_has_left))
