/* test_idle_cost.c: events arm the readiness machinery only while a client waits on them, and nothing spins. The kernel counts
 * how often the broker's loop was put to sleep; each wakeup adds one. */
#include "ports.h"

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

enum { TOGGLES = 200, FEW = 20 };

static long sleeps(void) { return fixture_sleeps(fixture_broker()->pid); }

/* The broker has seen what happened: what wakes its loop has done so when the system call returns, and now the loop sleeps again. */
static void until_asleep(void) {
    int64_t deadline = fixture_soon();

    while (fixture_process_state(fixture_broker()->pid) != 'S') {
        assert_true(portd_now() < deadline);
        (void)sched_yield();
    }
}

/* Makes the read end ready and idle again, many times, each time until the broker has seen it. */
static void toggle(const int p[2]) {
    for (int i = 0; i < TOGGLES; i++) {
        put(p[1]);
        until_asleep();
        (void)drain(p[0]);
        until_asleep();
    }
}

/* Wake-ups of the broker during that; the ping behind it sees to it that those under way are counted. */
static long wake_ups(portd_client *c, const int p[2]) {
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    long before = sleeps();
    toggle(p);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    return sleeps() - before;
}

static void an_event_without_waiters_costs_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    assert_true(wake_ups(c, p) <= FEW);
    assert_cause(c, e, IDLE);
    assert_true(wake_ups(c, p) <= FEW); /* a look is no watch */
    (void)ask_handle(c, e);
    assert_true(wake_ups(c, p) <= FEW); /* nor is a handle */
}

/* The measure itself: waits that are answered wake the broker. */
static void a_waiter_does_cost_something(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    long before = sleeps();
    for (int i = 0; i < TOGGLES; i++) {
        struct inflight *wait = ask_park_one(c, e, 0);
        put(p[1]);
        assert_answer(wait, e, READY);
        (void)drain(p[0]);
    }
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_true(sleeps() - before > FEW);
    assert_true(wake_ups(c, p) <= FEW);
}

/* One for all is told once that one of its events is ready, however often that comes and goes. */
static void a_wait_for_all_is_not_told_again_and_again(void **state) {
    static const unsigned flags[] = {PORTD_WAIT_ALL, PORTD_WAIT_ALL | PORTD_WAIT_ONE};
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_evt(c, q[0], READ)};
    for (int i = 0; i < 2; i++) {
        struct inflight *wait = ask_park(c, ids, 2, flags[i]);
        assert_true(wake_ups(c, p) <= FEW);
        ask_cancel(wait);
        assert_true(wake_ups(c, p) <= FEW);
    }
}

static void nor_one_whose_waits_are_over(void **state) {
    static const unsigned flags[] = {0, PORTD_WAIT_ONE};
    portd_client *c = fixture_client(NULL), *other;
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    for (int i = 0; i < 2; i++) {
        struct inflight *wait = ask_park_one(c, e, flags[i]);
        put(p[1]);
        assert_answer(wait, e, READY);
        (void)drain(p[0]);
        assert_true(wake_ups(c, p) <= FEW); /* answered */
        wait = ask_park_one(c, e, flags[i]);
        ask_cancel(wait);
        assert_true(wake_ups(c, p) <= FEW); /* cancelled */
        assert_int_equal(portd_wait(c, &e, 1, flags[i], portd_now() + 100, &ready), 0);
        assert_true(wake_ups(c, p) <= FEW); /* too late */
        other = fixture_joined(c);
        (void)ask_park_one(other, e, flags[i]);
        fixture_disconnect(other);
        ask_until_waiters(c, e, 0);
        assert_true(wake_ups(c, p) <= FEW); /* gone */
    }
}

/* Room comes and goes under a wake-one wait for bytes: of that nobody is told for whom it is not. */
static void nor_a_direction_that_nobody_waits_for(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], back[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    back[0] = p[1];
    back[1] = p[0]; /* bytes go out of the watched end */
    portd_id in = ask_evt(c, p[0], READ), out = ask_evt(c, p[0], WRITE);
    struct inflight *reader = ask_park_one(c, in, PORTD_WAIT_ONE);
    assert_true(wake_ups(c, back) <= FEW);
    (void)fill(p[0]);
    struct inflight *writer = ask_park_one(c, out, 0);
    (void)drain(p[1]);
    assert_answer(writer, out, READY);
    assert_true(wake_ups(c, back) <= FEW); /* answered */
    (void)fill(p[0]);
    writer = ask_park_one(c, out, PORTD_WAIT_ONE);
    ask_cancel(writer);
    (void)drain(p[1]);
    assert_true(wake_ups(c, back) <= FEW); /* cancelled */
    (void)fill(p[0]);
    portd_id s = ask_semaphore(c, p[0], WRITE);
    ask_no_semaphores(c, p[0]);
    assert_cause(c, s, REMOVED);
    (void)drain(p[1]);
    assert_true(wake_ups(c, back) <= FEW); /* removed */
    assert_true(ask_still_inflight(reader));
}

static void nor_what_has_ended(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    put(p[1]);
    assert_until(c, s, READY);
    (void)drain(p[0]);
    assert_true(wake_ups(c, p) <= FEW); /* fired; the event keeps the copy */
    struct inflight *wait = ask_park_one(c, e, 0);
    ask_no_evts(c, p[0]);
    assert_answer(wait, e, REMOVED);
    assert_true(wake_ups(c, p) <= FEW);
}

/* ---- what is ready and stays so ----------------------------------------------------------------------------------- */

static bool rests(void *data) {
    long *last = data, now = sleeps();
    bool same = now == *last && fixture_process_state(fixture_broker()->pid) == 'S';

    *last = now;
    return same;
}

/* Two looks find it asleep, and it has not been awake between them. */
static void check_rests(void) {
    long last = -1;

    assert_true(fixture_until(rests, &last));
}

static void a_wait_for_all_does_not_spin_on_the_half_that_is_ready(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    put(p[1]);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_evt(c, q[0], READ)};
    struct inflight *wait = ask_park(c, ids, 2, PORTD_WAIT_ALL);
    assert_true(ask_still_inflight(wait));
    check_rests();
    put(q[1]);
    assert_int_equal(ask_answer(wait), 2);
}

static void a_wake_one_wait_does_not_spin_on_what_nobody_takes(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inflight *first = ask_park_one(c, e, PORTD_WAIT_ONE),
                    *second = ask_park_one(other, e, PORTD_WAIT_ONE);
    put(p[1]);
    assert_answer(first, e, READY);
    assert_true(ask_still_inflight(second));
    check_rests();
    fixture_close(p[1]);
    assert_answer(second, e, HANG_UP);
}

/* Hang-up cannot be switched off in the kernel: a wait for the other direction must not be woken for ever. */
static void half_a_close_under_a_writers_wait_does_not_spin(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id r = ask_evt(c, p[0], READ), w = ask_evt(c, p[0], WRITE), s = ask_semaphore(c, p[0], WRITE);
    struct inflight *of_r = ask_park_one(c, r, 0), *of_w = ask_park_one(c, w, 0);
    assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    assert_answer(of_r, r, HALF_CLOSE);
    assert_true(ask_still_inflight(of_w));
    check_rests();
    (void)drain(p[1]);
    assert_answer(of_w, w, READY);
    assert_until(c, s, READY);
}

static void objects_of_what_hung_up_rest(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id e = ask_evt(c, p[0], READ);
    fixture_close(p[1]);
    assert_until(c, e, HANG_UP);
    (void)ask_handle(c, e);
    check_rests();
    assert_until(c, e, HANG_UP);
}

static void a_read_that_poll_misleads_does_not_spin(void **state) {
    enum { TRIES_A_SECOND = 100, WAKE_UPS_A_TRY = 5 };
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int p[2], far;

    (void)state;
    make_pipe(p);
    portd_id idle = ask_evt(c, p[0], READ);
    int near = make_misleading(&far);
    portd_id in = port_wrap_socket(c, near).in;
    assert_int_equal(io_answer(io_read(c, in, 1, 0)), PORTD_E_SYSTEM); /* the error itself */
    struct io *read = io_read(c, in, 1, 0);
    int64_t start = portd_now();
    long before = sleeps();
    assert_int_equal(portd_wait(c, &idle, 1, 0, start + 300000, &ready), 0);
    long often = sleeps() - before;
    assert_in_range(often, 0, (portd_now() - start) * TRIES_A_SECOND * WAKE_UPS_A_TRY / 1000000 + 2 * FEW);
    assert_true(io_still_inflight(read));
    assert_int_equal(write(far, "y", 1), 1);
    assert_int_equal(io_answer(read), 1);
    assert_int_equal(read->bytes[0], 'y');
}

static void hear(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data = result->code;
}

/* Nothing happens, and nothing but what happens is looked for; what it does not tell of costs it nothing either. */
static void a_monitor_rests(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    static int code; /* is told at the end of the case, too */
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(other, p[0], READ);
    assert_int_equal(
        portd_monitor_start(c, portd_session_id(c), PORTD_CURSOR_NOW, PORTD_FOREVER, hear, &code, NULL), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    check_rests();
    assert_true(wake_ups(other, p) <= FEW);
    assert_cause(other, e, IDLE);
    check_rests();
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(code, 0);
}

TEST_MAIN(FIXTURE_CASE(an_event_without_waiters_costs_nothing), FIXTURE_CASE(a_waiter_does_cost_something),
          FIXTURE_CASE(a_wait_for_all_is_not_told_again_and_again),
          FIXTURE_CASE(nor_one_whose_waits_are_over), FIXTURE_CASE(nor_a_direction_that_nobody_waits_for),
          FIXTURE_CASE(nor_what_has_ended),
          FIXTURE_CASE(a_wait_for_all_does_not_spin_on_the_half_that_is_ready),
          FIXTURE_CASE(a_wake_one_wait_does_not_spin_on_what_nobody_takes),
          FIXTURE_CASE(half_a_close_under_a_writers_wait_does_not_spin),
          FIXTURE_CASE(objects_of_what_hung_up_rest), FIXTURE_CASE(a_read_that_poll_misleads_does_not_spin),
          FIXTURE_CASE(a_monitor_rests))
