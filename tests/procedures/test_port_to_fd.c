/* test_port_to_fd.c: unsafe-port->file-descriptor: the maker's own number, and copies of the descriptor. */
#include "ports.h"

#include <fcntl.h>
#include <sys/socket.h>

static int number_of(portd_client *c, portd_id port, portd_native *number) {
    *number = 77;
    return portd_port_to_fd(c, port, fixture_soon(), number);
}

static void check_number(portd_client *c, portd_id port, int expected) {
    portd_native number;

    assert_int_equal(number_of(c, port, &number), 1);
    assert_int_equal(number, expected);
}

static void check_fails(portd_client *c, portd_id port, int code) {
    portd_native number;

    assert_int_equal(number_of(c, port, &number), code);
    assert_int_equal(number, -1);
}

static void the_makers_number(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap(c, p[0], PORTD_READ | PORTD_WRITE);
    check_number(c, ports.in, p[0]);
    check_number(c, ports.out, p[0]);
    check_number(joined, ports.in, p[0]); /* the number is the session's */
    fixture_close(p[0]);
    check_number(c, ports.in, p[0]);
    assert_int_equal(portd_port_to_fd(c, ports.in, fixture_soon(), NULL), 1);
}

static void d01_socket_ports_have_one(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    check_number(c, ports.in, p[0]);
    check_number(c, ports.out, p[0]);
}

static void d02_d04_what_has_none(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap(c, p[0], PORTD_READ | PORTD_WRITE);
    check_fails(stranger, ports.in, PORTD_E_NOT_FOUND);
    check_fails(c, ask_semaphore(c, p[0], READ), PORTD_E_INVALID);
    check_fails(c, ask_evt(c, p[0], READ), PORTD_E_INVALID);
    check_fails(c, portd_session_id(c), PORTD_E_INVALID);
    check_fails(c, 0, PORTD_E_NOT_FOUND);
    check_fails(c, 42, PORTD_E_NOT_FOUND);
    check_fails(c, UINT64_MAX, PORTD_E_NOT_FOUND);
    port_close(c, ports.in);
    check_fails(c, ports.in, PORTD_E_CLOSED);
    check_number(c, ports.out, p[0]);
    port_close(c, ports.out);
    check_fails(c, ports.out, PORTD_E_CLOSED);
    assert_int_equal(portd_release(c, &ports.out, 1, fixture_soon()), 1);
    check_fails(c, ports.out, PORTD_E_NOT_FOUND);
}

/* ---- copies ------------------------------------------------------------------------------------------------------- */

static int copy_of(portd_client *c, portd_id port) {
    portd_native copy = -1;

    assert_int_equal(portd_port_dup_fd(c, port, fixture_soon(), &copy), 1);
    return fixture_own((int)copy);
}

static void a_copy_is_the_same_open_file(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int p[2], fd = make_file("0123456789");

    (void)state;
    make_blocking_pipe(p);
    int copy = copy_of(joined, port_in(c, p[0])), file = copy_of(c, port_in(c, fd));
    assert_true(copy != p[0] && fd_same(copy, p[0]));
    assert_true(fd_same(file, fd));
    assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(copy, F_GETFL) & O_NONBLOCK, 0);
    take(file, 3);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
}

/* It outlives the port and the number, and keeps the other end from seeing the end. */
static void a_copy_is_the_callers(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id out = port_out(c, p[0]);
    int copy = copy_of(c, out);
    fixture_close(p[0]);
    port_close(c, out);
    fixture_until_fds(fixture_broker(), 1);
    fd_say(copy, "mine");
    fd_hear(p[1], "mine");
    assert_false(at_end(p[1]));
    fixture_close(copy);
    until_end(p[1]);
}

static void copies_that_there_are_not(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    portd_native copy = 77;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    assert_int_equal(portd_port_dup_fd(stranger, in, fixture_soon(), &copy), PORTD_E_NOT_FOUND);
    assert_int_equal(copy, -1);
    assert_int_equal(portd_port_dup_fd(c, ask_evt(c, p[0], READ), fixture_soon(), &copy), PORTD_E_INVALID);
    assert_int_equal(portd_port_dup_fd(c, in, fixture_soon(), NULL), PORTD_E_INVALID);
    port_close(c, in);
    assert_int_equal(portd_port_dup_fd(c, in, fixture_soon(), &copy), PORTD_E_CLOSED);
    assert_int_equal(copy, -1);
}

/* A call that no longer waits for it does not get it. */
static void a_copy_that_nobody_waits_for(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_native copy = 77;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id out = port_out(c, p[0]);
    size_t before = test_fds_count();
    for (int i = 0; i < 20; i++) {
        int code = portd_port_dup_fd(c, out, 0, &copy);
        assert_true(code == PORTD_E_TIMEOUT || code == 1);
        if (code == 1)
            (void)close((int)copy);
        else
            assert_int_equal(copy, -1);
    }
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(test_fds_count(), before);
}

TEST_MAIN(FIXTURE_CASE(the_makers_number), FIXTURE_CASE(d01_socket_ports_have_one),
          FIXTURE_CASE(d02_d04_what_has_none), FIXTURE_CASE(a_copy_is_the_same_open_file),
          FIXTURE_CASE(a_copy_is_the_callers), FIXTURE_CASE(copies_that_there_are_not),
          FIXTURE_CASE(a_copy_that_nobody_waits_for))
