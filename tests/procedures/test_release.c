/* test_release.c: release of an id, for the whole session: at once if the object has ended, else when it does, unless a create call
 * returns it before. */
#include "ask.h"
#include "descriptors.h"

#include <poll.h>

static void release(portd_client *c, portd_id id) {
    assert_int_equal(portd_release(c, &id, 1, fixture_soon()), 1);
}

/* No call knows it. */
static void check_unknown(portd_client *c, portd_id id) {
    portd_list *list = NULL;
    portd_native handle = -1;
    portd_ready ready;

    assert_int_equal(portd_wait(c, &id, 1, 0, PORTD_FOREVER, &ready), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_show(c, &id, 1, fixture_soon(), &list), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_handle_dup(c, id, fixture_soon(), &handle), PORTD_E_NOT_FOUND);
    assert_int_equal(handle, -1);
    assert_int_equal(portd_remove(c, id, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_release(c, &id, 1, fixture_soon()), PORTD_E_NOT_FOUND);
}

static uint32_t objects(portd_client *c) { return ask_item(c, portd_session_id(c)).objects; }

static void a_fired_semaphore_is_no_object(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    put(p[1]);
    assert_until(c, s, READY);
    assert_int_equal(objects(c), 1);
    release(c, s);
    assert_int_equal(objects(c), 0);
    check_unknown(c, s);
    check_unknown(other, s); /* for the whole session */
    portd_id again = ask_semaphore(c, p[0], READ);
    assert_new(again, s);
}

static void a_removed_semaphore_is_no_object(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    ask_no_semaphores(c, p[0]);
    assert_cause(c, s, REMOVED);
    release(c, s);
    check_unknown(c, s);
}

/* Nobody learns which ids there ever were. */
static void what_is_gone_is_like_what_never_was(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    portd_id before = ask_semaphore(stranger, p[0], READ), ended = portd_session_id(stranger);
    for (portd_id id = s - 8 * 40; id < s; id += 8)
        check_unknown(c, id);
    fixture_disconnect(stranger);
    fixture_until_fds(fixture_broker(), 2);
    for (int kind = 1; kind <= 5; kind++) {
        check_unknown(c, (before & ~(portd_id)7) | (portd_id)kind);
        check_unknown(c, (ended & ~(portd_id)7) | (portd_id)kind);
        if (kind != PORTD_KIND_SEMAPHORE)
            check_unknown(c, (s & ~(portd_id)7) | (portd_id)kind);
    }
    assert_cause(c, s, IDLE);
}

static void a_removed_event_is_no_object(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    ask_no_evts(c, p[0]);
    assert_cause(c, e, REMOVED);
    release(c, e);
    check_unknown(c, e);
    assert_int_equal(objects(c), 0);
}

static void of_a_registered_semaphore_it_takes_effect_when_it_fires(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    release(c, s);
    assert_same(s, ask_semaphore(c, p[0], CHECK_READ)); /* which makes nobody's what was released */
    assert_cause(c, s, IDLE);
    assert_true(ask_item(c, s).registered);
    struct inflight *wait = ask_park_one(c, s, 0);
    assert_true(ask_still_inflight(wait));
    put(p[1]);
    assert_answer(wait, s, READY);
    check_unknown(c, s);
    assert_int_equal(objects(c), 0);
    fixture_until_fds(fixture_broker(), 1);
}

/* The look of the wait itself finds it ready, fires it, and with that it is gone. */
static void of_one_that_fires_in_the_look(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready[3];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    const portd_id ids[3] = {s, e, s};
    release(c, s);
    put(p[1]);
    /* The engine may have been first: then it is gone. */
    int told = portd_wait(c, ids, 3, PORTD_WAIT_ALL, fixture_soon(), ready);
    assert_true(told == PORTD_E_NOT_FOUND ||
                (told == 3 && ready[0].id == s && ready[1].id == e && ready[2].id == s));
    assert_int_equal(portd_wait(c, ids, 3, 0, 0, ready), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_wait(c, ids + 1, 1, 0, 0, ready), 1);
    assert_int_equal(objects(c), 1);
}

static void of_a_registered_event_it_takes_effect_when_it_ends(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    release(c, e);
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    put(p[1]);
    assert_until(c, e, READY);
    (void)drain(p[0]);
    struct inflight *wait = ask_park_one(c, e, 0);
    assert_true(ask_still_inflight(wait));
    ask_no_evts(c, p[0]);
    assert_answer(wait, e, REMOVED); /* who waited for it is told */
    assert_int_equal(portd_wait(c, &e, 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
    assert_int_equal(objects(c), 0);
}

/* Whoever gets the id by a create call has it, whatever was released before. */
static void a_create_call_lifts_a_release(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    for (int i = 0; i < 2; i++) {
        release(c, s);
        release(c, e);
        release(c, s);
    }
    assert_same(s, ask_semaphore(other, p[0], READ));
    assert_same(e, ask_evt(c, p[0], READ));
    put(p[1]);
    assert_until(c, s, READY);
    ask_no_evts(c, p[0]);
    assert_cause(c, s, READY);
    assert_cause(c, e, REMOVED);
    assert_int_equal(objects(c), 2);
    release(c, s);
    release(c, e);
    check_unknown(c, s);
    check_unknown(other, e);
}

/* However many calls have returned it: one release gives it back for all of them. */
static void one_release_is_for_all_create_calls(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_same(s, ask_semaphore(other, p[0], READ));
    assert_same(s, ask_semaphore(c, p[0], READ));
    release(other, s);
    struct inflight *wait = ask_park_one(c, s, 0);
    put(p[1]);
    assert_answer(wait, s, READY);
    check_unknown(c, s);
    check_unknown(other, s);
}

/* One of two that an in-flight wait for all needs ends and is given back, in either order, before the wait or during it; and
 * others are made in the meantime, whose memory may be that of the one that has gone. */
static void check_wait_for_all(bool semaphore, bool ended_before, bool released_first) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    make_pipe(p);
    make_pipe(q);
    portd_id ids[3] = {semaphore ? ask_semaphore(c, p[0], READ) : ask_evt(c, p[0], READ),
                       ask_evt(c, q[0], READ)};
    ids[2] = ids[0];
    if (ended_before)
        assert_int_equal(portd_remove(c, ids[0], fixture_soon()), 1);
    struct inflight *wait = ask_park(c, ids, 3, PORTD_WAIT_ALL);
    if (released_first)
        release(c, ids[0]);
    assert_int_equal(portd_remove(c, ids[0], fixture_soon()),
                     ended_before && released_first ? PORTD_E_NOT_FOUND : 1);
    if (!released_first)
        release(c, ids[0]);
    for (int i = 0; i < 4; i++)
        (void)ask_evt(c, make_dup(p[0]), READ);
    assert_true(ask_still_inflight(wait));
    put(q[1]);
    assert_int_equal(ask_answer(wait), 3);
    assert_int_equal(wait->ready[0].cause, REMOVED);
    assert_int_equal(wait->ready[1].cause, READY);
    assert_int_equal(wait->ready[2].cause, REMOVED);
}

static void a_parked_wait_remembers_what_has_gone(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++)
        check_wait_for_all(i & 1, i & 2, i & 4);
}

static void replacing_ends_a_released_one(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    release(c, s);
    release(c, e);
    make_at(q[0], p[0]);
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED | PORTD_RESULT_REPLACED);
    check_unknown(c, s);
    check_unknown(c, e);
    assert_cause(c, new, IDLE);
    assert_int_equal(objects(c), 1);
}

static void all_ids_are_looked_at_before_any_is_released(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), theirs = ask_semaphore(stranger, p[0], READ);
    ask_no_semaphores(c, p[0]);
    const portd_id ids[2] = {s, theirs};
    assert_int_equal(portd_release(c, ids, 2, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_cause(c, s, REMOVED);
    assert_cause(stranger, theirs, IDLE);
    portd_id session = portd_session_id(c);
    assert_true(portd_release(c, &session, 1, fixture_soon()) < 0);
    assert_int_equal(portd_release(c, ids, 0, fixture_soon()), PORTD_E_INVALID);
}

static void many_at_once_and_one_twice(void **state) {
    enum { MANY = 256 };
    portd_client *c = fixture_client(NULL);
    portd_id ids[MANY + 1];
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    for (int i = 0; i < MANY - 1; i++)
        ids[i] = ask_semaphore(c, p[0], READ);
    ids[MANY - 1] = ids[MANY] = ids[0];
    assert_int_equal(objects(c), MANY - 1);
    assert_int_equal(portd_release(c, ids, MANY + 1, fixture_soon()), PORTD_E_INVALID);
    assert_int_equal(portd_release(c, ids, MANY, fixture_soon()), 1);
    assert_int_equal(objects(c), 0);
    check_unknown(c, ids[0]);
    check_unknown(c, ids[MANY - 2]);
}

static void a_handle_outlives_the_id(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, q[0], READ);
    int of_s = ask_handle(c, s), of_e = ask_handle(c, e);
    release(c, s);
    release(c, e);
    assert_false(ask_handle_ready(of_s));
    assert_false(ask_handle_ready(of_e));
    fixture_until_fds(fixture_broker(), 1 + 2 + 2 + 1); /* that of an event has a wakeup */
    put(p[1]);
    assert_true(fixture_poll(of_s, POLLIN) & POLLIN);
    ask_no_evts(c, q[0]);
    assert_true(ask_handle_ready(of_e));
    fixture_until_fds(fixture_broker(), 1); /* the broker's copies of the handles went with the ids */
    assert_true(ask_handle_ready(of_s));
    assert_true(ask_handle_ready(of_e));
}

TEST_MAIN(FIXTURE_CASE(a_fired_semaphore_is_no_object), FIXTURE_CASE(a_removed_semaphore_is_no_object),
          FIXTURE_CASE(what_is_gone_is_like_what_never_was), FIXTURE_CASE(a_removed_event_is_no_object),
          FIXTURE_CASE(of_a_registered_semaphore_it_takes_effect_when_it_fires),
          FIXTURE_CASE(a_create_call_lifts_a_release), FIXTURE_CASE(one_release_is_for_all_create_calls),
          FIXTURE_CASE(of_one_that_fires_in_the_look),
          FIXTURE_CASE(of_a_registered_event_it_takes_effect_when_it_ends),
          FIXTURE_CASE(a_parked_wait_remembers_what_has_gone), FIXTURE_CASE(replacing_ends_a_released_one),
          FIXTURE_CASE(all_ids_are_looked_at_before_any_is_released),
          FIXTURE_CASE(many_at_once_and_one_twice), FIXTURE_CASE(a_handle_outlives_the_id))
