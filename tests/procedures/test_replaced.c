/* test_replaced.c: a number that comes again with another open file. The old objects end with the cause replaced; the call makes
 * new ones and reports it. The kernel says whether it is the same open file, not the number. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum { CREATED = PORTD_RESULT_CREATED, BOTH = PORTD_RESULT_CREATED | PORTD_RESULT_REPLACED };

static void x11_the_old_objects_end_and_new_ones_follow_the_new_file(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ), w = ask_evt(c, p[0], WRITE);
    struct inflight *of_s = ask_park_one(c, s, 0), *of_e = ask_park_one(c, e, 0);
    make_at(q[0], p[0]);
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), BOTH);
    assert_new(new, s);
    assert_answer(of_s, s, REPLACED);
    assert_answer(of_e, e, REPLACED);
    assert_cause(c, s, REPLACED);
    assert_cause(c, e, REPLACED); /* a call for a semaphore ends the events, too */
    assert_cause(c, w, REPLACED);
    assert_none(ask_evt(c, p[0], CHECK_READ));
    assert_cause(c, new, IDLE);
    put(q[1]);
    assert_until(c, new, READY);
}

static void every_create_call_notices(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    for (int call = 0; call < 3; call++) {
        make_pair(SOCK_STREAM, p);
        make_pair(SOCK_STREAM, q);
        portd_id old = call == 2 ? ask_semaphore(c, p[0], READ) : ask_evt(c, p[0], READ);
        make_at(q[0], p[0]);
        portd_id new = call == 0   ? ask_semaphore(c, p[0], READ)
                       : call == 1 ? ask_socket_semaphore(c, p[0], READ)
                                   : ask_evt(c, p[0], READ);
        assert_int_equal(portd_last_flags(c), BOTH);
        assert_cause(c, old, REPLACED);
        assert_cause(c, new, IDLE);
    }
}

static void check_and_remove_do_not_notice(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id s = ask_semaphore(c, p[0], READ);
    make_at(q[0], p[0]);
    assert_same(s, ask_semaphore(c, p[0], CHECK_READ));
    assert_int_equal(portd_last_flags(c), 0);
    assert_cause(c, s, IDLE);
    ask_no_semaphores(c, p[0]);
    assert_cause(c, s, REMOVED); /* l16: then a new one is new, and nothing was replaced */
    portd_id new = ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), CREATED);
    assert_cause(c, new, IDLE);
}

static void the_same_file_again_is_no_other(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int copy = make_dup(p[0]);
    portd_id s = ask_semaphore(c, p[0], READ);
    make_at(copy, p[0]); /* closed and opened again as a dup of itself */
    assert_same(s, ask_semaphore(c, p[0], READ));
    assert_int_equal(portd_last_flags(c), 0);
}

static void an_old_file_that_comes_back_is_another(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    int copy = make_dup(p[0]);
    portd_id first = ask_evt(c, p[0], READ);
    make_at(q[0], p[0]);
    portd_id second = ask_evt(c, p[0], READ);
    make_at(copy, p[0]);
    portd_id third = ask_evt(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), BOTH);
    assert_new(third, first);
    assert_cause(c, first, REPLACED);
    assert_cause(c, second, REPLACED);
    put(p[1]);
    assert_cause(c, third, READY);
}

/* Two openings of one file, and the two ends of a pipe, are different open files; a second pipe is, too. */
static void another_opening_is_another_file(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    int a = fixture_own(open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
    int b = fixture_own(open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
    (void)ask_evt(c, a, READ);
    make_at(b, a);
    (void)ask_evt(c, a, READ);
    assert_int_equal(portd_last_flags(c), BOTH);
    make_pipe(p);
    (void)ask_evt(c, p[0], READ);
    make_at(p[1], p[0]);
    (void)ask_evt(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), BOTH);
}

static void the_old_copy_is_dropped(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    make_pair(SOCK_STREAM, q);
    int number = p[0];
    (void)ask_semaphore(c, number, READ);
    (void)ask_evt(c, number, READ);
    make_at(q[0], number);
    assert_false(at_end(p[1])); /* the broker's copy still holds it open */
    (void)ask_evt(c, number, READ);
    until_end(p[1]);
    fixture_until_fds(fixture_broker(), 2);
}

/* While the old copy of a number is being closed the number can have a new one. */
static void again_and_again(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], number;

    (void)state;
    make_pipe(p);
    number = p[0];
    portd_id last = 0;
    for (int i = 0; i < 100; i++) {
        int q[2];
        make_pipe(q);
        make_at(q[0], number);
        portd_id e = ask_evt(c, number, READ);
        assert_new(e, last);
        if (last)
            assert_cause(c, last, REPLACED);
        put(q[1]);
        assert_cause(c, e, READY);
        fixture_close(q[0]);
        fixture_close(q[1]);
        last = e;
    }
    assert_cause(c, last, HANG_UP);
}

static void a_file_that_nothing_refers_to_is_not_replaced(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    put(p[1]);
    portd_id s = ask_semaphore(c, p[0], READ);
    assert_cause(c, s, READY); /* fired: the number means nothing any more */
    make_at(q[0], p[0]);
    (void)ask_semaphore(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), CREATED);
    assert_cause(c, s, READY);
}

/* The new file can have no semaphore, but the number is its all the same. */
static void by_a_file_that_can_have_none(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    int null = fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC));
    portd_id s = ask_semaphore(c, p[0], READ);
    make_at(null, p[0]);
    assert_none(ask_semaphore(c, p[0], READ));
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_UNSUPPORTED | PORTD_RESULT_REPLACED);
    assert_cause(c, s, REPLACED);
    assert_none(ask_semaphore(c, p[0], CHECK_READ));
}

/* A refusal changes nothing, the old objects of the number included. */
static void a_refused_file_replaces_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id id = 0;
    sigset_t none;
    int p[2];

    (void)state;
    make_pipe(p);
    (void)sigemptyset(&none);
    int signals = fixture_own(signalfd(-1, &none, SFD_CLOEXEC)), number = p[0];
    portd_id s = ask_semaphore(c, number, READ), e = ask_evt(c, number, READ);
    make_at(signals, number);
    assert_int_equal(portd_fd_to_semaphore(c, number, READ, fixture_soon(), &id), PORTD_E_INVALID);
    assert_int_equal(portd_fd_to_evt(c, number, READ, PORTD_FD, fixture_soon(), &id), PORTD_E_INVALID);
    assert_int_equal(portd_socket_to_semaphore(c, number, READ, fixture_soon(), &id), PORTD_E_INVALID);
    assert_same(s, ask_semaphore(c, number, CHECK_READ));
    assert_same(e, ask_evt(c, number, CHECK_READ));
    assert_cause(c, s, IDLE);
    put(p[1]);
    assert_until(c, s, READY);
}

static void the_broker_says_how_it_compares(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list = NULL;

    (void)state;
    assert_int_equal(portd_get_status(c, fixture_soon(), &list), 1);
    const char *identity = portd_list_status(list)->identity;
    assert_true(strcmp(identity, "dupfd-query") == 0 || strcmp(identity, "kcmp") == 0);
    portd_list_free(list);
}

TEST_MAIN(FIXTURE_CASE(x11_the_old_objects_end_and_new_ones_follow_the_new_file),
          FIXTURE_CASE(every_create_call_notices), FIXTURE_CASE(check_and_remove_do_not_notice),
          FIXTURE_CASE(the_same_file_again_is_no_other), FIXTURE_CASE(an_old_file_that_comes_back_is_another),
          FIXTURE_CASE(another_opening_is_another_file), FIXTURE_CASE(the_old_copy_is_dropped),
          FIXTURE_CASE(again_and_again), FIXTURE_CASE(a_file_that_nothing_refers_to_is_not_replaced),
          FIXTURE_CASE(by_a_file_that_can_have_none), FIXTURE_CASE(a_refused_file_replaces_nothing),
          FIXTURE_CASE(the_broker_says_how_it_compares))
