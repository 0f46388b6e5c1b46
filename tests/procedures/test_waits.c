/* test_waits.c: one request waits for any mix of semaphores and events, for any or all of them; its reply names all that are
 * ready, and why. */
#include "ask.h"
#include "descriptors.h"

#include <sys/socket.h>

static void check_ready(const portd_ready *ready, portd_id id, int cause) {
    assert_true(ready->id == id);
    assert_int_equal(ready->cause, cause);
}

/* ---- any ---------------------------------------------------------------------------------------------------------- */

static void answers_all_that_are_ready_in_order_with_causes(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready[7];
    int p[2], q[2], r[2], s[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    make_pipe(q);
    make_pair(SOCK_STREAM, r);
    make_pair(SOCK_STREAM, s);
    put(p[1]);
    fixture_close(q[1]);
    assert_int_equal(shutdown(r[1], SHUT_WR), 0);
    portd_id ids[7];
    ids[6] = ask_semaphore(c, p[0], READ); /* the order of the request counts, not that of making */
    ids[5] = ask_evt(c, q[0], READ);
    ids[4] = ask_evt(c, s[0], READ);
    ids[3] = ask_evt(c, r[0], READ);
    ids[2] = ask_semaphore(c, s[0], READ);
    ids[1] = ask_evt(c, s[1], WRITE);
    ids[0] = ask_evt(c, p[1], WRITE);
    ask_no_evts(c, p[1]);
    assert_int_equal(portd_wait(c, ids, 7, 0, fixture_soon(), ready), 5);
    check_ready(&ready[0], ids[0], REMOVED);
    check_ready(&ready[1], ids[1], READY);
    check_ready(&ready[2], ids[3], HALF_CLOSE);
    check_ready(&ready[3], ids[5], HANG_UP);
    check_ready(&ready[4], ids[6], READY);
}

static void a_parked_one_answers_all_that_are_ready_then(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[3] = {ask_evt(c, p[0], READ), ask_semaphore(c, q[0], READ), ask_evt(c, q[0], READ)};
    struct inflight *wait = ask_park(c, ids, 3, 0);
    assert_true(ask_still_inflight(wait));
    put(q[1]);
    int n = ask_answer(wait);
    /* Both are ready by the same byte; the semaphore and the event may be told in one or in two turns. */
    assert_true(n == 1 || n == 2);
    for (int i = 0; i < n; i++)
        assert_true(wait->ready[i].id == ids[1] || wait->ready[i].id == ids[2]);
    assert_cause(c, ids[0], IDLE);
    assert_cause(c, ids[1], READY);
    assert_cause(c, ids[2], READY);
    assert_int_equal(ask_inflight(c), 0);
}

static void what_is_ready_in_the_first_look_parks_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    put(p[1]);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_evt(c, q[0], READ)};
    struct inflight *wait = ask_park(c, ids, 2, 0);
    assert_int_equal(wait->answers, 1); /* the ping behind it is answered later */
    assert_answer(wait, ids[0], READY);
    assert_int_equal(ask_inflight(c), 0);
}

static void repeated_ids_are_answered_as_often(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready[5];
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id e = ask_evt(c, p[0], READ), s = ask_semaphore(c, q[0], READ);
    const portd_id ids[5] = {e, s, e, s, e};
    struct inflight *any = ask_park(c, ids, 5, 0), *all = ask_park(c, ids, 5, PORTD_WAIT_ALL);
    assert_true(ask_still_inflight(any));
    put(p[1]);
    assert_int_equal(ask_answer(any), 3);
    for (int i = 0; i < 3; i++)
        check_ready(&any->ready[i], e, READY);
    assert_true(ask_still_inflight(all));
    put(q[1]);
    assert_int_equal(ask_answer(all), 5);
    for (int i = 0; i < 5; i++)
        check_ready(&all->ready[i], ids[i], READY);
    assert_int_equal(portd_wait(c, ids, 5, 0, 0, ready), 5);
}

/* ---- all ---------------------------------------------------------------------------------------------------------- */

static void all_waits_for_every_one(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[3][2];

    (void)state;
    for (int i = 0; i < 3; i++)
        make_pipe(p[i]);
    portd_id ids[3] = {ask_semaphore(c, p[0][0], READ), ask_evt(c, p[1][0], READ), ask_evt(c, p[2][0], READ)};
    struct inflight *wait = ask_park(c, ids, 3, PORTD_WAIT_ALL);
    for (int i = 0; i < 3; i++) {
        assert_true(ask_still_inflight(wait));
        put(p[2 - i][1]);
    }
    assert_int_equal(ask_answer(wait), 3);
    for (int i = 0; i < 3; i++)
        check_ready(&wait->ready[i], ids[i], READY);
}

/* What was ready and is not any more does not count: the check is one, at the end. */
static void all_is_one_final_check(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_evt(c, q[0], READ)};
    put(p[1]);
    struct inflight *wait = ask_park(c, ids, 2, PORTD_WAIT_ALL);
    assert_true(ask_still_inflight(wait));
    (void)drain(p[0]); /* meanwhile another holder takes the bytes */
    put(q[1]);
    assert_until(c, ids[1], READY);
    assert_true(ask_still_inflight(wait));
    (void)drain(q[0]);
    put(p[1]);
    assert_until(c, ids[0], READY);
    assert_true(ask_still_inflight(wait));
    put(q[1]);
    assert_int_equal(ask_answer(wait), 2);
}

static void all_with_a_semaphore_keeps_what_fired(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[2] = {ask_semaphore(c, p[0], READ), ask_evt(c, q[0], READ)};
    struct inflight *wait = ask_park(c, ids, 2, PORTD_WAIT_ALL);
    put(p[1]);
    assert_until(c, ids[0], READY);
    (void)drain(p[0]); /* fired is for ever */
    assert_true(ask_still_inflight(wait));
    put(q[1]);
    assert_int_equal(ask_answer(wait), 2);
}

static void all_counts_what_has_ended(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_evt(c, q[0], READ)};
    struct inflight *wait = ask_park(c, ids, 2, PORTD_WAIT_ALL);
    ask_no_evts(c, p[0]);
    assert_true(ask_still_inflight(wait));
    ask_no_evts(c, q[0]);
    assert_int_equal(ask_answer(wait), 2);
    check_ready(&wait->ready[0], ids[0], REMOVED);
    check_ready(&wait->ready[1], ids[1], REMOVED);
}

static void all_that_passes_its_limit_answers_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready[2] = {{0, 77}, {0, 77}};
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    put(p[1]);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_semaphore(c, q[0], READ)};
    assert_int_equal(portd_wait(c, ids, 2, PORTD_WAIT_ALL, 0, ready), 0);
    assert_int_equal(portd_wait(c, ids, 2, PORTD_WAIT_ALL, portd_now() + 500, ready), 0);
    assert_int_equal(ready[0].cause, 77); /* not written to */
    assert_int_equal(ask_inflight(c), 0);
}

/* ---- who and how many ---------------------------------------------------------------------------------------------- */

static void up_to_256_targets(void **state) {
    enum { MOST = 256 };
    portd_client *c = fixture_client(NULL);
    portd_ready ready[MOST];
    portd_id ids[MOST + 1];
    int p[2];

    (void)state;
    make_pipe(p);
    for (int i = 0; i < MOST / 2; i++) {
        int copy = make_dup(p[0]);
        ids[2 * i] = ask_evt(c, copy, READ);
        ids[2 * i + 1] = ask_semaphore(c, copy, READ);
    }
    ids[MOST] = ids[0];
    assert_int_equal(portd_wait(c, ids, MOST, 0, 0, ready), 0);
    struct inflight *all = ask_park(c, ids, MOST, PORTD_WAIT_ALL);
    assert_true(ask_still_inflight(all));
    put(p[1]);
    assert_int_equal(ask_answer(all), MOST);
    assert_int_equal(portd_wait(c, ids, MOST, 0, fixture_soon(), ready), MOST);
    for (int i = 0; i < MOST; i++)
        check_ready(&ready[i], ids[i], READY);
    assert_int_equal(portd_wait(c, ids, MOST + 1, 0, 0, ready), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "n");
    assert_int_equal(portd_wait(c, ids, 0, 0, 0, ready), PORTD_E_INVALID);
}

static void unknown_ids_fail_the_whole_wait(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    portd_ready ready[2];
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    portd_id mine = ask_evt(c, p[0], READ), theirs = ask_evt(stranger, p[0], READ);
    portd_id never = mine + (1000 << 3);
    const portd_id mixed[2] = {mine, theirs}, future[2] = {mine, never}, zero[2] = {mine, 0};
    assert_int_equal(portd_wait(c, mixed, 2, 0, 0, ready), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_wait(c, mixed, 2, 0, PORTD_FOREVER, ready), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_wait(c, future, 2, 0, 0, ready), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_wait(c, zero, 2, 0, 0, ready), PORTD_E_NOT_FOUND);
    assert_int_equal(ask_inflight(c), 0);
    assert_until(c, mine, READY);
    assert_until(stranger, theirs, READY);
}

static void a_never_issued_semaphore_is_not_fired(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), never = s + (1000 << 3);
    assert_int_equal(portd_wait(c, &never, 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
    never = (portd_id)(3 | (1 << 3));
    assert_int_equal(portd_wait(c, &never, 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
}

static void only_semaphores_and_events_are_waited_for(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ), descriptor = ask_item(c, e).descriptor,
             session = portd_session_id(c);
    assert_int_equal(portd_id_kind(descriptor), PORTD_KIND_DESCRIPTOR);
    assert_true(portd_wait(c, &descriptor, 1, 0, 0, &ready) < 0);
    assert_true(portd_wait(c, &session, 1, 0, 0, &ready) < 0);
    assert_int_equal(portd_wait(c, &e, 1, 64, 0, &ready), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "flags");
}

static void inflight_waits_do_not_fill_the_window(void **state) {
    enum { MANY = 300 }; /* more than the requests that may be in flight */
    portd_client *c = fixture_client(NULL);
    struct inflight *waits[MANY];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    for (int i = 0; i < MANY; i++)
        waits[i] = ask_park_one(c, e, 0);
    assert_int_equal(ask_item(c, e).waiters, MANY);
    ask_cancel(waits[7]);
    put(p[1]);
    for (int i = 0; i < MANY; i++)
        if (i != 7)
            assert_answer(waits[i], e, READY);
    assert_int_equal(ask_inflight(c), 0);
}

/* ---- cancel ------------------------------------------------------------------------------------------------------- */

static void cancelling_answers_and_forgets(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_semaphore(c, p[0], READ)};
    struct inflight *cancelled = ask_park(c, ids, 2, 0), *kept = ask_park(c, ids, 2, 0);
    assert_int_equal(ask_inflight(c), 2);
    ask_cancel(cancelled);
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* the cancel itself was answered as well */
    assert_int_equal(ask_inflight(c), 1);
    assert_int_equal(ask_item(c, ids[0]).waiters, 1);
    assert_true(ask_still_inflight(kept));
    put(p[1]);
    assert_true(ask_answer(kept) >= 1);
    assert_int_equal(cancelled->answers, 1);
}

static void cancelling_what_is_ready_answers_once(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    for (int i = 0; i < 50; i++) {
        struct inflight *wait = ask_park_one(c, e, 0);
        put(p[1]);
        portd_cancel(wait->request);
        int code = ask_answer(wait);
        assert_true(code == 1 || code == PORTD_E_CANCELLED);
        assert_int_equal(portd_ping(c, fixture_soon()), 1);
        assert_int_equal(wait->answers, 1);
        (void)drain(p[0]);
    }
    assert_int_equal(ask_inflight(c), 0);
}

static void the_end_of_a_connection_takes_its_waits(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    (void)ask_park_one(other, e, 0);
    (void)ask_park_one(other, e, ask_wait_one(other));
    struct inflight *mine = ask_park_one(c, e, 0);
    ask_until_waiters(c, e, 3);
    fixture_disconnect(other);
    ask_until_waiters(c, e, 1);
    assert_int_equal(ask_inflight(c), 1);
    put(p[1]);
    assert_answer(mine, e, READY);
}

TEST_MAIN(FIXTURE_CASE(answers_all_that_are_ready_in_order_with_causes),
          FIXTURE_CASE(a_parked_one_answers_all_that_are_ready_then),
          FIXTURE_CASE(what_is_ready_in_the_first_look_parks_nothing),
          FIXTURE_CASE(repeated_ids_are_answered_as_often), FIXTURE_CASE(all_waits_for_every_one),
          FIXTURE_CASE(all_is_one_final_check), FIXTURE_CASE(all_with_a_semaphore_keeps_what_fired),
          FIXTURE_CASE(all_counts_what_has_ended), FIXTURE_CASE(all_that_passes_its_limit_answers_nothing),
          FIXTURE_CASE(up_to_256_targets), FIXTURE_CASE(unknown_ids_fail_the_whole_wait),
          FIXTURE_CASE(a_never_issued_semaphore_is_not_fired),
          FIXTURE_CASE(only_semaphores_and_events_are_waited_for),
          FIXTURE_CASE(inflight_waits_do_not_fill_the_window), FIXTURE_CASE(cancelling_answers_and_forgets),
          FIXTURE_CASE(cancelling_what_is_ready_answers_once),
          FIXTURE_CASE(the_end_of_a_connection_takes_its_waits))
