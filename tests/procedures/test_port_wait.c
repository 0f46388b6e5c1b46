/* test_port_wait.c: ports in waits and handles: an input port is ready when it is readable, an output port when it is writable. */
#include "ports.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static void b11_readable_and_writable(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t i = 0; i < n_streams; i++) {
        streams[i].make(ends);
        portd_id in = port_in(c, ends[0]);
        portd_id out = port_out(c, ends[1]);
        assert_cause(c, in, IDLE);
        assert_cause(c, out, READY);
        struct inflight *inflight = ask_park_one(c, in, 0);
        assert_true(ask_still_inflight(inflight));
        port_say(c, out, "x");
        assert_answer(inflight, in, READY);
        assert_cause(c, in, READY); /* a level: nothing was consumed */
        port_hear(c, in, "x");
        assert_cause(c, in, IDLE);
    }
}

static void b11_room_on_a_full_pipe(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id out = port_out(c, p[1]);
    (void)fill(p[1]);
    assert_cause(c, out, IDLE);
    struct inflight *inflight = ask_park_one(c, out, 0);
    (void)drain(p[0]);
    assert_answer(inflight, out, READY);
}

static void causes(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    fixture_close(p[1]);
    assert_until(c, in, HANG_UP);
    make_pipe(p);
    portd_id out = port_out(c, p[1]);
    fixture_close(p[0]);
    assert_until(c, out, ERROR);
    make_tcp(p);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    assert_until(c, ports.in, HALF_CLOSE);
    assert_cause(c, ports.out, READY);
    reset(p[1]);
    assert_until(c, ports.in, ERROR);
    assert_until(c, ports.out, ERROR);
}

/* B06: waits are on the descriptor, and a peek leaves it as it is. */
static void b06_a_peek_does_not_count(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    put(p[1]);
    struct io *peek = io_read(c, in, 5, PORTD_PEEK);
    assert_int_equal(io_answer(peek), 1);
    assert_int_equal(peek->count, 1);
    assert_cause(c, in, READY);
    assert_cause(c, ask_evt(c, p[0], READ), READY);
    take(p[0], 1);
    assert_cause(c, in, IDLE);
    assert_cause(c, ask_evt(c, p[0], READ), IDLE);
}

/* B15 and B19, and regular-file: always ready, also at the end of the file; so are their handles. */
static void always_ready(void **state) {
    portd_client *c = fixture_client(NULL);
    const int fds[] = {make_file(""), make_file("text"), fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC)),
                       fixture_own(open("/dev/zero", O_RDWR | O_CLOEXEC))};

    (void)state;
    for (int i = 0; i < 4; i++) {
        for (unsigned claim = 0; claim <= (i < 2 ? PORTD_REGULAR_FILE : 0); claim += PORTD_REGULAR_FILE) {
            struct wrapped ports = port_wrap(c, fds[i], PORTD_READ | PORTD_WRITE | claim);
            assert_cause(c, ports.in, READY);
            assert_until(c, ports.out, READY);
            assert_true(ask_handle_ready(ask_handle(c, ports.in)));
            assert_true(ask_handle_ready(ask_handle(c, ports.out)));
        }
    }
}

static void a_mix_of_kinds(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready[4];
    int p[2], q[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    make_pair(SOCK_STREAM, q);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    portd_id s = ask_semaphore(c, q[0], READ), e = ask_evt(c, q[0], READ);
    portd_id ids[4] = {ports.in, s, ports.out, e};
    assert_int_equal(portd_wait(c, ids, 4, 0, 0, ready), 1);
    assert_true(ready[0].id == ports.out);
    portd_id idle[3] = {s, ports.in, e};
    struct inflight *any = ask_park(c, idle, 3, 0), *all = ask_park(c, ids, 4, PORTD_WAIT_ALL);
    put(p[1]);
    assert_answer(any, ports.in, READY);
    assert_true(ask_still_inflight(all));
    put(q[1]);
    assert_int_equal(ask_answer(all), 4);
    for (int i = 0; i < 4; i++) {
        assert_true(all->ready[i].id == ids[i]);
        assert_int_equal(all->ready[i].cause, READY);
    }
}

static void a_closed_port_is_ready_for_ever(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap(c, p[0], PORTD_READ | PORTD_WRITE);
    struct inflight *in = ask_park_one(c, ports.in, 0),
                    *other = ask_park_one(joined, ports.in, PORTD_WAIT_ONE);
    struct inflight *both = ask_park(joined, (portd_id[]){ports.in, ports.in}, 2, PORTD_WAIT_ALL);
    int handle = ask_handle(c, ports.in);
    assert_false(ask_handle_ready(handle));
    port_close(c, ports.out);
    assert_true(ask_still_inflight(in) && ask_still_inflight(other));
    port_close(c, ports.in);
    assert_answer(in, ports.in, CLOSED);
    assert_answer(other, ports.in, CLOSED);
    assert_int_equal(ask_answer(both), 2);
    assert_int_equal(both->ready[1].cause, CLOSED);
    for (int i = 0; i < 2; i++) {
        assert_cause(c, ports.in, CLOSED);
        assert_cause(joined, ports.out, CLOSED);
    }
    assert_true(ask_handle_ready(handle));
    assert_true(ask_handle_ready(ask_handle(c, ports.out)));
    portd_item item = ask_item(c, ports.in);
    assert_true(!item.registered && item.descriptor == 0 && item.cause == CLOSED);
}

static void handles_follow_the_port(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]), out = port_out(c, p[1]);
    int readable = ask_handle(c, in), writable = ask_handle(c, out);
    assert_false(ask_handle_ready(readable));
    assert_true(ask_handle_ready(writable));
    (void)fill(p[1]);
    assert_true(ask_handle_ready(readable));
    assert_false(ask_handle_ready(writable));
    (void)drain(p[0]);
    assert_false(ask_handle_ready(readable));
    assert_true(ask_handle_ready(writable));
    assert_true(fd_same(ask_handle(c, in), readable)); /* one for each port */
    port_say(c, out, "x");
    assert_true(ask_handle_ready(readable));
    port_hear(c, in, "x");
    assert_false(ask_handle_ready(readable));
}

static void released_ports(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    assert_int_equal(portd_release(c, &in, 1, fixture_soon()), 1);
    assert_cause(c, in, IDLE); /* it is open: the release takes effect when it is closed */
    struct inflight *inflight = ask_park_one(c, in, 0);
    put(p[1]);
    assert_answer(inflight, in, READY);
    take(p[0], 1);
    inflight = ask_park_one(c, in, 0);
    port_close(c, in);
    assert_answer(inflight, in, CLOSED);
    assert_int_equal(portd_wait(c, &in, 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_port_close(c, in, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_release(c, &in, 1, fixture_soon()), PORTD_E_NOT_FOUND);
}

static void ports_of_others(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    portd_native handle;
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    assert_int_equal(portd_wait(stranger, &in, 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_handle_dup(stranger, in, fixture_soon(), &handle), PORTD_E_NOT_FOUND);
}

/* For pools: each piece of activity wakes one worker. */
static void wake_one(void **state) {
    portd_client *c = fixture_client(NULL), *workers[3];
    struct inflight *inflight[3];
    int fd = fixture_own(eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)), awake = 0;

    (void)state;
    portd_id in = port_in(c, fd);
    for (int i = 0; i < 3; i++) {
        workers[i] = fixture_joined(c);
        inflight[i] = ask_park_one(workers[i], in, PORTD_WAIT_ONE);
    }
    assert_int_equal(eventfd_write(fd, 1), 0);
    assert_answer(inflight[0], in, READY);
    for (int i = 1; i < 3; i++)
        awake += !ask_still_inflight(inflight[i]);
    assert_int_equal(awake, 0);
    /* The one that was answered does nothing: the next one is told. */
    fixture_abandon(workers[0]);
    assert_answer(inflight[1], in, READY);
    assert_true(ask_still_inflight(inflight[2]));
}

/* A connection that waits at a listening socket is ready, and stays until somebody accepts it. */
static void listening_sockets(void **state) {
    portd_client *c = fixture_client(NULL);
    int port, listener = make_tcp_listener(&port);

    (void)state;
    struct wrapped ports = port_wrap_socket(c, listener);
    struct inflight *inflight = ask_park_one(c, ports.in, 0);
    int first = make_tcp_client(port);
    assert_answer(inflight, ports.in, READY);
    int accepted = fixture_own(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    assert_cause(c, ports.in, IDLE);
    fd_say(first, "x");
    fd_hear(accepted, "x");
}

/* Reading and waiting at the same time: both are answered. */
static void waits_beside_reads(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    struct io *read = io_read(c, in, 1, 0);
    struct inflight *wait = ask_park_one(c, in, 0);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    struct inflight *evt = ask_park_one(c, e, 0);
    fd_say(p[1], "ab");
    assert_int_equal(io_answer(read), 1);
    assert_answer(wait, in, READY);
    assert_answer(evt, e, READY);
    assert_until(c, s, READY);
    take(p[0], 1);
}

TEST_MAIN(FIXTURE_CASE(b11_readable_and_writable), FIXTURE_CASE(b11_room_on_a_full_pipe),
          FIXTURE_CASE(causes), FIXTURE_CASE(b06_a_peek_does_not_count), FIXTURE_CASE(always_ready),
          FIXTURE_CASE(a_mix_of_kinds), FIXTURE_CASE(a_closed_port_is_ready_for_ever),
          FIXTURE_CASE(handles_follow_the_port), FIXTURE_CASE(released_ports), FIXTURE_CASE(ports_of_others),
          FIXTURE_CASE(wake_one), FIXTURE_CASE(listening_sockets), FIXTURE_CASE(waits_beside_reads))
