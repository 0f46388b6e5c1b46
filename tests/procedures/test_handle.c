/* test_handle.c: a handle that any event loop can poll, in place of requests. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static bool is_same_file(int a, int b) {
    return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, (unsigned long)a, (unsigned long)b) == 0;
}

/* ---- of a semaphore ----------------------------------------------------------------------------------------------- */

static void of_a_semaphore_is_readable_once_fired(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    int handle = ask_handle(c, s);
    assert_false(ask_handle_ready(handle));
    put(p[1]);
    assert_true(fixture_poll(handle, POLLIN) == POLLIN); /* nobody waits or looks */
    (void)drain(p[0]);
    assert_true(ask_handle_ready(handle));
    int later = ask_handle(c, s);
    assert_true(ask_handle_ready(later));
}

static void of_a_semaphore_made_after_firing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_true(ask_handle_ready(ask_handle(c, s)));
}

static void of_a_semaphore_cannot_be_drained(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t count;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    int handle = ask_handle(c, s), other = ask_handle(c, s);
    assert_int_equal(read(handle, &count, sizeof(count)),
                     -1); /* idle: nothing to read, and it does not block */
    assert_int_equal(errno, EAGAIN);
    put(p[1]);
    assert_until(c, s, READY);
    for (int i = 0; i < 20000; i++)
        (void)!read(handle, &count, sizeof(count));
    assert_true(ask_handle_ready(handle));
    assert_true(ask_handle_ready(other));
}

/* All holders share the flags of an open file: a client makes writes to its handle wait, and fills it. */
static void of_a_semaphore_filled_by_a_client(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    int p[2], handles[3];
    portd_id ids[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        make_pipe(p);
        ids[i] = ask_semaphore(c, p[0], READ);
        handles[i] = ask_handle(c, ids[i]);
        assert_int_equal(fcntl(handles[i], F_SETFL, 0), 0);
        if (i)
            assert_int_equal(eventfd_write(handles[i], i == 1 ? 1 : UINT64_MAX - 1), 0);
        put(p[1]);
        assert_until(other, ask_semaphore(other, p[0], READ), READY);
        assert_until(c, ids[i], READY);
        assert_true(fixture_poll(handles[i], POLLIN) & POLLIN);
        assert_int_equal(portd_ping(other, fixture_soon()), 1);
    }
    assert_int_equal(portd_release(c, ids, 3, fixture_soon()), 1);
}

static void of_a_removed_semaphore(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int handle = ask_handle(c, ask_semaphore(c, p[0], READ));
    ask_no_semaphores(c, p[0]);
    assert_true(ask_handle_ready(handle));
}

static void of_a_semaphore_does_not_fire_when_the_broker_dies(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    put(q[1]);
    int idle = ask_handle(c, ask_semaphore(c, p[0], READ)),
        fired = ask_handle(c, ask_semaphore(c, q[0], READ));
    fixture_kill(fixture_broker());
    assert_false(ask_handle_ready(idle));
    assert_true(ask_handle_ready(fired));
    put(p[1]);
    assert_false(ask_handle_ready(idle)); /* nobody is left to post it: it is only not false */
}

/* ---- of an event --------------------------------------------------------------------------------------------------- */

static void of_an_event_follows_exactly(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    int handle = ask_handle(c, e);
    for (int i = 0; i < 50; i++) {
        assert_false(ask_handle_ready(handle));
        put(p[1]);
        assert_true(ask_handle_ready(handle)); /* at once: the broker has no part in it */
        assert_true(ask_handle_ready(handle));
        (void)drain(p[0]);
    }
    assert_false(ask_handle_ready(handle));
    ask_no_evts(c, p[0]);
    assert_true(ask_handle_ready(handle));
    put(p[1]);
    (void)drain(p[0]);
    assert_true(ask_handle_ready(handle)); /* for ever */
    int new = ask_handle(c, ask_evt(c, p[0], READ));
    assert_false(ask_handle_ready(new));
    assert_true(ask_handle_ready(ask_handle(c, e)));
}

static void of_a_removed_event_made_late(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    ask_no_evts(c, p[0]);
    assert_true(ask_handle_ready(ask_handle(c, e)));
}

static void of_an_event_has_a_direction(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    int r = ask_handle(c, ask_evt(c, p[0], READ)), w = ask_handle(c, ask_evt(c, p[0], WRITE));
    assert_false(is_same_file(r, w));
    assert_false(ask_handle_ready(r));
    assert_true(ask_handle_ready(w));
    (void)fill(p[0]);
    assert_false(ask_handle_ready(w));
    assert_int_equal(shutdown(p[1], SHUT_WR), 0); /* half-close is of read only */
    assert_true(ask_handle_ready(r));
    assert_false(ask_handle_ready(w));
    fixture_close(p[1]); /* hang-up and error are of both */
    assert_true(ask_handle_ready(r));
    assert_true(ask_handle_ready(w));
}

static void of_an_event_with_the_wrong_direction(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int handle = ask_handle(c, ask_evt(c, p[0], WRITE));
    put(p[1]);
    assert_false(ask_handle_ready(handle));
    fixture_close(p[1]);
    assert_true(ask_handle_ready(handle));
}

static void of_an_event_outlives_the_broker(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int handle = ask_handle(c, ask_evt(c, p[0], READ));
    fixture_kill(fixture_broker());
    assert_false(ask_handle_ready(handle));
    put(p[1]);
    assert_true(ask_handle_ready(handle));
    (void)drain(p[0]);
    assert_false(ask_handle_ready(handle));
}

/* What makes it readable for its end is the broker's: without the broker it follows the descriptor. */
static void of_a_removed_event_follows_its_descriptor_when_the_broker_dies(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    int handle = ask_handle(c, e);
    assert_int_equal(portd_remove(c, e, fixture_soon()), 1);
    assert_true(ask_handle_ready(handle));
    fixture_kill(fixture_broker());
    assert_false(ask_handle_ready(handle));
    put(p[1]);
    assert_true(ask_handle_ready(handle));
}

/* An epoll descriptor keeps nothing open. */
static void of_an_event_whose_only_copy_dies_with_the_broker(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int handle = ask_handle(c, ask_evt(c, p[0], READ));
    put(p[1]);
    assert_true(ask_handle_ready(handle));
    fixture_close(p[0]);
    assert_true(ask_handle_ready(handle));
    fixture_kill(fixture_broker());
    assert_false(ask_handle_ready(handle));
}

static void of_an_event_whose_session_ends(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int of_e = ask_handle(c, ask_evt(c, p[0], READ)), of_s = ask_handle(c, ask_semaphore(c, p[0], READ));
    fixture_disconnect(c);
    assert_true(fixture_poll(of_e, POLLIN) == POLLIN);
    assert_true(fixture_poll(of_s, POLLIN) == POLLIN);
    fixture_until_fds(fixture_broker(), 0);
}

static void of_an_event_that_is_replaced(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    int old = ask_handle(c, ask_evt(c, p[0], READ));
    make_at(q[0], p[0]);
    int new = ask_handle(c, ask_evt(c, p[0], READ));
    assert_true(ask_handle_ready(old));
    assert_false(ask_handle_ready(new));
    put(q[1]);
    assert_true(ask_handle_ready(new));
}

/* ---- both --------------------------------------------------------------------------------------------------------- */

static void one_per_session_and_object(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id ids[2] = {ask_semaphore(c, p[0], READ), ask_evt(c, p[0], READ)};
    for (int i = 0; i < 2; i++) {
        int first = ask_handle(c, ids[i]);
        assert_true(ask_item(c, ids[i]).handle);
        assert_true(is_same_file(first, ask_handle(c, ids[i])));
        assert_true(is_same_file(first, ask_handle(other, ids[i])));
        assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
    }
    assert_false(is_same_file(ask_handle(c, ids[0]), ask_handle(c, ids[1])));
    fixture_until_fds(fixture_broker(),
                      2 + 1 + 2 + 1); /* connections, the copy, the handles, the event's wakeup */
}

static void is_closed_by_its_holder_alone(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    int of_s = ask_handle(c, s), of_e = ask_handle(c, e);
    fixture_close(of_s);
    fixture_close(of_e);
    of_s = ask_handle(c, s), of_e = ask_handle(c, e);
    assert_false(ask_handle_ready(of_s));
    put(p[1]);
    assert_true(ask_handle_ready(of_e));
    assert_true(fixture_poll(of_s, POLLIN) == POLLIN);
    assert_cause(c, s, READY);
}

static void lies_in_an_epoll_of_the_client(void **state) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = 7};
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int handle = ask_handle(c, ask_evt(c, p[0], READ)), epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, handle, &event), 0);
    assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
    put(p[1]);
    assert_int_equal(epoll_wait(epoll, &event, 1, FIXTURE_PATIENCE_MS), 1);
    assert_int_equal(event.data.u32, 7);
}

static void of_an_epoll_descriptor(void **state) {
    struct epoll_event event = {.events = EPOLLIN};
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event), 0);
    int handle = ask_handle(c, ask_evt(c, epoll, READ));
    assert_false(ask_handle_ready(handle));
    put(p[1]);
    assert_true(ask_handle_ready(handle));
    (void)drain(p[0]);
    assert_false(ask_handle_ready(handle));
}

struct armed {
    bool done;
    int code;
    portd_native handle;
};

static void on_armed(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(struct armed *)data = (struct armed){true, result->code, result->handle};
}

/* An exact handle needs no arming, but the answer is true: of a live object, of one that has ended, of one that is gone. */
static void is_armed_while_its_object_is_there(void **state) {
    portd_client *c = fixture_client(NULL);
    struct armed armed = {0};
    portd_native handle = -1;
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id e = ask_evt(c, p[0], READ), unasked = ask_evt(c, q[0], READ);
    assert_int_equal(portd_handle_arm(c, e, fixture_soon(), &handle), 1);
    fixture_own((int)handle);
    portd_native before = handle;
    size_t fds = fixture_fds(getpid());
    assert_int_equal(portd_handle_arm(c, e, fixture_soon(), &handle), 1);
    put(p[1]);
    assert_int_equal(portd_handle_arm_start(c, e, handle, on_armed, &armed, NULL), 1);
    while (!armed.done)
        assert_true(portd_poll(c, fixture_soon()) > 0);
    assert_int_equal(armed.code, 1);
    assert_int_equal(armed.handle, -1);
    assert_true(ask_handle_ready((int)handle));
    assert_int_equal(portd_handle_arm(c, unasked, fixture_soon(), &handle), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_remove(c, e, fixture_soon()), 1);
    assert_int_equal(portd_handle_arm(c, e, fixture_soon(), &handle), 1);
    assert_int_equal(portd_release(c, &e, 1, fixture_soon()), 1);
    assert_int_equal(portd_handle_arm(c, e, fixture_soon(), &handle), PORTD_E_NOT_FOUND);
    assert_int_equal(handle, before);
    assert_int_equal(fixture_fds(getpid()), fds);
    fixture_kill(fixture_broker());
    assert_int_equal(portd_handle_arm(c, unasked, fixture_soon(), &handle), PORTD_E_DISCONNECTED);
    assert_int_equal(handle, before);
}

static void of_what_is_none(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    portd_native handle = 5;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ), never = e + (1000 << 3);
    assert_int_equal(portd_handle_dup(stranger, e, fixture_soon(), &handle), PORTD_E_NOT_FOUND);
    assert_int_equal(handle, -1);
    assert_int_equal(portd_handle_dup(c, never, fixture_soon(), &handle), PORTD_E_NOT_FOUND);
    assert_true(portd_handle_dup(c, ask_item(c, e).descriptor, fixture_soon(), &handle) < 0);
    assert_false(ask_item(c, e).handle);
}

TEST_MAIN(FIXTURE_CASE(of_a_semaphore_is_readable_once_fired), FIXTURE_CASE(of_a_semaphore_made_after_firing),
          FIXTURE_CASE(of_a_semaphore_cannot_be_drained), FIXTURE_CASE(of_a_semaphore_filled_by_a_client),
          FIXTURE_CASE(of_a_removed_semaphore),
          FIXTURE_CASE(of_a_semaphore_does_not_fire_when_the_broker_dies),
          FIXTURE_CASE(of_an_event_follows_exactly), FIXTURE_CASE(of_a_removed_event_made_late),
          FIXTURE_CASE(of_an_event_has_a_direction), FIXTURE_CASE(of_an_event_with_the_wrong_direction),
          FIXTURE_CASE(of_an_event_outlives_the_broker),
          FIXTURE_CASE(of_a_removed_event_follows_its_descriptor_when_the_broker_dies),
          FIXTURE_CASE(of_an_event_whose_only_copy_dies_with_the_broker),
          FIXTURE_CASE(of_an_event_whose_session_ends), FIXTURE_CASE(of_an_event_that_is_replaced),
          FIXTURE_CASE(one_per_session_and_object), FIXTURE_CASE(is_closed_by_its_holder_alone),
          FIXTURE_CASE(lies_in_an_epoll_of_the_client), FIXTURE_CASE(of_an_epoll_descriptor),
          FIXTURE_CASE(is_armed_while_its_object_is_there), FIXTURE_CASE(of_what_is_none))
