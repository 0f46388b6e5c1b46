/* test_hold.c: descriptors that the broker holds under names, through the library. Every case drops what it has put: what is held outlives
 * its clients, and a case ends with a broker that has nothing. */
#include "ports.h"

#include <fcntl.h>
#include <sys/socket.h>

enum { MOST = 252, NAME_MOST = 255, NOT_A_UID = 1999999999 /* whom nobody is here */ };

static const char *const one[] = {"one"};
static const char *const three[] = {"first", "second", "third"};

/* Several pipes, whose ends for reading are put. */
struct pipes {
    int ends[3][2];
    portd_native reading[3];
    portd_id ids[3];
};

static void make_pipes(struct pipes *pipes) {
    for (int i = 0; i < 3; i++) {
        make_pipe(pipes->ends[i]);
        pipes->reading[i] = pipes->ends[i][0];
    }
}

static void put_three(portd_client *c, struct pipes *pipes) {
    make_pipes(pipes);
    assert_int_equal(portd_put(c, NULL, three, pipes->reading, 3, NULL, NULL, fixture_soon(), pipes->ids), 1);
}

static portd_id put_one(portd_client *c, int fd) {
    const portd_native number = fd;
    portd_id id;

    assert_int_equal(portd_put(c, NULL, one, &number, 1, NULL, NULL, fixture_soon(), &id), 1);
    assert_int_equal(portd_id_kind(id), PORTD_KIND_DESCRIPTOR);
    return id;
}

static void drop(portd_client *c, const char *const *names, size_t n) {
    assert_int_equal(portd_drop(c, NULL, names, n, NULL, fixture_soon()), 1);
}

/* A copy, looked after by the case. */
static int get_one(portd_client *c, const char *name) {
    portd_native fd;

    assert_int_equal(portd_get(c, NULL, &name, 1, NULL, fixture_soon(), &fd, NULL), 1);
    return fixture_own((int)fd);
}

static size_t count_held(portd_client *c) {
    portd_list *list;

    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    size_t n = portd_list_count(list);
    portd_list_free(list);
    return n;
}

/* Fails the case unless exactly one is held; the strings are not valid. */
static portd_held look_at_one(portd_client *c) {
    portd_list *list;

    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 1);
    portd_held held = *portd_list_held(list, 0);
    portd_list_free(list);
    return held;
}

static bool nothing_is_held(void *data) { return count_held(data) == 0; }

/* ---- put and get --------------------------------------------------------------------------------------------------- */

static void what_is_put_outlives_who_put_it(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id id = put_one(c, p[0]);
    fixture_close(p[0]);
    fixture_disconnect(c);
    fd_say(p[1], "kept"); /* there is a reader */
    c = fixture_client(NULL);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 1);
    const portd_held *held = portd_list_held(list, 0);
    assert_string_equal(held->name, "one");
    assert_string_equal(held->type, "pipe");
    assert_string_equal(held->put_by, held->owner);
    assert_true(held->descriptor == id && held->put_pid == (uint32_t)getpid());
    assert_true(held->ttl_us == 0 && held->process_pid == 0 && held->copies == 0);
    /* Who names himself means the same. */
    portd_native copy;
    assert_int_equal(portd_get(c, held->owner, one, 1, NULL, fixture_soon(), &copy, NULL), 1);
    assert_int_equal(fcntl((int)copy, F_GETFD), FD_CLOEXEC);
    fd_hear(fixture_own((int)copy), "kept");
    assert_int_equal(portd_drop(c, held->owner, one, 1, &id, fixture_soon()), 1);
    portd_list_free(list);
}

static void several_are_put_and_got_in_their_order(void **state) {
    portd_client *c = fixture_client(NULL);
    const char *const other_way[] = {"third", "first", "second"};
    static const int order[] = {2, 0, 1};
    struct pipes pipes;
    portd_native got[3];
    portd_id ids[3];

    (void)state;
    put_three(c, &pipes);
    assert_true(pipes.ids[0] != pipes.ids[1] && pipes.ids[1] != pipes.ids[2] && pipes.ids[0] != pipes.ids[2]);
    assert_int_equal(portd_get(c, NULL, other_way, 3, NULL, fixture_soon(), got, ids), 1);
    for (int i = 0; i < 3; i++) {
        assert_true(ids[i] == pipes.ids[order[i]]);
        fd_say(pipes.ends[order[i]][1], other_way[i]);
        fd_hear(fixture_own((int)got[i]), other_way[i]);
    }
    assert_int_equal(count_held(c), 3);
    drop(c, three, 3);
    assert_int_equal(count_held(c), 0);
}

/* The same open file under two names is two. */
static void all_or_none(void **state) {
    portd_client *c = fixture_client(NULL);
    const char *const twice[] = {"first", "second", "first"};
    struct pipes pipes;
    portd_native got[3];
    portd_id ids[3];

    (void)state;
    make_pipes(&pipes);
    portd_id second = put_one(c, pipes.ends[1][0]);
    assert_int_equal(portd_put(c, NULL, twice, pipes.reading, 3, NULL, NULL, fixture_soon(), ids),
                     PORTD_E_INVALID);
    const char *const with_one[] = {"first", "one", "third"};
    assert_int_equal(portd_put(c, NULL, with_one, pipes.reading, 3, NULL, NULL, fixture_soon(), ids),
                     PORTD_E_EXISTS);
    char text[32];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)second);
    assert_non_null(strstr(portd_last_error(c), text)); /* what is there */
    assert_string_not_equal(portd_last_hint(c), "");
    assert_true(ids[0] == 0 && ids[1] == 0 && ids[2] == 0);
    assert_int_equal(count_held(c), 1);
    assert_int_equal(portd_get(c, NULL, with_one, 3, NULL, fixture_soon(), got, ids), PORTD_E_NOT_FOUND);
    assert_true(got[0] == -1 && got[1] == -1 && got[2] == -1);
    assert_int_equal(portd_take(c, NULL, with_one, 3, NULL, fixture_soon(), got, ids), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_drop(c, NULL, with_one, 3, NULL, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_renew(c, NULL, with_one, 3, NULL, fixture_soon()), PORTD_E_NOT_FOUND);
    assert_int_equal(count_held(c), 1);
    drop(c, one, 1);
    const portd_native same[] = {pipes.ends[0][0], pipes.ends[0][0], pipes.ends[0][0]};
    assert_int_equal(portd_put(c, NULL, three, same, 3, NULL, NULL, fixture_soon(), ids), 1);
    assert_true(ids[0] != ids[1] && ids[1] != ids[2]);
    drop(c, three, 3);
}

/* As many as a frame has, with the longest names: two pages of a listing and more. */
static void as_many_as_there_may_be(void **state) {
    static char texts[MOST][NAME_MOST + 1];
    portd_client *c = fixture_client(NULL);
    const char *names[MOST];
    portd_native fds[MOST], got[MOST];
    portd_id ids[MOST], again[MOST];
    portd_list *list;
    int p[2];

    (void)state;
    make_pipe(p);
    for (int i = 0; i < MOST; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "%0*d", NAME_MOST, i);
        names[i] = texts[i];
        fds[i] = p[0];
    }
    size_t before = test_fds_count();
    assert_int_equal(portd_put(c, NULL, names, fds, MOST, NULL, NULL, fixture_soon(), ids), 1);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), MOST);
    for (size_t i = 0; i < MOST; i++) {
        assert_string_equal(portd_list_held(list, i)->name, names[i]);
        assert_true(portd_list_held(list, i)->descriptor == ids[i]);
    }
    portd_list_free(list);
    assert_int_equal(portd_get(c, NULL, names, MOST, ids, fixture_soon(), got, again), 1);
    assert_memory_equal(again, ids, sizeof(ids));
    assert_int_equal(test_fds_count(), before + MOST);
    fd_say(p[1], "many");
    fd_hear((int)got[MOST - 1], "many");
    for (int i = 0; i < MOST; i++)
        assert_int_equal(close((int)got[i]), 0);
    assert_int_equal(portd_renew(c, NULL, names, MOST, NULL, fixture_soon()), 1);
    assert_int_equal(portd_drop(c, NULL, names, MOST, ids, fixture_soon()), 1);
    assert_int_equal(count_held(c), 0);
}

static void what_the_broker_refuses(void **state) {
    portd_client *c = fixture_client(NULL);
    const char *bad = "\xff";
    char nobody[16];
    portd_native fd, got;
    int p[2];

    (void)state;
    make_pipe(p);
    fd = p[0];
    (void)snprintf(nobody, sizeof(nobody), "%d", NOT_A_UID);
    assert_int_equal(portd_put(c, NULL, &bad, &fd, 1, NULL, NULL, fixture_soon(), NULL), PORTD_E_INVALID);
    assert_int_equal(portd_put(c, "root", one, &fd, 1, NULL, NULL, fixture_soon(), NULL), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "owner");
    assert_int_equal(portd_put(c, nobody, one, &fd, 1, NULL, NULL, fixture_soon(), NULL), PORTD_E_DENIED);
    assert_int_equal(portd_get(c, nobody, one, 1, NULL, fixture_soon(), &got, NULL), PORTD_E_DENIED);
    assert_int_equal(portd_take(c, nobody, one, 1, NULL, fixture_soon(), &got, NULL), PORTD_E_DENIED);
    assert_int_equal(portd_drop(c, nobody, one, 1, NULL, fixture_soon()), PORTD_E_DENIED);
    assert_int_equal(portd_renew(c, nobody, one, 1, NULL, fixture_soon()), PORTD_E_DENIED);
    assert_int_equal(count_held(c), 0);
}

/* ---- expectations -------------------------------------------------------------------------------------------------- */

static void only_what_is_expected_is_replaced(void **state) {
    portd_client *c = fixture_client(NULL);
    struct pipes pipes;
    portd_id first, second, nothing = 0;
    portd_native got;

    (void)state;
    make_pipes(&pipes);
    const portd_native *fds = pipes.reading;
    const portd_id stale = put_one(c, pipes.ends[2][0]);
    drop(c, one, 1);
    assert_int_equal(portd_put(c, NULL, one, &fds[0], 1, &stale, NULL, fixture_soon(), &first),
                     PORTD_E_NOT_FOUND);
    assert_int_equal(portd_put(c, NULL, one, &fds[0], 1, &nothing, NULL, fixture_soon(), &first), 1);
    assert_true(first != stale);
    assert_int_equal(portd_put(c, NULL, one, &fds[1], 1, &nothing, NULL, fixture_soon(), NULL),
                     PORTD_E_EXISTS);
    assert_int_equal(portd_put(c, NULL, one, &fds[1], 1, &stale, NULL, fixture_soon(), NULL), PORTD_E_EXISTS);
    assert_int_equal(portd_put(c, NULL, one, &fds[1], 1, &first, NULL, fixture_soon(), &second), 1);
    assert_true(second != first);
    fd_say(pipes.ends[1][1], "second");
    fd_hear(get_one(c, "one"), "second");
    assert_int_equal(portd_get(c, NULL, one, 1, &first, fixture_soon(), &got, NULL), PORTD_E_EXISTS);
    assert_int_equal(portd_take(c, NULL, one, 1, &first, fixture_soon(), &got, NULL), PORTD_E_EXISTS);
    assert_int_equal(portd_drop(c, NULL, one, 1, &first, fixture_soon()), PORTD_E_EXISTS);
    assert_int_equal(portd_drop(c, NULL, one, 1, &second, fixture_soon()), 1);
    assert_int_equal(portd_drop(c, NULL, one, 1, &second, fixture_soon()), PORTD_E_NOT_FOUND);
}

/* Each increment is a compare-and-swap; of two that see the same one is refused. */
static void of_two_that_replace_the_same_one_is_refused(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_client(NULL);
    struct pipes pipes;
    portd_id id;

    (void)state;
    make_pipes(&pipes);
    id = put_one(a, pipes.ends[0][0]);
    assert_int_equal(portd_put(a, NULL, one, &pipes.reading[1], 1, &id, NULL, fixture_soon(), NULL), 1);
    assert_int_equal(portd_put(b, NULL, one, &pipes.reading[2], 1, &id, NULL, fixture_soon(), NULL),
                     PORTD_E_EXISTS);
    fd_say(pipes.ends[1][1], "the first one's");
    fd_hear(get_one(b, "one"), "the first one's");
    drop(b, one, 1);
}

/* ---- whose they are ------------------------------------------------------------------------------------------------ */

static void numbers_are_given_away(void **state) {
    portd_client *c = fixture_client(NULL);
    struct pipes pipes;
    portd_id ids[3];

    (void)state;
    make_pipes(&pipes);
    (void)put_one(c, pipes.ends[0][0]);
    const char *const with_one[] = {"first", "second", "one"};
    size_t before = test_fds_count();
    assert_int_equal(portd_put_take(c, NULL, with_one, pipes.reading, 3, NULL, NULL, fixture_soon(), ids),
                     PORTD_E_EXISTS);
    assert_int_equal(test_fds_count(), before);
    for (int i = 0; i < 3; i++) {
        fd_say(pipes.ends[i][1], "here");
        fd_hear(pipes.ends[i][0], "here"); /* still the caller's */
    }
    drop(c, one, 1);
    assert_int_equal(portd_put_take(c, NULL, with_one, pipes.reading, 3, NULL, NULL, fixture_soon(), ids), 1);
    assert_int_equal(test_fds_count(), before - 3);
    for (int i = 0; i < 3; i++)
        (void)fixture_disown(pipes.ends[i][0]);
    fd_say(pipes.ends[2][1], "there");
    fd_hear(get_one(c, "one"), "there");
    drop(c, with_one, 3);
}

static void what_is_taken_is_dropped(void **state) {
    portd_client *c = fixture_client(NULL);
    struct pipes pipes;
    portd_native got[3];
    portd_id ids[3];

    (void)state;
    put_three(c, &pipes);
    for (int i = 0; i < 3; i++)
        fixture_close(pipes.ends[i][0]);
    assert_int_equal(portd_take(c, NULL, three, 3, pipes.ids, fixture_soon(), got, ids), 1);
    assert_memory_equal(ids, pipes.ids, sizeof(ids));
    assert_int_equal(count_held(c), 0);
    for (int i = 0; i < 3; i++) {
        fd_say(pipes.ends[i][1], three[i]);
        fd_hear((int)got[i], three[i]);
        assert_int_equal(close((int)got[i]), 0);
    }
    assert_int_equal(portd_take(c, NULL, three, 3, NULL, fixture_soon(), got, NULL), PORTD_E_NOT_FOUND);
}

/* The other end sees the end of the file at once: the broker's copy is closed. */
static void a_drop_is_answered_when_it_is_closed(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    for (int replaced = 0; replaced < 2; replaced++) {
        make_pair(SOCK_STREAM, p);
        portd_id id = put_one(c, p[0]);
        fixture_close(p[0]);
        assert_false(at_end(p[1]));
        if (replaced) {
            make_pipe(q);
            const portd_native other = q[0];
            assert_int_equal(portd_put(c, NULL, one, &other, 1, &id, NULL, fixture_soon(), NULL), 1);
            until_end(p[1]);
        }
        drop(c, one, 1);
        assert_true(at_end(p[1]));
    }
}

/* ---- leases -------------------------------------------------------------------------------------------------------- */

static void a_time_to_live(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = PORTD_LEASE_INIT;
    portd_native fd;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    fd = p[0];
    lease.ttl_us = 1000 * 1000 * 1000;
    assert_int_equal(portd_put(c, NULL, one, &fd, 1, NULL, &lease, fixture_soon(), NULL), 1);
    fixture_close(p[0]);
    assert_in_range(look_at_one(c).ttl_us, 1, lease.ttl_us);
    lease.ttl_us *= 2;
    assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), 1);
    assert_in_range(look_at_one(c).ttl_us, lease.ttl_us / 2, lease.ttl_us);
    assert_int_equal(portd_renew(c, NULL, one, 1, NULL, fixture_soon()), 1);
    assert_int_equal(look_at_one(c).ttl_us, 0);
    assert_false(at_end(p[1]));
    lease.ttl_us = 1000;
    assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), 1);
    assert_true(fixture_until(nothing_is_held, c));
    until_end(p[1]);
    assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), PORTD_E_NOT_FOUND);
}

static void what_is_no_process_ends_no_lease(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = PORTD_LEASE_INIT;
    portd_native fd;
    int p[2];

    (void)state;
    make_pipe(p);
    fd = p[0];
    lease.process = p[1];
    assert_int_equal(portd_put(c, NULL, one, &fd, 1, NULL, &lease, fixture_soon(), NULL), PORTD_E_INVALID);
    assert_int_equal(count_held(c), 0);
    (void)put_one(c, p[0]);
    assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), PORTD_E_INVALID);
    assert_int_equal(look_at_one(c).process_pid, 0);
    drop(c, one, 1);
}

/* ---- without blocking, and without a broker ------------------------------------------------------------------------ */

struct answers {
    int calls, codes[8];
    portd_native fd;
};

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    struct answers *answers = data;

    (void)client;
    answers->codes[answers->calls++] = result->code;
    if (result->fds)
        answers->fd = result->fds[0];
}

static void one_after_the_other_in_one_flight(void **state) {
    portd_client *c = fixture_client(NULL);
    struct answers answers = {.fd = -1};
    portd_native fd;
    int p[2];

    (void)state;
    make_pipe(p);
    fd = p[0];
    assert_int_equal(portd_put_take_start(c, NULL, one, &fd, 1, NULL, NULL, on_answer, &answers, NULL), 1);
    assert_int_equal(portd_renew_start(c, NULL, one, 1, NULL, on_answer, &answers, NULL), 1);
    assert_int_equal(
        portd_put_start(c, NULL, one, &(portd_native){p[1]}, 1, NULL, NULL, on_answer, &answers, NULL), 1);
    assert_int_equal(portd_take_start(c, NULL, one, 1, NULL, on_answer, &answers, NULL), 1);
    assert_int_equal(portd_drop_start(c, NULL, one, 1, NULL, on_answer, &answers, NULL), 1);
    while (answers.calls < 5)
        assert_true(portd_poll(c, fixture_soon()) > 0);
    assert_int_equal(answers.codes[0], 1);
    assert_int_equal(answers.codes[1], 1);
    assert_int_equal(answers.codes[2], PORTD_E_EXISTS);
    assert_int_equal(answers.codes[3], 1);
    assert_int_equal(answers.codes[4], PORTD_E_NOT_FOUND);
    (void)fixture_disown(p[0]);
    fd_say(p[1], "back");
    fd_hear(fixture_own((int)answers.fd), "back");
}

/* What gives or takes is uncertain; what can be repeated, or changes nothing, is not. */
static void the_broker_dies_meanwhile(void **state) {
    portd_client *c = fixture_client(NULL);
    struct answers uncertain = {0}, lost = {0};
    const portd_id id = 9;
    portd_native fd;
    int p[2];

    (void)state;
    make_pipe(p);
    fd = p[0];
    (void)put_one(c, p[0]);
    fixture_hold_broker();
    assert_int_equal(portd_put_take_start(c, NULL, three, &fd, 1, NULL, NULL, on_answer, &uncertain, NULL),
                     1);
    assert_int_equal(portd_put_start(c, NULL, one, &fd, 1, &id, NULL, on_answer, &uncertain, NULL), 1);
    assert_int_equal(portd_take_start(c, NULL, one, 1, NULL, on_answer, &uncertain, NULL), 1);
    assert_int_equal(portd_get_start(c, NULL, one, 1, NULL, on_answer, &lost, NULL), 1);
    assert_int_equal(portd_drop_start(c, NULL, one, 1, NULL, on_answer, &lost, NULL), 1);
    assert_int_equal(portd_renew_start(c, NULL, one, 1, NULL, on_answer, &lost, NULL), 1);
    assert_int_equal(portd_list_holds_start(c, NULL, 0, on_answer, &lost, NULL), 1);
    while (portd_process(c) > 0)
        continue;
    fixture_kill(fixture_broker());
    while (portd_poll(c, fixture_soon()) > 0)
        continue;
    assert_int_equal(uncertain.calls, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(uncertain.codes[i], PORTD_E_UNCERTAIN);
    assert_int_equal(lost.calls, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(lost.codes[i], PORTD_E_DISCONNECTED);
    fd_say(p[1], "mine");
    fd_hear(p[0], "mine"); /* nobody has accepted it */
}

/* ---- what is held in place of a number ----------------------------------------------------------------------------- */

static portd_client *client_that_may_name(void) {
    portd_client *c = fixture_client(NULL);

    if (!portd_broker_has_feature(c, "hold")) {
        portd_id id = 7;
        assert_int_equal(portd_hold_to_evt(c, NULL, "one", READ, fixture_soon(), &id), PORTD_E_UNSUPPORTED);
        assert_none(id);
        test_skip("this broker does not take names of held descriptors in place of numbers");
    }
    return c;
}

static portd_id semaphore_of(portd_client *c, const char *name, int mode) {
    portd_id id;
    int r = portd_hold_to_semaphore(c, NULL, name, mode, fixture_soon(), &id);

    assert_true(r >= 0 && (r > 0) == (id != 0));
    return id;
}

static portd_id evt_of(portd_client *c, const char *name, int mode) {
    portd_id id;
    int r = portd_hold_to_evt(c, NULL, name, mode, fixture_soon(), &id);

    assert_true(r >= 0 && (r > 0) == (id != 0));
    return id;
}

static void others_wait_for_what_is_held(void **state) {
    portd_client *c = client_that_may_name(), *other = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    (void)put_one(c, p[0]);
    fixture_close(p[0]);
    assert_none(semaphore_of(c, "one", CHECK_READ));
    portd_id s = semaphore_of(c, "one", READ), e = evt_of(c, "one", READ), far = evt_of(other, "one", READ);
    assert_same(semaphore_of(c, "one", READ), s);
    assert_same(semaphore_of(c, "one", CHECK_READ), s);
    assert_same(evt_of(c, "one", CHECK_READ), e);
    assert_new(far, e);
    assert_int_equal(look_at_one(c).copies, 2);
    assert_cause(c, s, IDLE);
    assert_cause(other, far, IDLE);
    put(p[1]);
    assert_until(c, s, READY);
    assert_until(c, e, READY);
    assert_until(other, far, READY);
    assert_none(evt_of(c, "one", REMOVE));
    assert_cause(c, e, REMOVED);
    assert_cause(other, far, READY);
    assert_none(evt_of(c, "one", CHECK_READ));
    drop(c, one, 1);
    assert_cause(other, far, REMOVED);
    assert_int_equal(portd_hold_to_evt(c, NULL, "one", READ, fixture_soon(), &e), PORTD_E_NOT_FOUND);
}

static void what_ends_with_it_says_why(void **state) {
    portd_client *c = client_that_may_name();
    portd_lease lease = PORTD_LEASE_INIT;
    struct pipes pipes;

    (void)state;
    make_pipes(&pipes);
    portd_id id = put_one(c, pipes.ends[0][0]), e = evt_of(c, "one", READ), s = semaphore_of(c, "one", READ);
    assert_int_equal(portd_put(c, NULL, one, &pipes.reading[1], 1, &id, NULL, fixture_soon(), NULL), 1);
    assert_until(c, e, REPLACED);
    assert_until(c, s, REPLACED);
    e = evt_of(c, "one", READ);
    lease.ttl_us = 1;
    assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), 1);
    assert_until(c, e, EXPIRED);
    assert_true(fixture_until(nothing_is_held, c));
}

static void bytes_go_through_what_is_held(void **state) {
    portd_client *c = client_that_may_name(), *other = fixture_client(NULL);
    portd_id in, out;
    portd_native none;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)put_one(c, p[0]);
    fixture_close(p[0]);
    assert_int_equal(
        portd_hold_to_port(other, NULL, "one", PORTD_READ | PORTD_WRITE, fixture_soon(), &in, &out), 2);
    port_say(other, out, "from the port");
    fd_hear(p[1], "from the port");
    fd_say(p[1], "to the port");
    port_hear(other, in, "to the port");
    assert_int_equal(portd_port_to_fd(other, in, fixture_soon(), &none), 0);
    assert_true(none == -1);
    portd_list *list;
    assert_int_equal(portd_show(other, &out, 1, fixture_soon(), &list), 1);
    const portd_item *item = portd_list_item(list, 0);
    assert_string_equal(item->name, "one");
    assert_string_equal(item->hold_name, "one");
    assert_string_not_equal(item->hold_owner, "");
    assert_int_equal(item->number, -1);
    assert_true(item->descriptor != 0 && item->descriptor != look_at_one(c).descriptor); /* its own copy */
    portd_list_free(list);
    port_close(other, in);
    port_close(other, out);
    assert_false(at_end(p[1]));
    assert_int_equal(portd_hold_to_port(other, NULL, "one", PORTD_REGULAR_FILE, fixture_soon(), &in, &out),
                     PORTD_E_INVALID);
    assert_int_equal(portd_hold_to_port(other, NULL, "one", PORTD_READ, fixture_soon(), &in, NULL), 1);
    drop(c, one, 1);
    until_end(p[1]);
    assert_cause(other, in, REMOVED);
}

static void only_the_owner_names_it(void **state) {
    portd_client *c = client_that_may_name();
    char nobody[16];
    portd_id id;

    (void)state;
    (void)snprintf(nobody, sizeof(nobody), "%d", NOT_A_UID);
    assert_int_equal(portd_hold_to_semaphore(c, nobody, "one", READ, fixture_soon(), &id), PORTD_E_DENIED);
    assert_int_equal(portd_hold_to_evt(c, nobody, "one", READ, fixture_soon(), &id), PORTD_E_DENIED);
    assert_int_equal(portd_hold_to_port(c, nobody, "one", PORTD_READ, fixture_soon(), &id, NULL),
                     PORTD_E_DENIED);
}

TEST_MAIN(FIXTURE_CASE(what_is_put_outlives_who_put_it), FIXTURE_CASE(several_are_put_and_got_in_their_order),
          FIXTURE_CASE(all_or_none), FIXTURE_CASE(as_many_as_there_may_be),
          FIXTURE_CASE(what_the_broker_refuses), FIXTURE_CASE(only_what_is_expected_is_replaced),
          FIXTURE_CASE(of_two_that_replace_the_same_one_is_refused), FIXTURE_CASE(numbers_are_given_away),
          FIXTURE_CASE(what_is_taken_is_dropped), FIXTURE_CASE(a_drop_is_answered_when_it_is_closed),
          FIXTURE_CASE(a_time_to_live), FIXTURE_CASE(what_is_no_process_ends_no_lease),
          FIXTURE_CASE(one_after_the_other_in_one_flight), FIXTURE_CASE(the_broker_dies_meanwhile),
          FIXTURE_CASE(others_wait_for_what_is_held), FIXTURE_CASE(what_ends_with_it_says_why),
          FIXTURE_CASE(bytes_go_through_what_is_held), FIXTURE_CASE(only_the_owner_names_it))
