/* test_remove.c: remove always answers none: it takes both directions of the number out of its table, wakes all waiters, and
 * replies when the broker's copy is closed. */
#include "ask.h"
#include "descriptors.h"

#include <sys/socket.h>

static void r01_answers_none_when_there_is_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    ask_no_semaphores(c, p[0]);
    ask_no_evts(c, p[0]);
    ask_no_semaphores(c, 900); /* never open */
    assert_int_equal(portd_last_flags(c), 0);
}

static void r02_a_new_one_is_idle(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    ask_no_semaphores(c, p[0]);
    assert_cause(c, s, REMOVED);
    assert_none(ask_semaphore(c, p[0], CHECK_READ)); /* C04 */
    assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
    put(p[1]);
    (void)drain(p[0]);
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_new(new, s);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    assert_cause(c, new, IDLE);
    put(p[1]);
    assert_until(c, new, READY);
    assert_cause(c, s, REMOVED);
}

static void r03_takes_both_directions(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id r = ask_semaphore(c, p[0], READ), w = ask_semaphore(c, p[0], WRITE);
    assert_cause(c, r, IDLE);
    assert_cause(c, w, IDLE);
    ask_no_semaphores(c, p[0]);
    assert_cause(c, r, REMOVED);
    assert_cause(c, w, REMOVED);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
    assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
}

static void r05_wakes_all_waiters(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    struct inflight *waits[6];
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, q[0], READ);
    for (int i = 0; i < 6; i++)
        waits[i] = ask_park_one(i % 2 ? other : c, i < 3 ? s : e, 0);
    ask_no_semaphores(c, p[0]);
    for (int i = 0; i < 3; i++)
        assert_answer(waits[i], s, REMOVED);
    for (int i = 3; i < 6; i++)
        assert_true(ask_still_inflight(waits[i]));
    ask_no_evts(other, q[0]); /* any connection of the session may */
    for (int i = 3; i < 6; i++)
        assert_answer(waits[i], e, REMOVED);
}

static void r07_twice_and_after_firing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    ask_no_semaphores(c, p[0]);
    ask_no_semaphores(c, p[0]);
    assert_cause(c, s, REMOVED);
    portd_id fired = ask_semaphore(c, p[1], WRITE);
    assert_cause(c, fired, READY);
    ask_no_semaphores(c, p[1]);
    assert_cause(c, fired, READY); /* what ended it stays its cause */
}

static void r08_the_old_post_never_reaches_the_new_one(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id last = 0;
    int p[2];

    (void)state;
    make_pipe(p);
    for (int i = 0; i < 100; i++) {
        portd_id s = ask_semaphore(c, p[0], READ);
        assert_new(s, last);
        assert_true(ask_item(c, s).registered);
        ask_no_semaphores(c, p[0]);
        assert_cause(c, s, REMOVED);
        last = s;
    }
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_cause(c, s, IDLE);
}

/* Registering is pipelined behind the remove, while the copy may still be closing. */
static void count_answer(portd_client *client, const portd_result *result, void *data) {
    portd_id *ids = data;

    (void)client;
    if (result->code >= 0)
        ids[ids[0]++] = result->id;
}

static void registering_right_behind_makes_an_idle_one(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id answers[4] = {1};
    int p[2];

    (void)state;
    make_tcp(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_fd_to_semaphore_start(c, p[0], REMOVE, count_answer, answers, NULL), 1);
    assert_int_equal(portd_fd_to_semaphore_start(c, p[0], READ, count_answer, answers, NULL), 1);
    assert_int_equal(portd_fd_to_semaphore_start(c, p[0], CHECK_READ, count_answer, answers, NULL), 1);
    while (answers[0] < 4)
        assert_true(portd_poll(c, fixture_soon()) > 0);
    /* Replies come in any order: the remove may be answered last. */
    portd_id new = ask_semaphore(c, p[0], CHECK_READ);
    assert_new(new, s);
    assert_true(answers[1] == new || answers[1] == 0);
    assert_true(answers[1] + answers[2] + answers[3] == 2 * new);
    assert_cause(c, s, REMOVED);
    assert_cause(c, new, IDLE);
    put(p[1]);
    assert_until(c, new, READY);
}

/* ---- by id -------------------------------------------------------------------------------------------------------- */

static void by_id_takes_the_number_from_its_table(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id r = ask_semaphore(c, p[0], READ), w = ask_semaphore(c, p[0], WRITE), e = ask_evt(c, p[0], READ);
    assert_int_equal(portd_remove(c, w, fixture_soon()), 1);
    assert_cause(c, r, REMOVED);
    assert_cause(c, w, REMOVED);
    assert_cause(c, e, IDLE);
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    assert_int_equal(portd_remove(c, e, fixture_soon()), 1);
    assert_cause(c, e, REMOVED);
    fixture_until_fds(fixture_broker(), 1);
}

static void by_id_leaves_nothing_is_done_too(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_remove(c, s, fixture_soon()), 1);
    assert_int_equal(portd_remove(c, s, fixture_soon()), 1);
    assert_int_equal(portd_release(c, &s, 1, fixture_soon()), 1);
    assert_int_equal(portd_remove(c, s, fixture_soon()), PORTD_E_NOT_FOUND);
}

/* Firing ends one direction: the other one is still registered, and keeps the copy open. */
static void by_id_of_a_fired_one_takes_the_other_direction(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id w = ask_semaphore(c, p[0], WRITE);
    put(p[1]);
    portd_id r = ask_semaphore(c, p[0], READ);
    assert_cause(c, r, READY);
    assert_int_equal(portd_remove(c, r, fixture_soon()), 1);
    assert_cause(c, r, READY);
    assert_cause(c, w, REMOVED);
    assert_none(ask_semaphore(c, p[0], CHECK_WRITE));
    fixture_until_fds(fixture_broker(), 1);
}

/* What was registered when it fired is removed, and nothing that was made since, in either direction. That its copy stayed open, for an event,
 * or was closed makes no difference. */
static void by_id_of_a_fired_one_leaves_what_is_newer(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        make_pair(SOCK_STREAM, p);
        (void)fill(p[0]);
        portd_id e = kept ? ask_evt(c, p[0], READ) : 0, old = ask_semaphore(c, p[0], READ);
        portd_id with = kept ? ask_semaphore(c, p[0], WRITE) : 0; /* made before the other has fired */
        put(p[1]);
        assert_until(c, old, READY);
        fixture_until_fds(fixture_broker(), kept ? 2 : 1);
        assert_int_equal(drain(p[0]), 1);
        portd_id new = ask_semaphore(c, p[0], READ), beside = kept ? 0 : ask_semaphore(c, p[0], WRITE);
        assert_int_equal(portd_remove(c, old, fixture_soon()), 1);
        assert_cause(c, old, READY);
        assert_cause(c, new, IDLE);
        assert_same(new, ask_semaphore(c, p[0], CHECK_READ));
        assert_int_equal(portd_remove(c, old, fixture_soon()), 1); /* as often as you like */
        assert_same(new, ask_semaphore(c, p[0], CHECK_READ));
        if (kept) {
            assert_cause(c, with, REMOVED);
            assert_cause(c, e, IDLE);
            ask_no_evts(c, p[0]);
        } else {
            assert_cause(c, beside, IDLE);
        }
        assert_int_equal(portd_remove(c, new, fixture_soon()), 1);
        assert_cause(c, new, REMOVED);
        fixture_until_fds(fixture_broker(), 1);
        fixture_close(p[0]);
        fixture_close(p[1]);
    }
}

/* A wait's look fires it, and its copy is closed a moment later: what is made meanwhile has the same copy. */
static void by_id_of_one_that_a_wait_fired_leaves_what_follows_at_once(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id answers[2] = {1};
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id w = ask_semaphore(c, p[0], WRITE), old = ask_semaphore(c, p[0], READ);
    put(p[1]);
    assert_until(c, old, READY);
    assert_int_equal(drain(p[0]), 1);
    assert_int_equal(portd_fd_to_semaphore_start(c, p[0], READ, count_answer, answers, NULL), 1);
    assert_int_equal(portd_remove(c, old, fixture_soon()), 1);
    portd_id new = ask_semaphore(c, p[0], CHECK_READ);
    assert_new(new, old);
    assert_cause(c, new, IDLE);
    assert_cause(c, w, REMOVED);
}

/* The number of a fired object names another open file: that one is not touched. */
static void by_id_of_a_fired_one_leaves_another_file(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    put(p[1]);
    portd_id e = ask_evt(c, p[0], READ), old = ask_semaphore(c, p[0], READ);
    assert_cause(c, old, READY);
    assert_int_equal(dup2(q[0], p[0]), p[0]);
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_cause(c, e, REPLACED);
    assert_int_equal(portd_remove(c, old, fixture_soon()), 1);
    assert_cause(c, new, IDLE);
    assert_same(new, ask_semaphore(c, p[0], CHECK_READ));
}

/* A removed object has no number in its table any more: a newer one of the same number is not touched. */
static void by_id_of_a_removed_one_leaves_its_successor(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id old = ask_semaphore(c, p[0], READ);
    ask_no_semaphores(c, p[0]);
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_remove(c, old, fixture_soon()), 1);
    assert_cause(c, new, IDLE);
    assert_same(new, ask_semaphore(c, p[0], CHECK_READ));
}

static void by_id_refuses_what_is_none(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_remove(stranger, s, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_remove(c, 0, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_true(portd_remove(c, ask_item(c, s).descriptor, fixture_soon()) < 0);
    assert_cause(c, s, IDLE);
}

/* ---- answered when the copy is closed ----------------------------------------------------------------------------- */

/* `kept` is closed by the client, so the broker's copy alone holds that end open; then remove: the other end must be at
 * its end at once, without any waiting. */
static void check_end(portd_client *c, int kept, int other, bool evt) {
    portd_id id = evt ? ask_evt(c, kept, WRITE) : ask_semaphore(c, kept, READ);
    int number = kept;

    fixture_close(kept);
    assert_false(at_end(other));
    assert_int_equal(errno, EAGAIN);
    if (evt)
        ask_no_evts(c, number);
    else
        ask_no_semaphores(c, number);
    assert_true(at_end(other));
    assert_cause(c, id, REMOVED);
    fixture_close(other);
}

static void answers_when_the_peer_sees_the_end(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (int evt = 0; evt < 2; evt++) {
        for (int i = 0; i < 20; i++) {
            make_pair(SOCK_STREAM, p);
            check_end(c, p[0], p[1], evt);
            make_pair(SOCK_SEQPACKET, p);
            check_end(c, p[0], p[1], evt);
            make_tcp(p);
            check_end(c, p[0], p[1], evt);
            make_pipe(p);
            if (evt)
                check_end(c, p[1], p[0], true);
        }
    }
    fixture_until_fds(fixture_broker(), 1);
}

static void a_pipes_reader_is_told(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    (void)fill(p[1]);
    int number = p[1];
    portd_id s = ask_semaphore(c, p[1], WRITE);
    assert_cause(c, s, IDLE);
    fixture_close(p[1]);
    (void)drain(p[0]); /* makes room: it fires, and the copy is dropped without a remove */
    assert_until(c, s, READY);
    until_end(p[0]);
    ask_no_semaphores(c, number);
}

static void the_copy_stays_while_the_other_table_needs_it(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    int number = p[0];
    portd_id s = ask_semaphore(c, number, READ), e = ask_evt(c, number, READ);
    assert_true(ask_item(c, s).descriptor == ask_item(c, e).descriptor);
    fixture_close(p[0]);
    ask_no_semaphores(c, number);
    assert_false(at_end(p[1]));
    assert_cause(c, e, IDLE);
    ask_no_evts(c, number);
    assert_true(at_end(p[1]));
}

TEST_MAIN(FIXTURE_CASE(r01_answers_none_when_there_is_nothing), FIXTURE_CASE(r02_a_new_one_is_idle),
          FIXTURE_CASE(r03_takes_both_directions), FIXTURE_CASE(r05_wakes_all_waiters),
          FIXTURE_CASE(r07_twice_and_after_firing), FIXTURE_CASE(r08_the_old_post_never_reaches_the_new_one),
          FIXTURE_CASE(registering_right_behind_makes_an_idle_one),
          FIXTURE_CASE(by_id_takes_the_number_from_its_table), FIXTURE_CASE(by_id_leaves_nothing_is_done_too),
          FIXTURE_CASE(by_id_of_a_fired_one_takes_the_other_direction),
          FIXTURE_CASE(by_id_of_a_fired_one_leaves_what_is_newer),
          FIXTURE_CASE(by_id_of_one_that_a_wait_fired_leaves_what_follows_at_once),
          FIXTURE_CASE(by_id_of_a_fired_one_leaves_another_file),
          FIXTURE_CASE(by_id_of_a_removed_one_leaves_its_successor), FIXTURE_CASE(by_id_refuses_what_is_none),
          FIXTURE_CASE(answers_when_the_peer_sees_the_end), FIXTURE_CASE(a_pipes_reader_is_told),
          FIXTURE_CASE(the_copy_stays_while_the_other_table_needs_it))
