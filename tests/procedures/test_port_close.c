/* test_port_close.c: close: what ends with the last port of a wrap, what does not, and when the reply comes. */
#include "ports.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { BOTH = PORTD_READ | PORTD_WRITE };

/* L01: the copy goes, the number stays the client's; closing again is harmless, also after a release. */
static void l01_close_and_close_again(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    port_close(c, in);
    fixture_until_fds(fixture_broker(), 1);
    assert_true(fcntl(p[0], F_GETFD) >= 0);
    put(p[1]);
    take(p[0], 1);
    for (int i = 0; i < 3; i++)
        port_close(c, in);
    size_t n;
    char byte;
    assert_int_equal(portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL), PORTD_E_CLOSED);
    assert_int_equal(portd_release(c, &in, 1, fixture_soon()), 1);
    assert_int_equal(portd_port_close(c, in, fixture_soon()), PORTD_E_NOT_FOUND);
}

static void what_is_no_port(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    portd_id wrong[] = {0,
                        42,
                        UINT64_MAX,
                        ask_semaphore(c, p[0], READ),
                        ask_evt(c, p[0], READ),
                        ask_item(c, in).descriptor,
                        portd_session_id(c)};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int code = portd_port_close(c, wrong[i], fixture_soon());
        assert_true(code == PORTD_E_INVALID || code == PORTD_E_NOT_FOUND);
    }
    assert_int_equal(portd_port_close(stranger, in, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_remove(c, in, fixture_soon()), PORTD_E_INVALID); /* ports are closed */
    fd_say(p[1], "open");
    port_hear(c, in, "open");
}

/* L02, both orders: the other end sees the end with the last port and not before, and at once when close answers. */
static void l02_the_last_close(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (int order = 0; order < 2; order++) {
        for (int call = 0; call < 2; call++) {
            make_pair(SOCK_STREAM, p);
            struct wrapped ports = call ? port_wrap_socket(c, p[0]) : port_wrap(c, p[0], BOTH);
            fixture_close(p[0]);
            port_close(c, order ? ports.in : ports.out);
            assert_false(at_end(p[1]));
            port_close(c, order ? ports.out : ports.in);
            assert_true(at_end(p[1]));
        }
    }
    fixture_until_fds(fixture_broker(), 1);
}

/* The answer comes after the copy is closed, for every kind. */
static void closed_before_it_is_answered(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t i = 0; i < n_streams; i++) {
        streams[i].make(ends);
        portd_id out = port_out(c, ends[1]);
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        fixture_close(ends[1]);
        port_close(c, out);
        struct pollfd other = {.fd = ends[0], .events = POLLIN | POLLRDHUP};
        /* Over TCP the news takes its way. */
        short seen = strcmp(streams[i].name, "tcp socket") == 0 ? fixture_poll(ends[0], POLLIN)
                     : poll(&other, 1, 0) == 1                  ? other.revents
                                                                : 0;
        if (!(seen & (POLLIN | POLLHUP | POLLRDHUP)))
            fail_msg("%s: the end is not seen", streams[i].name);
    }
    /* Likewise a second close while the first is being carried out. */
    make_pair(SOCK_STREAM, ends);
    portd_client *joined = fixture_joined(c);
    portd_id out = port_out(c, ends[1]);
    fixture_close(ends[1]);
    (void)portd_port_close(c, out, 0); /* on its way, answered or not */
    port_close(joined, out);
    assert_true(at_end(ends[0]));
}

/* L04 and L15: one port of one direction ends both semaphores. */
static void l04_l15_both_directions(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (unsigned flags = PORTD_READ; flags <= PORTD_WRITE; flags++) {
        make_pair(SOCK_STREAM, p);
        (void)fill(p[0]);
        struct wrapped ports = port_wrap(c, p[0], flags);
        portd_id r = ask_semaphore(c, p[0], READ), w = ask_semaphore(c, p[0], WRITE);
        assert_cause(c, r, IDLE);
        assert_cause(c, w, IDLE);
        port_close(c, ports.in ? ports.in : ports.out);
        assert_cause(c, r, CLOSED);
        assert_cause(c, w, CLOSED);
        assert_none(ask_semaphore(c, p[0], CHECK_READ));
        assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
    }
}

/* L05: the first of two closes changes nothing. */
static void l05_not_at_the_first(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (int call = 0; call < 2; call++) {
        make_pair(SOCK_STREAM, p);
        (void)fill(p[0]);
        struct wrapped ports = call ? port_wrap_socket(c, p[0]) : port_wrap(c, p[0], BOTH);
        portd_id (*ask)(portd_client *, int, int) = call ? ask_socket_semaphore : ask_semaphore;
        portd_id r = ask(c, p[0], READ), w = ask(c, p[0], WRITE);
        port_close(c, ports.in);
        port_close(c, ports.in); /* the same one again is not the last one */
        assert_cause(c, r, IDLE);
        assert_cause(c, w, IDLE);
        assert_same(ask(c, p[0], CHECK_READ), r);
        assert_same(ask(c, p[0], CHECK_WRITE), w);
        port_close(c, ports.out);
        assert_cause(c, r, CLOSED);
        assert_cause(c, w, CLOSED);
        assert_none(ask(c, p[0], CHECK_READ));
        assert_none(ask(c, p[0], CHECK_WRITE));
    }
}

/* L06 and L10: also those that were made before the wrap; who waits is woken. */
static void l06_l10_made_before_the_wrap(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    struct inflight *inflight = ask_park_one(joined, s, 0);
    portd_id in = port_in(c, p[0]);
    port_close(c, in);
    assert_answer(inflight, s, CLOSED);
    assert_cause(c, s, CLOSED);
}

/* L07 */
static void l07_copies_of_the_number(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int copy = make_dup(p[0]);
    portd_id in = port_in(c, p[0]), s = ask_semaphore(c, copy, READ), e = ask_evt(c, copy, READ);
    port_close(c, in);
    assert_cause(c, s, IDLE);
    assert_same(ask_semaphore(c, copy, CHECK_READ), s);
    assert_cause(c, e, IDLE);
    put(p[1]);
    assert_until(c, s, READY);
}

/* L08: although another wrap is open. */
static void l08_one_of_two_wraps(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id a = port_in(c, p[0]), b = port_in(c, p[0]), s = ask_semaphore(c, p[0], READ);
    port_close(c, a);
    assert_cause(c, s, CLOSED);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
    fd_say(p[1], "b");
    port_hear(c, b, "b");
    s = ask_semaphore(c, p[0], READ);
    assert_cause(c, s, IDLE);
    port_close(c, b);
    assert_cause(c, s, CLOSED);
}

/* L09: a session that ends plays the custodian's part. */
static void l09_the_end_of_a_session(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c), *stranger = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    portd_id s = ask_semaphore(c, p[0], WRITE);
    struct inflight *waits[3] = {ask_park_one(joined, ports.in, 0), ask_park_one(joined, s, 0),
                                 ask_park_one(joined, ports.out, 0)};
    struct io *read = io_read(joined, ports.in, 1, 0), *write = io_write(joined, ports.out, "x", 1);
    fixture_close(p[0]);
    (void)portd_end_session(c, 0, fixture_soon());
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_answer(waits[i]), 1);
        assert_int_equal(waits[i]->ready[0].cause, EXPIRED);
    }
    assert_int_equal(io_answer(read), PORTD_E_CLOSED);
    assert_int_equal(io_answer(write), PORTD_E_CLOSED);
    (void)drain(p[1]);
    until_end(p[1]);
    fixture_until_fds(fixture_broker(), 1);
    assert_int_equal(portd_ping(stranger, fixture_soon()), 1);
}

/* L11: reads and writes are answered, whatever connection closed. */
static void l11_blocked_reads_and_writes(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int ends[2];

    (void)state;
    for (size_t i = 0; i < n_streams; i++) {
        streams[i].make(ends);
        portd_id in = port_in(c, ends[0]), out = port_out(c, ends[1]);
        struct io *reads[3] = {io_read(c, in, 1, 0), io_read(joined, in, CHUNK, 0), io_read(c, in, 1, 0)};
        port_close(joined, in);
        for (int k = 0; k < 3; k++)
            assert_int_equal(io_answer(reads[k]), PORTD_E_CLOSED);
        (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
        (void)fill(ends[1]);
        struct io *writes[3] = {io_write(c, out, "x", 1), io_write(joined, out, "yz", 2),
                                io_write(c, out, "x", 1)};
        for (int k = 0; k < 3; k++)
            assert_true(io_still_inflight(writes[k]) || !streams[i].instant);
        port_close(c, out);
        for (int k = 0; k < 3; k++)
            assert_true(io_answer(writes[k]) == PORTD_E_CLOSED || !streams[i].instant);
    }
}

/* L11 with a blocking call, which another process ends. */
static int close_from_outside(void *data) {
    portd_options options = PORTD_OPTIONS_INIT;
    char **said = data;
    portd_client *c;
    portd_id id = strtoull(said[1], NULL, 10);
    uint32_t waiting = 0;

    options.token = said[0];
    if (portd_connect(said[2], &options, portd_now() + 10000000, &c) != 1)
        return 1;
    /* The read is in flight when the broker counts it. */
    for (int i = 0; i < 2000 && !waiting; i++) {
        portd_list *list;
        if (portd_get_status(c, portd_now() + 10000000, &list) != 1)
            return 2;
        const portd_status *status = portd_list_status(list);
        for (size_t k = 0; k < status->n_quotas; k++)
            if (strcmp(status->quotas[k].name, "waits") == 0)
                waiting = (uint32_t)status->quotas[k].used;
        portd_list_free(list);
    }
    int code = portd_port_close(c, id, portd_now() + 10000000);
    portd_disconnect(c);
    return waiting && code == 1 ? 0 : 3;
}

static void l11_a_reader_that_blocks(void **state) {
    portd_client *c = fixture_client(NULL);
    char id[32], token[128], address[FIXTURE_PATH + 32], byte;
    size_t n = 77;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)in);
    (void)snprintf(token, sizeof(token), "%s", portd_session_token(c));
    (void)snprintf(address, sizeof(address), "%s", portd_address(c));
    pid_t child = fixture_fork(close_from_outside, (char *[]){token, id, address});
    assert_int_equal(portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL), PORTD_E_CLOSED);
    assert_int_equal(n, 0);
    assert_string_not_equal(portd_last_error(c), "");
    assert_int_equal(fixture_reap(child), 0);
}

/* L13: the client closes its number under the ports: they have a copy, and closing them is as ever. */
static void l13_the_number_is_closed_first(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]), s = ask_semaphore(c, p[0], READ);
    fixture_close(p[0]);
    fd_say(p[1], "x");
    assert_until(c, s, READY);
    port_hear(c, in, "x");
    port_close(c, in);
    assert_true(fd_broken(p[1]));
}

/* L16 */
static void l16_the_number_comes_back(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id in = port_in(c, p[0]), s = ask_semaphore(c, p[0], READ);
    port_close(c, in);
    assert_cause(c, s, CLOSED);
    make_at(q[0], p[0]);
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_last_flags(c) & PORTD_RESULT_REPLACED, 0);
    assert_new(new, s);
    assert_cause(c, new, IDLE);
    put(q[1]);
    assert_until(c, new, READY);
    assert_cause(c, s, CLOSED);
}

/* E13 and E14: events stay, and keep the copy. */
static void events_are_not_touched(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inflight *inflight = ask_park_one(c, e, 0);
    struct wrapped ports = port_wrap(c, p[0], BOTH);
    port_close(c, ports.in);
    port_close(c, ports.out);
    assert_true(ask_still_inflight(inflight));
    assert_same(ask_evt(c, p[0], CHECK_READ), e);
    int number = p[0];
    fixture_close(p[0]);
    assert_false(at_end(p[1]));
    put(p[1]);
    assert_answer(inflight, e, READY);
    ask_no_evts(c, number);
    assert_false(fixture_poll(p[1], POLLHUP) == 0);
    fixture_until_fds(fixture_broker(), 1);
}

/* Semaphores that have fired keep their cause, and one is posted once. */
static void what_fired_before(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]), s = ask_semaphore(c, p[0], READ);
    put(p[1]);
    assert_until(c, s, READY);
    port_close(c, in);
    assert_cause(c, s, READY);
}

/* Two closes of the two ports at once: the semaphores end with the second, and both are answered. */
static void closes_from_two_sides(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int p[2];

    (void)state;
    for (int i = 0; i < 50; i++) {
        make_pair(SOCK_STREAM, p);
        struct wrapped ports = port_wrap_socket(c, p[0]);
        portd_id s = ask_socket_semaphore(c, p[0], READ);
        fixture_close(p[0]);
        (void)portd_port_close(joined, ports.out, 0); /* on its way, answered or not */
        port_close(c, ports.in);
        port_close(joined, ports.out);
        assert_cause(c, s, CLOSED);
        assert_true(at_end(p[1]));
        fixture_close(p[1]);
    }
    fixture_until_fds(fixture_broker(), 2);
}

/* A socket that lingers holds up its own close and nobody else, and its bytes arrive. */
static void a_socket_that_lingers(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    struct linger linger = {.l_onoff = 1, .l_linger = 30};
    int p[2];

    (void)state;
    make_tcp(p);
    assert_int_equal(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    size_t sent = fill(p[0]);
    int64_t before = portd_now();
    fixture_close(p[0]);
    port_close(c, ports.in);
    assert_int_equal(portd_ping(other, fixture_soon()), 1);
    port_close(c, ports.out); /* interrupted long before the 30 seconds */
    assert_true(portd_now() - before < 20 * 1000000);
    size_t got = 0;
    while (!at_end(p[1])) {
        assert_true(fixture_poll(p[1], POLLIN) != 0);
        char bytes[65536];
        ssize_t n = read(p[1], bytes, sizeof(bytes));
        if (n > 0)
            got += (size_t)n;
        else
            break;
    }
    assert_true(got <= sent);
}

/* Closing waits for nothing that is not its own. */
static void many_at_once(void **state) {
    portd_client *c = fixture_client(NULL);
    enum { MANY = 200 };
    portd_id ids[MANY];
    int p[2];

    (void)state;
    make_pipe(p);
    for (int i = 0; i < MANY; i++) {
        int fd = i % 2 ? fixture_own(eventfd(0, EFD_CLOEXEC)) : make_dup(p[0]);
        ids[i] = port_in(c, fd);
        fixture_close(fd);
    }
    for (int i = 0; i < MANY; i++)
        port_close(c, ids[i]);
    fixture_until_fds(fixture_broker(), 1);
    assert_int_equal(portd_release(c, ids, MANY, fixture_soon()), 1);
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, 0);
}

TEST_MAIN(FIXTURE_CASE(l01_close_and_close_again), FIXTURE_CASE(what_is_no_port),
          FIXTURE_CASE(l02_the_last_close), FIXTURE_CASE(closed_before_it_is_answered),
          FIXTURE_CASE(l04_l15_both_directions), FIXTURE_CASE(l05_not_at_the_first),
          FIXTURE_CASE(l06_l10_made_before_the_wrap), FIXTURE_CASE(l07_copies_of_the_number),
          FIXTURE_CASE(l08_one_of_two_wraps), FIXTURE_CASE(l09_the_end_of_a_session),
          FIXTURE_CASE(l11_blocked_reads_and_writes), FIXTURE_CASE(l11_a_reader_that_blocks),
          FIXTURE_CASE(l13_the_number_is_closed_first), FIXTURE_CASE(l16_the_number_comes_back),
          FIXTURE_CASE(events_are_not_touched), FIXTURE_CASE(what_fired_before),
          FIXTURE_CASE(closes_from_two_sides), FIXTURE_CASE(a_socket_that_lingers),
          FIXTURE_CASE(many_at_once))
