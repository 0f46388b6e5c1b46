/* test_socket_to_semaphore.c: the same for sockets: one table with the descriptors on Unix, and sockets only. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static void s03_both_calls_share_one_table(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_same(s, ask_socket_semaphore(c, p[0], READ));
    assert_int_equal(portd_last_flags(c), 0);
    assert_same(s, ask_socket_semaphore(c, p[0], CHECK_READ));
    portd_id other = ask_socket_semaphore(c, p[1], READ);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    assert_same(other, ask_semaphore(c, p[1], READ));
    assert_same(other, ask_semaphore(c, p[1], CHECK_READ));
    put(p[1]);
    assert_until(c, s, READY);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
    assert_none(ask_socket_semaphore(c, p[0], CHECK_READ));
}

static void r04_either_call_removes(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    (void)fill(p[1]);
    (void)drain(p[0]);
    (void)drain(p[1]);
    portd_id a = ask_semaphore(c, p[0], READ), b = ask_socket_semaphore(c, p[1], READ);
    assert_none(ask_socket_semaphore(c, p[0], REMOVE));
    ask_no_semaphores(c, p[1]);
    assert_cause(c, a, REMOVED);
    assert_cause(c, b, REMOVED);
}

static void fires_on_data_and_room(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_tcp(p);
    portd_id r = ask_socket_semaphore(c, p[0], READ), w = ask_socket_semaphore(c, p[0], WRITE);
    assert_cause(c, w, READY);
    assert_cause(c, r, IDLE);
    put(p[1]);
    assert_until(c, r, READY);
}

static void a_listener_fires_on_a_connection(void **state) {
    portd_client *c = fixture_client(NULL);
    int port;

    (void)state;
    int listener = make_tcp_listener(&port);
    portd_id s = ask_socket_semaphore(c, listener, READ);
    assert_cause(c, s, IDLE);
    (void)make_tcp_client(port);
    assert_until(c, s, READY);
}

static void s24_out_of_band_is_not_data(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_tcp(p);
    portd_id s = ask_socket_semaphore(c, p[0], READ);
    assert_int_equal(send(p[1], "!", 1, MSG_OOB), 1);
    assert_true(fixture_poll(p[0], POLLPRI) & POLLPRI); /* it has arrived */
    assert_cause(c, s, IDLE);
    put(p[1]);
    assert_until(c, s, READY);
}

static void s22_shutdown_of_the_shared_socket_shows(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id r = ask_socket_semaphore(c, p[0], READ), w = ask_socket_semaphore(c, p[0], WRITE);
    assert_int_equal(shutdown(p[0], SHUT_RD), 0);
    assert_until(c, r, HALF_CLOSE);
    assert_cause(c, w, IDLE);
    assert_int_equal(shutdown(p[0], SHUT_WR), 0);
    assert_until(c, w, HANG_UP);
}

/* On Unix a socket is a file descriptor: the two calls differ in name alone. */
static void s03_takes_what_is_no_socket(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_same(s, ask_socket_semaphore(c, p[0], READ));
    assert_cause(c, s, IDLE);
    assert_cause(c, ask_socket_semaphore(c, p[1], WRITE), READY);
}

static void a_socket_of_any_family_is_one(void **state) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        make_pair(types[i], p);
        assert_cause(c, ask_socket_semaphore(c, p[0], READ), IDLE);
        assert_cause(c, ask_socket_semaphore(c, p[0], WRITE), READY);
    }
    int udp = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    assert_cause(c, ask_socket_semaphore(c, udp, WRITE), READY);
}

static void check_and_remove_need_no_socket(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_same(s, ask_socket_semaphore(c, p[0], CHECK_READ));
    assert_none(ask_socket_semaphore(c, p[0], REMOVE));
    assert_cause(c, s, REMOVED);
}

TEST_MAIN(FIXTURE_CASE(s03_both_calls_share_one_table), FIXTURE_CASE(r04_either_call_removes),
          FIXTURE_CASE(fires_on_data_and_room), FIXTURE_CASE(a_listener_fires_on_a_connection),
          FIXTURE_CASE(s24_out_of_band_is_not_data), FIXTURE_CASE(s22_shutdown_of_the_shared_socket_shows),
          FIXTURE_CASE(s03_takes_what_is_no_socket), FIXTURE_CASE(a_socket_of_any_family_is_one),
          FIXTURE_CASE(check_and_remove_need_no_socket))
