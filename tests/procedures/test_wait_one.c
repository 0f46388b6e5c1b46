/* test_wait_one.c: wake-one, for pools of workers. Each new activity answers only the oldest in-flight wait that has it; a new
 * wait starts with a level test; the others are tested again when the answered connection ends without goodbye (test_goodbye.c). */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>

#include <poll.h>

enum { ONE = PORTD_WAIT_ONE, WORKERS = 4 };

struct pool {
    portd_client *clients[WORKERS];
    struct inflight *waits[WORKERS];
    portd_id evt;
    int p[2];
};

/* The workers have joined one session and wait in their order. */
static void pool_make(struct pool *pool) {
    make_pipe(pool->p);
    for (int i = 0; i < WORKERS; i++)
        pool->clients[i] = i ? fixture_joined(pool->clients[0]) : fixture_client(NULL);
    pool->evt = ask_evt(pool->clients[0], pool->p[0], READ);
    for (int i = 0; i < WORKERS; i++)
        pool->waits[i] = ask_park_one(pool->clients[i], pool->evt, ONE);
}

static void check_inflight(const struct pool *pool, int from) {
    for (int i = from; i < WORKERS; i++)
        assert_true(ask_still_inflight(pool->waits[i]));
}

static void only_the_oldest_is_answered(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    check_inflight(&pool, 0);
    for (int i = 0; i < WORKERS; i++) {
        put(pool.p[1]);
        assert_answer(pool.waits[i], pool.evt, READY);
        check_inflight(&pool, i + 1);
        (void)drain(pool.p[0]);
    }
}

static void activity_counts_though_nobody_drained(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    for (int i = 0; i < WORKERS; i++) {
        put(pool.p[1]);
        assert_answer(pool.waits[i], pool.evt, READY);
        check_inflight(&pool, i + 1);
    }
    assert_int_equal(drain(pool.p[0]), WORKERS);
}

/* Each byte is for one worker, who takes it and waits again behind the others. */
static void a_pool_takes_turns(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    for (int i = 0; i < 10 * WORKERS; i++) {
        int worker = i % WORKERS;
        put(pool.p[1]);
        assert_answer(pool.waits[worker], pool.evt, READY);
        assert_int_equal(drain(pool.p[0]), 1);
        pool.waits[worker] = ask_park_one(pool.clients[worker], pool.evt, ONE);
    }
    check_inflight(&pool, 0);
}

static void a_new_wait_starts_with_a_level_test(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    struct inflight *new = ask_park_one(pool.clients[0], pool.evt, ONE);
    assert_answer(new, pool.evt, READY); /* the byte is still there */
    check_inflight(&pool, 1);
    (void)drain(pool.p[0]);
    new = ask_park_one(pool.clients[0], pool.evt, ONE);
    assert_true(ask_still_inflight(new));
}

static void the_next_is_answered_when_the_answered_connection_ends(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    put(pool.p[1]);
    for (int i = 0; i + 1 < WORKERS; i++) {
        assert_answer(pool.waits[i], pool.evt, READY);
        check_inflight(&pool, i + 1);
        fixture_abandon(pool.clients[i]); /* it goes without having taken the byte */
    }
    assert_answer(pool.waits[WORKERS - 1], pool.evt, READY);
}

/* Two activities, two workers answered, nothing taken: the end of either passes on what it had. */
static void the_end_of_any_answered_connection_counts(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    put(pool.p[1]);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
    fixture_abandon(pool.clients[0]); /* not the one that was answered last, which may be busy for long */
    assert_answer(pool.waits[2], pool.evt, READY);
    check_inflight(&pool, 3);
    fixture_abandon(pool.clients[1]);
    assert_answer(pool.waits[3], pool.evt, READY);
}

/* Who was answered by the look at the start of its wait has the turn as well. */
static void the_end_of_one_answered_at_once_counts(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    portd_client *late = fixture_joined(pool.clients[0]);
    assert_answer(ask_park_one(late, pool.evt, ONE), pool.evt, READY);
    check_inflight(&pool, 1);
    fixture_abandon(late);
    assert_answer(pool.waits[1], pool.evt, READY);
}

/* A worker that did its work and found the event idle since then has no turn to pass on. */
static void an_end_long_after_the_work_answers_nobody(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    (void)drain(pool.p[0]);
    struct inflight *again = ask_park_one(pool.clients[0], pool.evt, ONE);
    assert_true(ask_still_inflight(again));
    put(pool.p[1]);
    assert_answer(pool.waits[1], pool.evt, READY); /* which works on it */
    fixture_abandon(pool.clients[0]);
    ask_until_waiters(pool.clients[1], pool.evt, WORKERS - 2);
    check_inflight(&pool, 2);
}

static void the_end_of_another_connection_answers_nobody(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    fixture_abandon(pool.clients[1]);
    ask_until_waiters(pool.clients[0], pool.evt, WORKERS - 2);
    check_inflight(&pool, 2);
}

static void an_end_after_the_work_is_done_answers_nobody(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    (void)drain(pool.p[0]);
    fixture_abandon(pool.clients[0]);
    fixture_until_fds(fixture_broker(), WORKERS - 1 + 1); /* its connection is gone; the copy is there */
    check_inflight(&pool, 1);
    put(pool.p[1]);
    assert_answer(pool.waits[1], pool.evt, READY);
}

struct worker {
    const char *address, *token;
    portd_id evt;
    int told;
};

/* Waits as one of the pool, says that it was answered, and hangs. */
static int work_and_hang(void *data) {
    const struct worker *worker = data;
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;
    portd_ready ready;

    options.token = worker->token;
    if (portd_connect(worker->address, &options, fixture_soon(), &client) != 1 ||
        portd_wait(client, &worker->evt, 1, ONE, fixture_soon(), &ready) != 1 ||
        write(worker->told, "!", 1) != 1)
        return 1;
    (void)pause();
    return 2;
}

static void a_killed_worker_passes_its_work_on(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], told[2];

    (void)state;
    make_pipe(p);
    make_pipe(told);
    portd_id e = ask_evt(c, p[0], READ);
    struct worker worker = {fixture_address(), portd_session_token(c), e, told[1]};
    pid_t child = fixture_fork(work_and_hang, &worker);
    ask_until_waiters(c, e, 1);
    struct inflight *mine = ask_park_one(c, e, ONE);
    put(p[1]);
    assert_true(fixture_poll(told[0], POLLIN) & POLLIN);
    assert_true(ask_still_inflight(mine));
    fixture_end(child);
    assert_answer(mine, e, READY);
}

static void waits_without_it_are_all_answered(void **state) {
    struct pool pool;
    struct inflight *others[3];

    (void)state;
    pool_make(&pool);
    for (int i = 0; i < 3; i++)
        others[i] = ask_park_one(pool.clients[i], pool.evt, 0);
    put(pool.p[1]);
    for (int i = 0; i < 3; i++)
        assert_answer(others[i], pool.evt, READY);
    assert_answer(pool.waits[0], pool.evt, READY);
    check_inflight(&pool, 1);
}

/* A wait for all is not the one that gets the activity while its other half is missing. */
static void who_is_not_satisfied_does_not_take_the_turn(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_evt(c, q[0], READ)};
    struct inflight *both = ask_park(c, ids, 2, ONE | PORTD_WAIT_ALL), *next = ask_park_one(c, ids[0], ONE);
    put(p[1]);
    assert_answer(next, ids[0], READY);
    assert_true(ask_still_inflight(both));
    put(q[1]);
    assert_int_equal(ask_answer(both), 2);
}

/* All of one is any of it: it is its turn. */
static void a_wait_for_all_of_one_object_takes_its_turn(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id evt = ask_evt(c, p[0], READ);
    struct inflight *first = ask_park(c, &evt, 1, ONE | PORTD_WAIT_ALL), *next = ask_park_one(c, evt, ONE);
    put(p[1]);
    assert_answer(first, evt, READY);
    assert_true(ask_still_inflight(next));
}

static void a_cancelled_wait_does_not_take_the_turn(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    ask_cancel(pool.waits[0]);
    put(pool.p[1]);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

static void one_of_several_events(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_joined(a);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[2] = {ask_evt(a, p[0], READ), ask_evt(a, q[0], READ)};
    struct inflight *first = ask_park(a, ids, 2, ONE), *second = ask_park(b, ids, 2, ONE);
    put(q[1]);
    assert_answer(first, ids[1], READY);
    assert_true(ask_still_inflight(second));
    (void)drain(q[0]);
    put(p[1]);
    assert_answer(second, ids[0], READY);
}

/* Their state is permanent: there is no turn to take. */
static void semaphores_and_what_has_ended_answer_everybody(void **state) {
    struct pool pool;
    struct inflight *of_semaphore[WORKERS];
    int q[2];

    (void)state;
    pool_make(&pool);
    make_pipe(q);
    portd_id s = ask_semaphore(pool.clients[0], q[0], READ);
    for (int i = 0; i < WORKERS; i++)
        of_semaphore[i] = ask_park_one(pool.clients[i], s, ONE);
    put(q[1]);
    for (int i = 0; i < WORKERS; i++)
        assert_answer(of_semaphore[i], s, READY);
    ask_no_evts(pool.clients[2], pool.p[0]);
    for (int i = 0; i < WORKERS; i++)
        assert_answer(pool.waits[i], pool.evt, REMOVED);
}

static void hang_up_is_passed_on_as_well(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool);
    fixture_close(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, HANG_UP);
    fixture_abandon(pool.clients[0]);
    assert_answer(pool.waits[1], pool.evt, HANG_UP);
}

/* An activity that the older wait was given is not the other's, however often that names the id. */
static void a_repeated_id_takes_no_activity_of_another(void **state) {
    struct pool pool;
    int p[2];

    (void)state;
    pool_make(&pool);
    make_pipe(p);
    portd_client *c = fixture_joined(pool.clients[0]);
    portd_id ids[3] = {pool.evt, pool.evt, ask_evt(c, p[0], READ)};
    struct inflight *last = ask_park(c, ids, 3, ONE);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    put(p[1]);
    assert_answer(last, ids[2], READY);
    check_inflight(&pool, 1);
}

/* What the kernel does not watch is always ready, also as one half of what a wake-one wait waits for. */
static void with_what_is_always_ready(void **state) {
    static const char *const paths[] = {"/dev/null", "/dev/zero", "/"};
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        make_pipe(p);
        portd_id ids[2] = {ask_evt(c, fixture_own(open(paths[i], O_RDONLY | O_CLOEXEC)), READ),
                           ask_evt(c, p[0], READ)};
        struct inflight *one = ask_park(c, ids, 2, PORTD_WAIT_ALL | ONE),
                        *all = ask_park(c, ids, 2, PORTD_WAIT_ALL);
        assert_true(ask_still_inflight(one));
        assert_cause(c, ids[0], READY);
        assert_true(ask_still_inflight(one));
        assert_true(ask_still_inflight(all));
        put(p[1]);
        assert_int_equal(ask_answer(one), 2);
        assert_int_equal(ask_answer(all), 2);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(one->ready[k].cause, READY);
            assert_int_equal(all->ready[k].cause, READY);
        }
    }
}

TEST_MAIN(FIXTURE_CASE(only_the_oldest_is_answered), FIXTURE_CASE(activity_counts_though_nobody_drained),
          FIXTURE_CASE(a_repeated_id_takes_no_activity_of_another), FIXTURE_CASE(a_pool_takes_turns),
          FIXTURE_CASE(a_new_wait_starts_with_a_level_test),
          FIXTURE_CASE(the_next_is_answered_when_the_answered_connection_ends),
          FIXTURE_CASE(the_end_of_any_answered_connection_counts),
          FIXTURE_CASE(the_end_of_one_answered_at_once_counts),
          FIXTURE_CASE(an_end_long_after_the_work_answers_nobody),
          FIXTURE_CASE(the_end_of_another_connection_answers_nobody),
          FIXTURE_CASE(an_end_after_the_work_is_done_answers_nobody),
          FIXTURE_CASE(a_killed_worker_passes_its_work_on), FIXTURE_CASE(waits_without_it_are_all_answered),
          FIXTURE_CASE(who_is_not_satisfied_does_not_take_the_turn),
          FIXTURE_CASE(a_wait_for_all_of_one_object_takes_its_turn),
          FIXTURE_CASE(a_cancelled_wait_does_not_take_the_turn), FIXTURE_CASE(one_of_several_events),
          FIXTURE_CASE(semaphores_and_what_has_ended_answer_everybody),
          FIXTURE_CASE(hang_up_is_passed_on_as_well), FIXTURE_CASE(with_what_is_always_ready))
