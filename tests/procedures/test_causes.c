/* test_causes.c: why an object is ready. Hang-up and error fire both directions, half-close only read. If several apply, the
 * cause that ended the object is reported, else the first of error, hang-up, half-close, ready. */
#include "ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

/* The four objects of one number. */
struct four {
    portd_client *client;
    portd_id semaphores[2], evts[2]; /* read, write */
};

static void four_make(struct four *four, portd_client *client, int fd) {
    *four = (struct four){.client = client};
    four->semaphores[0] = ask_semaphore(client, fd, READ);
    four->semaphores[1] = ask_semaphore(client, fd, WRITE);
    four->evts[0] = ask_evt(client, fd, READ);
    four->evts[1] = ask_evt(client, fd, WRITE);
}

static void check_one(const struct four *four, portd_id id, int cause) {
    if (id || pipes_tell_room)
        assert_cause(four->client, id, cause);
}

static void four_check(const struct four *four, int read, int write) {
    check_one(four, four->evts[0], read);
    check_one(four, four->evts[1], write);
    check_one(four, four->semaphores[0], read);
    check_one(four, four->semaphores[1], write);
}

/* The same, told to waits that are in flight before something happens, so that the engine finds it and no look does. */
struct four_waits {
    const struct four *four;
    struct inflight *waits[4];
};

static struct inflight *park_one(const struct four *four, portd_id id) {
    return id || pipes_tell_room ? ask_park_one(four->client, id, 0) : NULL;
}

static void four_park(struct four_waits *waits, const struct four *four) {
    waits->four = four;
    for (int i = 0; i < 2; i++) {
        waits->waits[i] = park_one(four, four->semaphores[i]);
        waits->waits[2 + i] = park_one(four, four->evts[i]);
    }
}

static void check_answer(struct inflight *wait, portd_id id, int cause) {
    if (wait)
        assert_answer(wait, id, cause);
}

static void four_answered(const struct four_waits *waits, int read, int write) {
    check_answer(waits->waits[0], waits->four->semaphores[0], read);
    check_answer(waits->waits[1], waits->four->semaphores[1], write);
    check_answer(waits->waits[2], waits->four->evts[0], read);
    check_answer(waits->waits[3], waits->four->evts[1], write);
}

/* ---- pipes -------------------------------------------------------------------------------------------------------- */

static void s13_s19_a_pipe_without_writers(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four_waits waits;
    struct four of;
    int p[2];

    (void)state;
    make_pipe(p);
    four_make(&of, c, p[0]); /* S13: write is the wrong direction of this end */
    four_check(&of, IDLE, IDLE);
    four_park(&waits, &of);
    fixture_close(p[1]);
    four_answered(&waits, HANG_UP, HANG_UP);
    four_check(&of, HANG_UP, HANG_UP);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
    assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
}

static void s13_the_wrong_direction_is_idle_with_data(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four of;
    int p[2];

    (void)state;
    make_pipe(p);
    four_make(&of, c, p[0]);
    put(p[1]);
    four_check(&of, READY, IDLE);
}

static void s12_s16_a_pipe_without_readers(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four_waits waits;
    struct four of;
    int p[2];

    (void)state;
    make_pipe(p);
    (void)fill(p[1]);
    four_make(&of, c, p[1]); /* S12: read is the wrong direction of this end */
    four_check(&of, IDLE, IDLE);
    four_park(&waits, &of);
    fixture_close(p[0]);
    four_answered(&waits, ERROR, ERROR);
    four_check(&of, ERROR, ERROR);
}

static void s14_s15_end_of_file_fires_every_new_one(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id last = 0;
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    fixture_close(p[1]);
    for (int i = 0; i < 4; i++) {
        portd_id s = ask_semaphore(c, p[0], READ);
        assert_new(s, last);
        assert_cause(c, s, HANG_UP); /* more than ready, with data (the first time) or without */
        assert_cause(c, ask_semaphore(c, p[0], WRITE), HANG_UP);
        last = s;
        (void)drain(p[0]);
    }
}

static void e16_e17_events_of_pipes(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id read_of_w = ask_evt(c, p[1], READ), write_of_r = ask_evt(c, q[0], WRITE);
    portd_id read_of_r = ask_evt(c, q[0], READ);
    assert_cause(c, read_of_w, IDLE);
    assert_cause(c, write_of_r, IDLE);
    put(p[1]);
    put(q[1]);
    assert_cause(c, read_of_w, IDLE);
    assert_cause(c, write_of_r, IDLE);
    fixture_close(p[0]);
    fixture_close(q[1]);
    assert_cause(c, read_of_w, ERROR);
    assert_cause(c, write_of_r, HANG_UP);
    (void)drain(q[0]);
    for (int i = 0; i < 3; i++)
        assert_cause(c, read_of_r, HANG_UP);
}

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

static void s20_the_peer_of_a_pair_closes(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ), w = ask_evt(c, p[0], WRITE);
    struct inflight *of_s = ask_park_one(c, s, 0), *of_e = ask_park_one(c, e, 0);
    assert_cause(c, w, READY);
    fixture_close(p[1]);
    assert_answer(of_s, s, HANG_UP);
    assert_answer(of_e, e, HANG_UP);
    assert_cause(c, w, HANG_UP);
    assert_cause(c, ask_semaphore(c, p[0], WRITE), HANG_UP);
}

static void k16_unread_data_makes_it_an_error(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four_waits waits;
    struct four of;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    four_make(&of, c, p[0]);
    four_check(&of, IDLE, IDLE);
    four_park(&waits, &of);
    fixture_close(p[1]);
    four_answered(&waits, ERROR, ERROR);
    four_check(&of, ERROR, ERROR);
}

static void s21_half_close_is_of_read_only(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id rs = ask_semaphore(c, p[0], READ), ws = ask_semaphore(c, p[0], WRITE);
    portd_id re = ask_evt(c, p[0], READ), we = ask_evt(c, p[0], WRITE);
    struct inflight *of_rs = ask_park_one(c, rs, 0), *of_ws = ask_park_one(c, ws, 0);
    struct inflight *of_re = ask_park_one(c, re, 0), *of_we = ask_park_one(c, we, 0);
    assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    assert_answer(of_rs, rs, HALF_CLOSE);
    assert_answer(of_re, re, HALF_CLOSE);
    assert_true(ask_still_inflight(of_ws));
    assert_true(ask_still_inflight(of_we));
    assert_same(ws, ask_semaphore(c, p[0], CHECK_WRITE));
    assert_cause(c, ws, IDLE);
    assert_cause(c, we, IDLE);
    assert_cause(c, re, HALF_CLOSE);
    (void)drain(p[1]);
    assert_answer(of_ws, ws, READY);
    assert_answer(of_we, we, READY);
}

/* A write wait alone: the kernel is not even asked about half-close. */
static void half_close_does_not_wake_writers(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id w = ask_semaphore(c, p[0], WRITE);
    struct inflight *wait = ask_park_one(c, w, 0);
    assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    assert_true(ask_still_inflight(wait));
    assert_cause(c, w, IDLE);
    portd_id r = ask_semaphore(c, p[0], READ);
    assert_cause(c, r, HALF_CLOSE);
    assert_true(ask_still_inflight(wait));
}

static void tcp_half_close_with_data(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four of;
    int p[2];

    (void)state;
    make_tcp(p);
    put(p[1]);
    assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    assert_true(fixture_poll(p[0], POLLRDHUP) & POLLRDHUP);
    four_make(&of, c, p[0]);
    four_check(&of, HALF_CLOSE, READY);
    (void)drain(p[0]);
    assert_cause(c, of.evts[0], HALF_CLOSE);
}

static void tcp_both_sides_shut_down(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four of;
    int p[2];

    (void)state;
    make_tcp(p);
    assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    assert_int_equal(shutdown(p[0], SHUT_WR), 0);
    assert_true(fixture_poll(p[0], 0) & POLLHUP);
    four_make(&of, c, p[0]);
    four_check(&of, HANG_UP, HANG_UP); /* before half-close, which holds too */
}

static void s23_reset_is_an_error(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four_waits waits;
    struct four of;
    int p[2], value = 0;
    socklen_t size = sizeof(value);

    (void)state;
    make_tcp(p);
    (void)fill(p[0]);
    four_make(&of, c, p[0]);
    four_check(&of, IDLE, IDLE);
    four_park(&waits, &of);
    reset(p[1]);
    four_answered(&waits, ERROR, ERROR);
    four_check(&of, ERROR, ERROR);
    assert_int_equal(getsockopt(p[0], SOL_SOCKET, SO_ERROR, &value, &size), 0);
    assert_int_equal(value, ECONNRESET); /* the broker has not read it away */
}

static void k32_a_refused_connection(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    portd_client *c = fixture_client(NULL);
    int port, value = 0;
    socklen_t size = sizeof(value);
    struct four of;

    (void)state;
    fixture_close(make_tcp_listener(&port));
    address.sin_port = htons((uint16_t)port);
    int fd = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
    assert_true(fixture_poll(fd, POLLOUT) & POLLERR);
    four_make(&of, c, fd);
    four_check(&of, ERROR, ERROR);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &size), 0);
    assert_int_equal(value, ECONNREFUSED);
}

/* ---- what ended it ------------------------------------------------------------------------------------------------ */

static void what_ended_it_comes_before_all_else(void **state) {
    portd_client *c = fixture_client(NULL);
    struct four of;
    int p[2], q[2];

    (void)state;
    make_tcp(p);
    (void)fill(p[0]);
    four_make(&of, c, p[0]);
    ask_no_semaphores(c, p[0]);
    ask_no_evts(c, p[0]);
    reset(p[1]);
    four_check(&of, REMOVED, REMOVED);
    make_pipe(q);
    portd_id fired = ask_semaphore(c, q[0], READ);
    put(q[1]);
    assert_until(c, fired, READY);
    fixture_close(q[1]);
    assert_cause(c, fired, READY); /* it was data that ended it, not the hang-up after it */
}

static void names_of_causes(void **state) {
    (void)state;
    assert_string_equal(portd_cause_name(READY), "ready");
    assert_string_equal(portd_cause_name(HALF_CLOSE), "half-close");
    assert_string_equal(portd_cause_name(HANG_UP), "hang-up");
    assert_string_equal(portd_cause_name(ERROR), "error");
    assert_string_equal(portd_cause_name(PORTD_CAUSE_PORT_CLOSED), "port-closed");
    assert_string_equal(portd_cause_name(REMOVED), "removed");
    assert_string_equal(portd_cause_name(REPLACED), "replaced");
    assert_string_equal(portd_cause_name(PORTD_CAUSE_REVOKED), "revoked");
    assert_string_equal(portd_cause_name(EXPIRED), "expired");
    assert_string_equal(portd_cause_name(DISCONNECTED), "disconnected");
    assert_string_equal(portd_cause_name(PORTD_CAUSE_RESYNC), "resync");
    assert_string_equal(portd_cause_name(99), "?");
}

TEST_MAIN(FIXTURE_CASE(s13_s19_a_pipe_without_writers),
          FIXTURE_CASE(s13_the_wrong_direction_is_idle_with_data),
          FIXTURE_CASE(s12_s16_a_pipe_without_readers), FIXTURE_CASE(s14_s15_end_of_file_fires_every_new_one),
          FIXTURE_CASE(e16_e17_events_of_pipes), FIXTURE_CASE(s20_the_peer_of_a_pair_closes),
          FIXTURE_CASE(k16_unread_data_makes_it_an_error), FIXTURE_CASE(s21_half_close_is_of_read_only),
          FIXTURE_CASE(half_close_does_not_wake_writers), FIXTURE_CASE(tcp_half_close_with_data),
          FIXTURE_CASE(tcp_both_sides_shut_down), FIXTURE_CASE(s23_reset_is_an_error),
          FIXTURE_CASE(k32_a_refused_connection), FIXTURE_CASE(what_ended_it_comes_before_all_else),
          FIXTURE_CASE_BARE(names_of_causes))
