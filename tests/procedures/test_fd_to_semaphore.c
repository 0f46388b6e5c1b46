/* test_fd_to_semaphore.c: a semaphore is posted once, for ever. The names begin with the rows of the scenarios recorded
 * from Racket (tests/conformance) that they replay. */
#include "ask.h"
#include "descriptors.h"

#include <sys/socket.h>

/* ---- firing ------------------------------------------------------------------------------------------------------- */

static void s01_fires_when_it_becomes_ready(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_id_kind(s), PORTD_KIND_SEMAPHORE);
    assert_cause(c, s, IDLE);
    put(p[1]);
    assert_until(c, s, READY);
}

static void s02_fires_at_once_if_it_is_ready(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    assert_false(ask_item(c, s).registered); /* before anybody has waited */
    assert_int_equal(ask_item(c, s).cause, READY);
    assert_cause(c, s, READY);
}

static void s01_fires_though_nobody_waits_or_looks(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    (void)ask_semaphore(c, p[0], READ);
    put(p[1]);
    fixture_until_fds(fixture_broker(), 1); /* the copy is dropped by firing alone */
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
}

static void s03_is_the_same_until_it_fires(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    assert_same(s, ask_semaphore(c, p[0], READ));
    assert_int_equal(portd_last_flags(c), 0);
    assert_same(s, ask_semaphore(c, p[0], CHECK_READ));
    assert_int_equal(portd_last_flags(c), 0);
}

static void s04_fired_is_gone_and_a_new_one_fires_at_once(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    put(p[1]);
    assert_until(c, s, READY);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
    portd_id again = ask_semaphore(c, p[0], READ);
    assert_new(again, s);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    assert_cause(c, again, READY);
}

static void s05_only_a_new_one_follows_the_descriptor(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id old = ask_semaphore(c, p[0], READ);
    put(p[1]);
    assert_until(c, old, READY);
    (void)drain(p[0]);
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_cause(c, old, READY);
    assert_cause(c, new, IDLE);
    put(p[1]);
    assert_until(c, new, READY);
}

static void s06_fired_is_for_ever_and_consumed_by_nobody(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    put(p[1]);
    assert_until(c, s, READY);
    (void)drain(p[0]);
    for (int i = 0; i < 5; i++)
        assert_cause(c, s, READY);
    assert_until(other, s, READY);
    assert_until(c, s, READY);
    fixture_close(p[1]); /* the cause is that of the firing, whatever comes later */
    assert_cause(c, s, READY);
}

static void s07_wakes_every_waiter(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    struct inflight *waits[5];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    for (int i = 0; i < 5; i++)
        waits[i] = ask_park_one(i % 2 ? other : c, s, 0);
    assert_int_equal(ask_item(c, s).waiters, 5);
    for (int i = 0; i < 5; i++)
        assert_true(ask_still_inflight(waits[i]));
    put(p[1]);
    for (int i = 0; i < 5; i++)
        assert_answer(waits[i], s, READY);
}

struct waiting {
    const char *address, *token;
    portd_id id;
};

/* A child that joins the session, waits, and ends with the cause. */
static int wait_in_child(void *data) {
    const struct waiting *waiting = data;
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;
    portd_ready ready = {0};

    options.token = waiting->token;
    if (portd_connect(waiting->address, &options, fixture_soon(), &client) != 1)
        return 200;
    int code = portd_wait(client, &waiting->id, 1, 0, fixture_soon(), &ready);
    portd_disconnect(client);
    return code == 1 && ready.id == waiting->id ? ready.cause : 201;
}

static void s07_wakes_waiters_in_other_processes(void **state) {
    portd_client *c = fixture_client(NULL);
    pid_t children[3];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    struct waiting waiting = {fixture_address(), portd_session_token(c), s};
    for (int i = 0; i < 3; i++)
        children[i] = fixture_fork(wait_in_child, &waiting);
    ask_until_waiters(c, s, 3);
    put(p[1]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_reap(children[i]), READY);
    assert_int_equal(fixture_reap(fixture_fork(wait_in_child, &waiting)), READY); /* one that comes later */
}

static void s10_s11_write_fires_when_there_is_room(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    assert_cause(c, ask_semaphore(c, p[1], WRITE), READY);
    (void)fill(p[1]);
    portd_id s = ask_semaphore(c, p[1], WRITE);
    assert_cause(c, s, IDLE);
    take(p[0], 1); /* the kernel wants a page of room */
    assert_cause(c, s, IDLE);
    take(p[0], 4096);
    assert_until(c, s, READY);
}

/* ---- two directions ----------------------------------------------------------------------------------------------- */

static void s17_firing_unregisters_its_direction_only(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id r = ask_semaphore(c, p[0], READ), w = ask_semaphore(c, p[0], WRITE);
    assert_cause(c, w, READY);
    assert_cause(c, r, IDLE);
    assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
    assert_same(r, ask_semaphore(c, p[0], CHECK_READ));
    put(p[1]);
    assert_until(c, r, READY);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
}

static void s18_directions_fire_for_themselves(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id r = ask_semaphore(c, p[0], READ), w = ask_semaphore(c, p[0], WRITE);
    assert_cause(c, r, IDLE);
    assert_cause(c, w, IDLE);
    put(p[1]);
    assert_until(c, r, READY);
    assert_cause(c, w, IDLE);
    assert_same(w, ask_semaphore(c, p[0], CHECK_WRITE));
    (void)drain(p[1]);
    assert_until(c, w, READY);
}

/* ---- what check-* says -------------------------------------------------------------------------------------------- */

static void c01_c03_check_creates_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    for (int i = 0; i < 3; i++) {
        assert_none(ask_semaphore(c, p[0], CHECK_READ));
        assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
        assert_int_equal(portd_last_flags(c), 0);
    }
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, 0);
    assert_int_equal(ask_item(c, portd_session_id(c)).descriptors, 0);
    fixture_until_fds(fixture_broker(), 1);
}

static void c02_check_is_of_one_direction(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id r = ask_semaphore(c, p[0], READ);
    assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
    assert_same(r, ask_semaphore(c, p[0], CHECK_READ));
}

static void c05_a_fired_direction_is_made_anew(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id r = ask_semaphore(c, p[0], READ), w = ask_semaphore(c, p[0], WRITE);
    assert_cause(c, w, READY);
    assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
    portd_id again = ask_semaphore(c, p[0], WRITE);
    assert_new(again, w);
    assert_cause(c, again, READY);
    assert_same(r, ask_semaphore(c, p[0], CHECK_READ));
}

static void check_needs_no_open_descriptor(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    int number = p[0];
    fixture_close(p[0]);
    assert_same(s, ask_semaphore(c, number, CHECK_READ));
    assert_none(ask_semaphore(c, 900, CHECK_READ));
}

/* ---- dups and many ------------------------------------------------------------------------------------------------ */

static void s25_a_dup_is_another_number(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int copy = make_dup(p[0]);
    portd_id a = ask_semaphore(c, p[0], READ), b = ask_semaphore(c, copy, READ);
    assert_new(b, a);
    assert_true(ask_item(c, a).descriptor != ask_item(c, b).descriptor);
    put(p[1]);
    assert_until(c, a, READY);
    assert_until(c, b, READY);
}

static void s26_removing_one_leaves_its_dup(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int copy = make_dup(p[0]);
    portd_id a = ask_semaphore(c, p[0], READ), b = ask_semaphore(c, copy, READ);
    ask_no_semaphores(c, p[0]);
    assert_cause(c, a, REMOVED);
    assert_cause(c, b, IDLE);
    assert_same(b, ask_semaphore(c, copy, CHECK_READ));
    put(p[1]);
    assert_until(c, b, READY);
}

static void s27_many_at_once(void **state) {
    enum { MANY = 120 };
    portd_client *c = fixture_client(NULL);
    portd_id ids[MANY];
    int p[MANY][2];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        make_pipe(p[i]);
        ids[i] = ask_semaphore(c, p[i][0], READ);
    }
    for (int i = 0; i < MANY; i += 2)
        put(p[i][1]);
    for (int i = 0; i < MANY; i++)
        assert_cause(c, ids[i], i % 2 ? IDLE : READY);
    for (int i = 0; i < MANY; i++)
        ask_no_semaphores(c, p[i][0]);
    for (int i = 0; i < MANY; i++)
        assert_cause(c, ids[i], i % 2 ? REMOVED : READY);
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- the client's rules broken ------------------------------------------------------------------------------------ */

static void x10_closing_the_number_leaves_the_registration(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int number = p[0];
    portd_id s = ask_semaphore(c, number, READ);
    fixture_close(p[0]);
    assert_cause(c, s, IDLE);
    assert_same(s, ask_semaphore(c, number, CHECK_READ));
    put(p[1]); /* no broken pipe: the broker's copy is a reader */
    assert_until(c, s, READY);
}

static void x12_a_dup_that_stays_open_hurts_nobody(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int number = p[0], copy = make_dup(p[0]);
    portd_id s = ask_semaphore(c, number, READ);
    fixture_close(p[0]);
    put(p[1]);
    assert_until(c, s, READY);
    assert_cause(c, ask_semaphore(c, copy, READ), READY);
    ask_no_semaphores(c, number);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

TEST_MAIN(FIXTURE_CASE(s01_fires_when_it_becomes_ready), FIXTURE_CASE(s01_fires_though_nobody_waits_or_looks),
          FIXTURE_CASE(s02_fires_at_once_if_it_is_ready), FIXTURE_CASE(s03_is_the_same_until_it_fires),
          FIXTURE_CASE(s04_fired_is_gone_and_a_new_one_fires_at_once),
          FIXTURE_CASE(s05_only_a_new_one_follows_the_descriptor),
          FIXTURE_CASE(s06_fired_is_for_ever_and_consumed_by_nobody), FIXTURE_CASE(s07_wakes_every_waiter),
          FIXTURE_CASE(s07_wakes_waiters_in_other_processes),
          FIXTURE_CASE(s10_s11_write_fires_when_there_is_room),
          FIXTURE_CASE(s17_firing_unregisters_its_direction_only),
          FIXTURE_CASE(s18_directions_fire_for_themselves), FIXTURE_CASE(c01_c03_check_creates_nothing),
          FIXTURE_CASE(c02_check_is_of_one_direction), FIXTURE_CASE(c05_a_fired_direction_is_made_anew),
          FIXTURE_CASE(check_needs_no_open_descriptor), FIXTURE_CASE(s25_a_dup_is_another_number),
          FIXTURE_CASE(s26_removing_one_leaves_its_dup), FIXTURE_CASE(s27_many_at_once),
          FIXTURE_CASE(x10_closing_the_number_leaves_the_registration),
          FIXTURE_CASE(x12_a_dup_that_stays_open_hurts_nobody))
