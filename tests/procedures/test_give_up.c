/* test_give_up.c: calls that make something end before their reply comes: at their deadline, by portd_wakeup or by portd_cancel. What they
 * have made is gone, unless the program has repeated the call and got it: then it is as if the first call had not been.
 *
 * The broker is stopped while a call ends, so no reply can come before. The reply to the first call is read before the
 * second one is sent, or after: both orders are tried. */
#include "ask.h"
#include "descriptors.h"

#include <sys/epoll.h>
#include <sys/socket.h>

struct heard {
    int calls;
    int code;
    unsigned flags;
    portd_id id;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->calls++;
    heard->code = result->code;
    heard->flags = result->flags;
    heard->id = result->id;
}

enum way { AT_DEADLINE, BY_WAKEUP, BY_CANCEL, WAYS };
enum what { SEMAPHORE, EVT, WHATS };

static int start(portd_client *c, enum what what, int fd, int mode, struct heard *heard,
                 portd_request **request) {
    *heard = (struct heard){0};
    return what == EVT ? portd_fd_to_evt_start(c, fd, mode, PORTD_FD, hear, heard, request)
                       : portd_fd_to_semaphore_start(c, fd, mode, hear, heard, request);
}

static void await(portd_client *c, const struct heard *heard) {
    while (heard->calls == 0)
        assert_int_equal(portd_poll(c, fixture_soon()), 1);
}

/* A call that the broker has, or will have, and that ends before its reply. The broker is stopped. */
static void give_up(portd_client *c, enum what what, int fd, int mode, enum way way) {
    portd_request *request;
    struct heard heard;
    portd_id id = 1;

    if (way == BY_CANCEL) {
        assert_int_equal(start(c, what, fd, mode, &heard, &request), 1);
        assert_true(portd_process(c) >= 0); /* it is sent, and replies to earlier ones are read */
        portd_cancel(request);
        await(c, &heard);
        assert_int_equal(heard.code, PORTD_E_CANCELLED);
        return;
    }
    if (way == BY_WAKEUP)
        assert_int_equal(portd_wakeup(c), 1);
    int64_t deadline = way == BY_WAKEUP ? PORTD_FOREVER : 0;
    int code = what == EVT ? portd_fd_to_evt(c, fd, mode, PORTD_FD, deadline, &id)
                           : portd_fd_to_semaphore(c, fd, mode, deadline, &id);
    assert_int_equal(code, way == BY_WAKEUP ? PORTD_E_INTERRUPTED : PORTD_E_TIMEOUT);
    assert_true(id == 0);
}

/* The late replies have been read, and the broker has done what the library then asked for. */
static void settle(portd_client *c) {
    for (int i = 0; i < 2; i++)
        assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

static portd_id ask(portd_client *c, enum what what, int fd, int mode) {
    return what == EVT ? ask_evt(c, fd, mode) : ask_semaphore(c, fd, mode);
}

static uint32_t objects(portd_client *c) { return ask_item(c, portd_session_id(c)).objects; }

/* It becomes ready and keeps its id. */
static void check_lasts(portd_client *c, portd_id id, int writer) {
    assert_cause(c, id, IDLE);
    put(writer);
    assert_until(c, id, READY);
    settle(c);
    assert_cause(c, id, READY);
    assert_int_equal(objects(c), 1);
}

static void check_retry_after_the_reply(enum what what, enum way way, int times) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    make_pipe(p);
    fixture_hold_broker();
    for (int i = 0; i < times; i++)
        give_up(c, what, p[0], READ, way);
    fixture_continue_broker();
    settle(c);
    assert_int_equal(objects(c), 0);
    assert_none(ask(c, what, p[0], CHECK_READ));
    portd_id id = ask(c, what, p[0], READ);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    check_lasts(c, id, p[1]);
}

static void check_retry_before_the_reply(enum what what, enum way way, int times) {
    portd_client *c = fixture_client(NULL);
    struct heard heard;
    int p[2];

    make_pipe(p);
    fixture_hold_broker();
    for (int i = 0; i < times; i++)
        give_up(c, what, p[0], READ, way);
    assert_int_equal(start(c, what, p[0], READ, &heard, NULL), 1);
    assert_int_equal(portd_process(c), 0);
    fixture_continue_broker();
    await(c, &heard);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.flags, 0); /* the first call has made it */
    check_lasts(c, heard.id, p[1]);
}

/* Each time the retry ends too early as well, but the last; replies come in between, at any moment. */
static void check_many_retries(enum what what, enum way way) {
    portd_client *c = fixture_client(NULL);
    struct heard heard;
    int p[2];

    make_pipe(p);
    for (int i = 0; i < 6; i++) {
        fixture_hold_broker();
        give_up(c, what, p[0], READ, way);
        if (i % 2)
            give_up(c, what, p[0], READ, way);
        fixture_continue_broker();
        if (i % 3 == 2)
            assert_int_equal(portd_ping(c, fixture_soon()), 1);
    }
    assert_int_equal(start(c, what, p[0], READ, &heard, NULL), 1);
    await(c, &heard);
    assert_int_equal(heard.code, 1);
    check_lasts(c, heard.id, p[1]);
}

static void retry_after_the_late_reply(void **state) {
    (void)state;
    for (int what = 0; what < WHATS; what++)
        for (int way = 0; way < WAYS; way++)
            for (int times = 1; times <= 3; times++)
                check_retry_after_the_reply((enum what)what, (enum way)way, times);
}

static void retry_before_the_late_reply(void **state) {
    (void)state;
    for (int what = 0; what < WHATS; what++)
        for (int way = 0; way < WAYS; way++)
            for (int times = 1; times <= 3; times++)
                check_retry_before_the_reply((enum what)what, (enum way)way, times);
}

static void many_retries(void **state) {
    (void)state;
    for (int what = 0; what < WHATS; what++)
        for (int way = 0; way < WAYS; way++)
            check_many_retries((enum what)what, (enum way)way);
}

/* The program has the object already, of an earlier call, or another client of the session has: it is theirs as before. */
static void what_another_call_has_returned_stays(void **state) {
    (void)state;
    for (int what = 0; what < WHATS; what++) {
        portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
        int p[2];
        make_pipe(p);
        portd_id id = ask(other, (enum what)what, p[0], READ);
        fixture_hold_broker();
        give_up(c, (enum what)what, p[0], READ, AT_DEADLINE);
        fixture_continue_broker();
        settle(c);
        assert_same(ask(other, (enum what)what, p[0], CHECK_READ), id);
        check_lasts(other, id, p[1]);
    }
}

/* Another client of the session has got the object before the library learns that there is one. */
static void what_another_client_has_got_meanwhile_stays(void **state) {
    (void)state;
    for (int what = 0; what < WHATS; what++) {
        portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
        int p[2];
        make_pipe(p);
        fixture_hold_broker();
        give_up(c, (enum what)what, p[0], READ, AT_DEADLINE);
        fixture_continue_broker();
        while (ask(other, (enum what)what, p[0], CHECK_READ) == 0) /* the first call has not made it yet */
            continue;
        portd_id id = ask(other, (enum what)what, p[0], READ);
        assert_int_equal(portd_last_flags(other), 0);
        settle(c);
        check_lasts(other, id, p[1]);
    }
}

/* The semaphore fires before the late reply is read: the retry, after that, makes another one. */
static void it_fires_meanwhile(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    fixture_hold_broker();
    give_up(c, SEMAPHORE, p[0], READ, AT_DEADLINE);
    fixture_continue_broker();
    portd_id id = ask_semaphore(other, p[0], READ);
    assert_cause(other, id, READY);
    settle(c);
    assert_cause(other, id, READY);
    assert_int_equal(objects(other), 1);
}

/* A call that was released before, and is released for good if nobody wants the result of the retry. */
static void a_release_holds_again(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id id = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_release(c, &id, 1, fixture_soon()), 1);
    fixture_hold_broker();
    give_up(c, SEMAPHORE, p[0], READ, AT_DEADLINE);
    fixture_continue_broker();
    settle(c);
    assert_cause(c, id, IDLE);
    struct inflight *wait = ask_park_one(c, id, 0);
    put(p[1]);
    assert_answer(wait, id, READY);
    assert_int_equal(portd_wait(c, &id, 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
}

/* The broker keeps no copy: the peer sees the end once the program has closed its own. */
static void nothing_is_kept(void **state) {
    (void)state;
    for (int what = 0; what < WHATS; what++)
        for (int way = 0; way < WAYS; way++) {
            portd_client *c = fixture_client(NULL);
            int p[2];
            make_pipe(p);
            (void)fill(p[1]); /* else the semaphore would fire */
            fixture_hold_broker();
            give_up(c, (enum what)what, p[1], WRITE, (enum way)way);
            give_up(c, (enum what)what, p[1], WRITE, (enum way)way);
            fixture_continue_broker();
            settle(c);
            assert_int_equal(objects(c), 0);
            fixture_close(p[1]);
            (void)drain(p[0]);
            until_end(p[0]);
            fixture_disconnect(c);
        }
}

/* Of the same number: other objects stay as they are. */
static void other_objects_of_the_number_stay(void **state) {
    portd_client *c = fixture_client(NULL);
    int s[2];

    (void)state;
    make_pair(SOCK_STREAM, s);
    (void)fill(s[0]);
    portd_id semaphore = ask_semaphore(c, s[0], READ), evt = ask_evt(c, s[0], READ);
    fixture_hold_broker();
    give_up(c, SEMAPHORE, s[0], WRITE, AT_DEADLINE);
    give_up(c, EVT, s[0], WRITE, AT_DEADLINE);
    fixture_continue_broker();
    settle(c);
    assert_int_equal(objects(c), 2);
    assert_cause(c, semaphore, IDLE);
    assert_cause(c, evt, IDLE);
    put(s[1]);
    assert_until(c, semaphore, READY);
    assert_until(c, evt, READY);
}

/* Its ports are closed and their ids gone, but the program has closed nothing: semaphores of the number stay. */
static void a_wrap_is_undone(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id ports[2];
    int s[2];

    (void)state;
    for (int socket = 0; socket < 2; socket++) {
        make_pair(SOCK_STREAM, s);
        (void)fill(s[0]);
        portd_id semaphore = ask_semaphore(c, s[0], READ);
        uint32_t before = objects(c);
        fixture_hold_broker();
        int code = socket ? portd_socket_to_port(c, s[0], "n", 0, 0, &ports[0], &ports[1])
                          : portd_fd_to_port(c, s[0], "n", PORTD_WRITE, 0, &ports[0], &ports[1]);
        assert_int_equal(code, PORTD_E_TIMEOUT);
        fixture_continue_broker();
        settle(c);
        assert_int_equal(objects(c), before);
        assert_cause(c, semaphore, IDLE);
        ask_no_semaphores(c, s[0]);
        fixture_close(s[0]);
        (void)drain(s[1]);
        until_end(s[1]);
    }
}

/* The broker asks a thread of its own before it makes these, so the reply comes later than others. */
static void of_a_descriptor_that_a_thread_polls(void **state) {
    (void)state;
    for (int what = 0; what < WHATS; what++)
        for (int before = 0; before < 2; before++) {
            portd_client *c = fixture_client(NULL);
            struct epoll_event event = {.events = EPOLLIN};
            int p[2], epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
            struct heard heard;
            make_pipe(p);
            assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event), 0);
            fixture_hold_broker();
            give_up(c, (enum what)what, epoll, READ, AT_DEADLINE);
            if (before)
                assert_int_equal(start(c, (enum what)what, epoll, READ, &heard, NULL), 1);
            fixture_continue_broker();
            if (!before)
                assert_int_equal(start(c, (enum what)what, epoll, READ, &heard, NULL), 1);
            await(c, &heard);
            assert_int_equal(heard.code, 1);
            check_lasts(c, heard.id, p[1]);
            fixture_disconnect(c);
            fixture_until_fds(fixture_broker(), 0);
        }
}

TEST_MAIN(FIXTURE_CASE(retry_after_the_late_reply), FIXTURE_CASE(retry_before_the_late_reply),
          FIXTURE_CASE(many_retries), FIXTURE_CASE(what_another_call_has_returned_stays),
          FIXTURE_CASE(what_another_client_has_got_meanwhile_stays), FIXTURE_CASE(it_fires_meanwhile),
          FIXTURE_CASE(a_release_holds_again), FIXTURE_CASE(nothing_is_kept),
          FIXTURE_CASE(other_objects_of_the_number_stay), FIXTURE_CASE(a_wrap_is_undone),
          FIXTURE_CASE(of_a_descriptor_that_a_thread_polls))
