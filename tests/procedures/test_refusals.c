/* test_refusals.c: refused calls give a reason and change nothing; and the epoll descriptors that are accepted. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef int create_call(portd_client *client, portd_native fd, int mode, portd_id *id);

static int call_fd(portd_client *client, portd_native fd, int mode, portd_id *id) {
    return portd_fd_to_semaphore(client, fd, mode, fixture_soon(), id);
}

static int call_socket(portd_client *client, portd_native fd, int mode, portd_id *id) {
    return portd_socket_to_semaphore(client, fd, mode, fixture_soon(), id);
}

static int call_evt(portd_client *client, portd_native fd, int mode, portd_id *id) {
    return portd_fd_to_evt(client, fd, mode, PORTD_FD, fixture_soon(), id);
}

static create_call *const calls[] = {call_fd, call_socket, call_evt};
enum { CALLS = 3 };

/* All three calls in both directions refuse it, say why, and keep nothing. */
static void check_refused(portd_client *c, int fd) {
    uint32_t objects = ask_item(c, portd_session_id(c)).objects;

    for (int i = 0; i < CALLS; i++) {
        for (int mode = READ; mode <= WRITE; mode++) {
            portd_id id = 77;
            assert_int_equal(calls[i](c, fd, mode, &id), PORTD_E_INVALID);
            assert_none(id);
            assert_string_not_equal(portd_last_error(c), "");
            assert_string_not_equal(portd_last_field(c), "");
        }
    }
    assert_none(ask_semaphore(c, fd, CHECK_READ));
    assert_none(ask_evt(c, fd, CHECK_READ));
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, objects);
}

/* ---- descriptors -------------------------------------------------------------------------------------------------- */

static void x13_k44_a_path(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    check_refused(c, fixture_own(open("/", O_PATH | O_CLOEXEC)));
    check_refused(c, fixture_own(open("/dev/null", O_PATH | O_CLOEXEC)));
    fixture_until_fds(fixture_broker(), 1);
}

static void k60_k61_a_signalfd(void **state) {
    portd_client *c = fixture_client(NULL);
    sigset_t signals;

    (void)state;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGUSR2);
    check_refused(c, fixture_own(signalfd(-1, &signals, SFD_CLOEXEC)));
    fixture_until_fds(fixture_broker(), 1);
}

static void the_brokers_own_connections(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);

    (void)state;
    int own = (int)portd_get_fd(c);
    check_refused(c, own);
    check_refused(c, make_dup(own));
    check_refused(c, (int)portd_get_fd(other));
    assert_int_equal(portd_ping(other, fixture_soon()), 1);
    fixture_until_fds(fixture_broker(), 2);
}

static int raw_connection(const char *address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

    assert_true(strncmp(address, "unix:", 5) == 0 && strlen(address + 5) < sizeof(name.sun_path));
    memcpy(name.sun_path, address + 5, strlen(address + 5));
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static void a_connection_that_has_not_said_hello(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    check_refused(c, raw_connection(fixture_address()));
}

/* Of one broker only: that of another one is a socket like others. */
static void the_connection_to_another_broker_is_a_socket(void **state) {
    portd_client *c = fixture_client(NULL);
    static struct fixture second; /* outlives the case: its teardown looks at it */

    (void)state;
    fixture_start(&second, NULL);
    portd_client *other = fixture_client_at(second.address, NULL);
    portd_id e = ask_evt(c, (int)portd_get_fd(other), READ);
    assert_cause(c, e, IDLE);
    ask_no_evts(c, (int)portd_get_fd(other));
    assert_int_equal(portd_ping(other, fixture_soon()), 1);
    fixture_disconnect(other);
    fixture_stop(&second);
}

static void what_is_registered_already_stays(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    struct inflight *wait = ask_park_one(c, e, 0);
    int path = fixture_own(open("/", O_PATH | O_CLOEXEC));
    make_at(path, p[0]);
    portd_id id;
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(calls[i](c, p[0], READ, &id), PORTD_E_INVALID);
    assert_same(s, ask_semaphore(c, p[0], CHECK_READ));
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    assert_true(ask_still_inflight(wait));
    put(p[1]);
    assert_answer(wait, e, READY);
    assert_until(c, s, READY);
}

/* ---- numbers and modes -------------------------------------------------------------------------------------------- */

static void x05_x06_e18_numbers_that_are_not_open(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id id;
    int p[2];

    (void)state;
    make_pipe(p);
    int closed = p[0];
    fixture_close(closed);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(calls[i](c, 900, READ, &id), PORTD_E_INVALID);
        assert_int_equal(portd_last_errno(c), EBADF);
        assert_int_equal(calls[i](c, closed, READ, &id), PORTD_E_INVALID);
        assert_int_equal(portd_last_errno(c), EBADF);
        assert_string_not_equal(portd_last_error(c), "");
        assert_int_equal(calls[i](c, 900, CHECK_READ, &id), 0);
        assert_int_equal(calls[i](c, 900, REMOVE, &id), 0);
    }
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

static void x07_x08_e19_e27_numbers_that_are_none(void **state) {
    static const portd_native numbers[] = {-1, -2, INT32_MIN};
    portd_client *c = fixture_client(NULL);
    portd_id id;
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    portd_id e = ask_evt(c, p[0], READ);
    for (int i = 0; i < CALLS; i++) {
        for (int mode = READ; mode <= REMOVE; mode++) {
            for (size_t n = 0; n < sizeof(numbers) / sizeof(*numbers); n++)
                assert_int_equal(calls[i](c, numbers[n], mode, &id), PORTD_E_INVALID);
            if (sizeof(portd_native) == sizeof(int))
                continue; /* there is no longer number on this processor */
            /* 2^32 and some: not cut to the number of a descriptor that is open */
            assert_int_equal(calls[i](c, (portd_native)((INT64_C(1) << 32) + p[0]), mode, &id),
                             PORTD_E_INVALID);
            assert_int_equal(calls[i](c, (portd_native)(INT64_C(1) << 31), mode, &id), PORTD_E_INVALID);
        }
    }
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, 1);
}

static void x01_x15_e21_e28_modes_that_are_none(void **state) {
    static const int modes[] = {0, -1, 6, 99, INT32_MAX};
    portd_client *c = fixture_client(NULL);
    portd_id id;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
        for (int i = 0; i < CALLS; i++) {
            assert_int_equal(calls[i](c, p[0], modes[m], &id), PORTD_E_INVALID);
            assert_string_equal(portd_last_field(c), "mode");
        }
    }
    assert_int_equal(portd_fd_to_evt(c, p[0], READ, 2, fixture_soon(), &id), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "number_kind");
    assert_same(s, ask_semaphore(c, p[0], CHECK_READ)); /* for Racket an unknown mode is remove */
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    assert_cause(c, s, IDLE);
    assert_cause(c, e, IDLE);
}

/* ---- epolls ------------------------------------------------------------------------------------------------------- */

/* An epoll with another one in it; -1 with ELOOP when the kernel thinks that this is too deep. */
static int epoll_around(int inner) {
    struct epoll_event event = {.events = EPOLLIN};
    int outer = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    if (epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) == 0)
        return outer;
    assert_int_equal(errno, ELOOP);
    fixture_close(outer);
    return -1;
}

static void an_epoll_is_allowed(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int epoll = epoll_around(p[0]);
    portd_id s = ask_semaphore(c, epoll, READ), e = ask_evt(c, epoll, READ);
    struct inflight *of_s = ask_park_one(c, s, 0), *of_e = ask_park_one(c, e, 0);
    assert_true(ask_still_inflight(of_e));
    put(p[1]);
    assert_answer(of_s, s, READY);
    assert_answer(of_e, e, READY);
    (void)drain(p[0]);
    assert_cause(c, e, IDLE);
    assert_none(ask_socket_semaphore(c, epoll, CHECK_READ));
}

/* As deep as the kernel lets us: the broker puts nothing around it but for a handle. */
static void an_epoll_may_be_nested_as_deep_as_the_kernel_lets(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_native handle;
    int p[2];

    (void)state;
    make_pipe(p);
    int deepest = epoll_around(p[0]), next = deepest;
    for (int i = 0; i < 16 && next >= 0; i++) {
        deepest = next;
        next = epoll_around(deepest);
    }
    assert_int_equal(next, -1);
    portd_id s = ask_semaphore(c, deepest, READ), e = ask_evt(c, deepest, READ);
    struct inflight *of_s = ask_park_one(c, s, 0), *of_e = ask_park_one(c, e, 0);
    assert_int_equal(portd_handle_dup(c, e, fixture_soon(), &handle), PORTD_E_UNSUPPORTED);
    put(p[1]);
    assert_answer(of_s, s, READY);
    assert_answer(of_e, e, READY);
}

/* One that becomes too deep later: the kernel stops the client from putting it together. */
static void a_cycle_by_a_handle_is_stopped_by_the_kernel(void **state) {
    struct epoll_event event = {.events = EPOLLIN};
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int epoll = epoll_around(p[0]);
    int handle = ask_handle(c, ask_evt(c, epoll, READ));
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, handle, &event), -1);
    assert_int_equal(errno, ELOOP);
    put(p[1]);
    assert_true(ask_handle_ready(handle));
}

/* A handle is an epoll or an eventfd: it can be handed over like one. */
static void a_handle_is_a_descriptor(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int of_e = ask_handle(c, ask_evt(c, p[0], READ)), of_s = ask_handle(c, ask_semaphore(c, p[0], READ));
    portd_id e = ask_evt(c, of_e, READ), s = ask_evt(c, of_s, READ);
    struct inflight *wait_e = ask_park_one(c, e, 0), *wait_s = ask_park_one(c, s, 0);
    put(p[1]);
    assert_answer(wait_e, e, READY);
    assert_answer(wait_s, s, READY);
}

/* ---- ids ---------------------------------------------------------------------------------------------------------- */

static void an_id_of_another_kind_and_one_that_there_is_not(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    portd_native number;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    assert_int_equal(portd_port_to_fd(c, s, fixture_soon(), &number), PORTD_E_INVALID);
    assert_non_null(strstr(portd_last_error(c), " is a semaphore"));
    assert_int_equal(portd_port_close(c, e, fixture_soon()), PORTD_E_INVALID);
    assert_non_null(strstr(portd_last_error(c), " is an event"));
    assert_int_equal(portd_remove(other, s, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_string_not_equal(portd_last_hint(other), "");
    assert_int_equal(portd_end_session(c, 77, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_string_not_equal(portd_last_hint(c), "");
}

TEST_MAIN(FIXTURE_CASE(x13_k44_a_path), FIXTURE_CASE(k60_k61_a_signalfd),
          FIXTURE_CASE(the_brokers_own_connections), FIXTURE_CASE(a_connection_that_has_not_said_hello),
          FIXTURE_CASE(the_connection_to_another_broker_is_a_socket),
          FIXTURE_CASE(what_is_registered_already_stays), FIXTURE_CASE(x05_x06_e18_numbers_that_are_not_open),
          FIXTURE_CASE(x07_x08_e19_e27_numbers_that_are_none),
          FIXTURE_CASE(x01_x15_e21_e28_modes_that_are_none), FIXTURE_CASE(an_epoll_is_allowed),
          FIXTURE_CASE(an_epoll_may_be_nested_as_deep_as_the_kernel_lets),
          FIXTURE_CASE(a_cycle_by_a_handle_is_stopped_by_the_kernel), FIXTURE_CASE(a_handle_is_a_descriptor),
          FIXTURE_CASE(an_id_of_another_kind_and_one_that_there_is_not))
