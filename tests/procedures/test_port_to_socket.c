/* test_port_to_socket.c: unsafe-port->socket: a number for ports of the socket call, none for all others. */
#include "ports.h"

#include <sys/socket.h>

static int socket_of(portd_client *c, portd_id port, portd_native *number) {
    *number = 77;
    return portd_port_to_socket(c, port, fixture_soon(), number);
}

static void d01_only_of_the_socket_call(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    portd_native number;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped socket = port_wrap_socket(c, p[0]), file = port_wrap(c, p[0], PORTD_READ | PORTD_WRITE);
    assert_int_equal(socket_of(c, socket.in, &number), 1);
    assert_int_equal(number, p[0]);
    assert_int_equal(socket_of(joined, socket.out, &number), 1);
    assert_int_equal(number, p[0]);
    /* The same socket, but not made by that call: none, which is no error. */
    assert_int_equal(socket_of(c, file.in, &number), 0);
    assert_int_equal(number, -1);
    assert_int_equal(socket_of(c, file.out, &number), 0);
    make_pipe(p);
    assert_int_equal(socket_of(c, port_in(c, p[0]), &number), 0);
    assert_int_equal(portd_port_to_socket(c, socket.in, fixture_soon(), NULL), 1);
}

static void what_is_no_open_port(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    portd_native number;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    assert_int_equal(socket_of(stranger, ports.in, &number), PORTD_E_NOT_FOUND);
    assert_int_equal(number, -1);
    assert_int_equal(socket_of(c, ask_evt(c, p[0], READ), &number), PORTD_E_INVALID);
    assert_int_equal(socket_of(c, 0, &number), PORTD_E_NOT_FOUND);
    port_close(c, ports.in);
    assert_int_equal(socket_of(c, ports.in, &number), PORTD_E_CLOSED);
    assert_int_equal(number, -1);
    assert_int_equal(socket_of(c, ports.out, &number), 1);
}

TEST_MAIN(FIXTURE_CASE(d01_only_of_the_socket_call), FIXTURE_CASE(what_is_no_open_port))
