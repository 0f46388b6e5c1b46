/* test_listener.c: a listener whose accept fails is left alone for a while, and no longer. */

#include "tests/support/test.h"

#include "daemon/access/fd_table.h"
#include "daemon/object/registry.h"
#include "daemon/session/listener.h"
#include "daemon/session/session.h"
#include "tests/support/loop_fake.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { LIMIT = 4096 };

static struct sessions sessions;
static struct registry registry;
static struct fd_table fd_table;
static struct listener listener;

static void begin(os_fd fd) {
    fd_table_init(&fd_table, LIMIT, 0);
    registry = (struct registry){.env = {.fd_table = &fd_table}};
    sessions = (struct sessions){.loop = loop_new(), .env = &registry.env, .registry = &registry};
    assert_non_null(sessions.loop);
    assert_int_equal(listener_open(&listener, fd, &sessions, NULL), 0);
    assert_int_equal(listener.watch.interest, LOOP_READ);
}

static void end(os_fd fd) {
    listener_close(&listener);
    assert_int_equal(loop_fake_watches(sessions.loop), 0);
    assert_int_equal(loop_fake_next(sessions.loop), INT64_MAX);
    loop_free(sessions.loop);
    os_close(fd);
}

/* With a name that the kernel chooses. */
static os_fd listen_anywhere(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    os_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void an_empty_queue_is_waited_for(void **state) {
    os_fd fd = listen_anywhere();

    (void)state;
    begin(fd);
    assert_true(loop_fake_tell(&listener.watch, LOOP_READ));
    assert_int_equal(listener.watch.interest, LOOP_READ);
    assert_int_equal(loop_fake_next(sessions.loop), INT64_MAX);
    end(fd);
}

/* A pipe, of which accept says that it is no socket: as after any error, clients would still wait there. */
static void what_fails_is_tried_again_later(void **state) {
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    begin(ends[0]);
    for (int i = 0; i < 3; i++) {
        assert_true(loop_fake_tell(&listener.watch, LOOP_READ));
        assert_int_equal(listener.watch.interest, 0);
        assert_true(loop_fake_next(sessions.loop) > os_now_us() - 1);
        assert_int_equal(loop_fake_reach(sessions.loop, INT64_MAX), 1);
        assert_int_equal(listener.watch.interest, LOOP_READ);
        assert_int_equal(loop_fake_next(sessions.loop), INT64_MAX);
    }
    end(ends[0]);
    os_close(ends[1]);
}

static void a_watch_that_fails_is_tried_again(void **state) {
    os_fd fd = listen_anywhere();

    (void)state;
    begin(fd);
    fd_table_take(&fd_table, LIMIT);
    assert_true(loop_fake_tell(&listener.watch, LOOP_READ));
    assert_int_equal(listener.watch.interest, 0);
    assert_int_equal(loop_fake_reach(sessions.loop, INT64_MAX), 1); /* there is no room yet */
    assert_int_equal(listener.watch.interest, 0);
    fd_table_give(&fd_table, LIMIT);
    loop_fake_fail_set(sessions.loop, -ENOSPC);
    assert_int_equal(loop_fake_reach(sessions.loop, INT64_MAX), 1);
    assert_int_equal(listener.watch.interest, 0);
    assert_int_equal(loop_fake_reach(sessions.loop, INT64_MAX), 1);
    assert_int_equal(listener.watch.interest, LOOP_READ);
    end(fd);
}

/* Any process that shares it can do that, and none can undo it. */
static void one_that_was_shut_down_is_left_alone(void **state) {
    os_fd fd = listen_anywhere();

    (void)state;
    begin(fd);
    assert_int_equal(shutdown(fd, SHUT_RD), 0);
    assert_true(loop_fake_tell(&listener.watch, LOOP_READ));
    assert_int_equal(loop_fake_watches(sessions.loop), 0);
    assert_int_equal(loop_fake_next(sessions.loop), INT64_MAX);
    end(fd);
}

TEST_MAIN(TEST_CASE(an_empty_queue_is_waited_for), TEST_CASE(what_fails_is_tried_again_later),
          TEST_CASE(a_watch_that_fails_is_tried_again), TEST_CASE(one_that_was_shut_down_is_left_alone))
