/* test_fd_to_evt.c: an event is ready exactly while poll(2) reports it, and for ever once it is removed. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>

static void e01_is_ready_while_the_descriptor_is(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    assert_int_equal(portd_id_kind(e), PORTD_KIND_EVT);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    assert_cause(c, e, IDLE);
    put(p[1]);
    assert_cause(c, e, READY); /* E24: at once */
    assert_cause(c, e, READY);
    (void)drain(p[0]);
    assert_cause(c, e, IDLE);
    put(p[1]);
    assert_cause(c, e, READY);
    assert_same(e, ask_evt(c, p[0], READ));
    assert_int_equal(portd_last_flags(c), 0);
}

/* E02: the result of a wait is the event itself: ask_until compares the id. */
static void e02_e25_a_wait_answers_the_event(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready = {0};
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    assert_int_equal(portd_wait(c, &e, 1, 0, portd_now() + 1000, &ready), 0);
    struct inflight *wait = ask_park_one(c, e, 0);
    assert_true(ask_still_inflight(wait));
    put(p[1]);
    assert_answer(wait, e, READY);
    assert_until(c, e, READY);
}

static void e03_is_the_same_until_removed(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id id = 0;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id e = ask_evt(c, p[0], READ);
    assert_same(e, ask_evt(c, p[0], READ));
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    assert_int_equal(portd_fd_to_evt(c, p[0], READ, PORTD_SOCKET, fixture_soon(), &id), 1);
    assert_same(e, id);
    assert_int_equal(portd_fd_to_evt(c, p[0], CHECK_READ, PORTD_SOCKET, fixture_soon(), &id), 1);
    assert_same(e, id);
    assert_int_equal(portd_fd_to_evt(c, p[0], REMOVE, PORTD_SOCKET, fixture_soon(), &id), 0);
    assert_cause(c, e, REMOVED);
}

static void e04_check_creates_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    assert_none(ask_evt(c, p[0], CHECK_READ));
    assert_none(ask_evt(c, p[0], CHECK_WRITE));
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, 0);
    (void)ask_evt(c, p[0], READ);
    assert_none(ask_evt(c, p[0], CHECK_WRITE));
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, 1);
}

static void e05_being_ready_does_not_unregister(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    put(p[1]);
    portd_id e = ask_evt(c, p[0], READ);
    assert_until(c, e, READY);
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    assert_true(ask_item(c, e).registered);
}

static void e06_read_and_write_are_two(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id r = ask_evt(c, p[0], READ), w = ask_evt(c, p[0], WRITE);
    assert_new(w, r);
    assert_cause(c, r, IDLE);
    assert_cause(c, w, READY);
    (void)fill(p[0]);
    assert_cause(c, r, IDLE);
    assert_cause(c, w, IDLE);
    put(p[1]);
    assert_cause(c, r, READY);
    assert_cause(c, w, IDLE);
    (void)drain(p[1]);
    assert_cause(c, r, READY);
    assert_cause(c, w, READY);
}

static void e07_removed_is_ready_for_ever(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    ask_no_evts(c, p[0]);
    for (int i = 0; i < 3; i++)
        assert_cause(c, e, REMOVED);
    assert_none(ask_evt(c, p[0], CHECK_READ));
    portd_id new = ask_evt(c, p[0], READ);
    assert_new(new, e);
    assert_cause(c, new, IDLE);
    put(p[1]);
    assert_cause(c, new, READY);
    assert_cause(c, e, REMOVED); /* not ready, though the pipe is: it says what ended it */
}

static void e08_one_remove_for_both_directions(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id r = ask_evt(c, p[0], READ), w = ask_evt(c, p[0], WRITE);
    assert_cause(c, r, IDLE);
    assert_cause(c, w, IDLE);
    ask_no_evts(c, p[0]);
    ask_no_evts(c, p[0]);
    assert_cause(c, r, REMOVED);
    assert_cause(c, w, REMOVED);
}

static void e09_remove_wakes_a_waiter(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inflight *mine = ask_park_one(c, e, 0), *others = ask_park_one(other, e, ask_wait_one(other));
    ask_no_evts(c, p[0]);
    assert_answer(mine, e, REMOVED);
    assert_answer(others, e, REMOVED);
}

static void e10_all_waiters_wake(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    struct inflight *waits[6];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    for (int i = 0; i < 6; i++)
        waits[i] = ask_park_one(i % 2 ? c : other, e, 0);
    for (int i = 0; i < 6; i++)
        assert_true(ask_still_inflight(waits[i]));
    put(p[1]);
    for (int i = 0; i < 6; i++)
        assert_answer(waits[i], e, READY);
    struct inflight *later = ask_park_one(c, e, 0); /* nobody has drained it */
    assert_answer(later, e, READY);
}

static void waits_again_and_again(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    for (int i = 0; i < 50; i++) {
        struct inflight *wait = ask_park_one(c, e, 0);
        assert_true(ask_still_inflight(wait));
        put(p[1]);
        assert_answer(wait, e, READY);
        (void)drain(p[0]);
    }
    assert_cause(c, e, IDLE);
}

static void e11_tables_are_removed_for_themselves(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id e = ask_evt(c, p[0], READ), s = ask_semaphore(c, p[0], READ);
    ask_no_evts(c, p[0]);
    assert_cause(c, e, REMOVED);
    assert_cause(c, s, IDLE);
    assert_same(s, ask_semaphore(c, p[0], CHECK_READ));
    e = ask_evt(c, q[0], READ), s = ask_semaphore(c, q[0], READ);
    ask_no_semaphores(c, q[0]);
    assert_cause(c, s, REMOVED);
    assert_cause(c, e, IDLE);
    assert_same(e, ask_evt(c, q[0], CHECK_READ));
    put(q[1]);
    assert_cause(c, e, READY);
}

static void e12_tables_are_filled_for_themselves(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id e = ask_evt(c, p[0], READ);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
    portd_id s = ask_semaphore(c, q[0], READ);
    assert_none(ask_evt(c, q[0], CHECK_READ));
    assert_int_equal(portd_id_kind(e), PORTD_KIND_EVT);
    assert_int_equal(portd_id_kind(s), PORTD_KIND_SEMAPHORE);
}

static void both_kinds_of_one_number_follow_it(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ), s = ask_semaphore(c, p[0], READ);
    struct inflight *of_e = ask_park_one(c, e, 0), *of_s = ask_park_one(c, s, 0);
    put(p[1]);
    assert_answer(of_e, e, READY);
    assert_answer(of_s, s, READY);
    (void)drain(p[0]);
    assert_cause(c, e, IDLE);
    assert_cause(c, s, READY);
    assert_same(e, ask_evt(c, p[0], CHECK_READ)); /* S17 for tables: firing takes only itself */
}

static void e15_follows_the_kernel_about_room(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[1], WRITE);
    assert_cause(c, e, READY);
    (void)fill(p[1]);
    assert_cause(c, e, IDLE);
    take(p[0], 1);
    assert_cause(c, e, IDLE);
    take(p[0], 4096);
    assert_cause(c, e, READY);
}

static void e20_stays_with_the_file_it_was_made_for(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id e = ask_evt(c, p[0], READ);
    make_at(q[0], p[0]); /* the number is another file now; the event is not told */
    put(q[1]);
    assert_cause(c, e, IDLE);
    assert_same(e, ask_evt(c, p[0], CHECK_READ)); /* checks bring no descriptor to compare */
    put(p[1]);
    assert_cause(c, e, READY);
}

static void e23_a_dup_is_another_number(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int copy = make_dup(p[0]);
    portd_id a = ask_evt(c, p[0], READ), b = ask_evt(c, copy, READ);
    assert_new(b, a);
    put(p[1]);
    assert_cause(c, a, READY);
    assert_cause(c, b, READY);
    ask_no_evts(c, p[0]);
    (void)drain(p[0]);
    assert_cause(c, a, REMOVED);
    assert_cause(c, b, IDLE);
    assert_same(b, ask_evt(c, copy, CHECK_READ));
}

static void e22_they_can_be_listed(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list = NULL;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id r = ask_evt(c, p[0], READ), w = ask_evt(c, p[1], WRITE);
    (void)ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_list_objects(c, PORTD_KIND_EVT, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 2);
    const portd_item *first = portd_list_item(list, 0), *second = portd_list_item(list, 1);
    assert_true(first->id == r && second->id == w);
    assert_int_equal(first->number, p[0]);
    assert_int_equal(second->number, p[1]);
    assert_int_equal(first->direction, PORTD_DIRECTION_READ);
    assert_int_equal(second->direction, PORTD_DIRECTION_WRITE);
    assert_true(first->registered && second->registered);
    portd_list_free(list);
}

/* The socket kind names a table, and on Unix there is one for both; it does not ask for a socket. */
static void e29_kinds_of_numbers_are_one_table(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id id = 0;
    int p[2];

    (void)state;
    make_pipe(p);
    assert_int_equal(portd_fd_to_evt(c, p[0], READ, PORTD_SOCKET, fixture_soon(), &id), 1);
    assert_same(id, ask_evt(c, p[0], READ));
    put(p[1]);
    assert_cause(c, id, READY);
}

TEST_MAIN(FIXTURE_CASE(e01_is_ready_while_the_descriptor_is), FIXTURE_CASE(e02_e25_a_wait_answers_the_event),
          FIXTURE_CASE(e03_is_the_same_until_removed), FIXTURE_CASE(e04_check_creates_nothing),
          FIXTURE_CASE(e05_being_ready_does_not_unregister), FIXTURE_CASE(e06_read_and_write_are_two),
          FIXTURE_CASE(e07_removed_is_ready_for_ever), FIXTURE_CASE(e08_one_remove_for_both_directions),
          FIXTURE_CASE(e09_remove_wakes_a_waiter), FIXTURE_CASE(e10_all_waiters_wake),
          FIXTURE_CASE(waits_again_and_again), FIXTURE_CASE(e11_tables_are_removed_for_themselves),
          FIXTURE_CASE(e12_tables_are_filled_for_themselves),
          FIXTURE_CASE(both_kinds_of_one_number_follow_it), FIXTURE_CASE(e15_follows_the_kernel_about_room),
          FIXTURE_CASE(e20_stays_with_the_file_it_was_made_for), FIXTURE_CASE(e23_a_dup_is_another_number),
          FIXTURE_CASE(e22_they_can_be_listed), FIXTURE_CASE(e29_kinds_of_numbers_are_one_table))
