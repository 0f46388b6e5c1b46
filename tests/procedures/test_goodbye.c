/* test_goodbye.c: whose an activity is when the connection that was answered ends: its client's, if that says goodbye after it has received
 * the answer (portd_disconnect does), else that of the next wake-one wait. */
#include "ask.h"
#include "descriptors.h"

#include <signal.h>
#include <unistd.h>

enum { ONE = PORTD_WAIT_ONE, WORKERS = 4 };

struct pool {
    portd_client *clients[WORKERS];
    struct inflight *waits[WORKERS];
    portd_id evt;
    int p[2];
};

/* Clients of one session; those from `first` on wait, in their order. */
static void pool_make(struct pool *pool, int first) {
    make_pipe(pool->p);
    for (int i = 0; i < WORKERS; i++)
        pool->clients[i] = i ? fixture_joined(pool->clients[0]) : fixture_client(NULL);
    pool->evt = ask_evt(pool->clients[0], pool->p[0], READ);
    for (int i = first; i < WORKERS; i++)
        pool->waits[i] = ask_park_one(pool->clients[i], pool->evt, ONE);
}

static void check_inflight(const struct pool *pool, int from) {
    for (int i = from; i < WORKERS; i++)
        assert_true(ask_still_inflight(pool->waits[i]));
}

/* Until the broker has that many connections, beside the copy of the pipe. */
static void until_connections(size_t n) { fixture_until_fds(fixture_broker(), n + 1); }

static void one_activity_wakes_one_who_then_disconnects(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool, 0);
    for (int i = 0; i + 1 < WORKERS; i++) {
        put(pool.p[1]); /* and nobody takes the byte */
        assert_answer(pool.waits[i], pool.evt, READY);
        fixture_disconnect(pool.clients[i]);
        until_connections((size_t)(WORKERS - 1 - i));
        check_inflight(&pool, i + 1);
    }
}

/* ---- short programs --------------------------------------------------------------------------------------------- */

struct program {
    struct pool *pool;
    const char *token;
    int end; /* a signal; 0: disconnects at once; -1: exits without */
};

static int run_program(void *data) {
    const struct program *program = data;
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;
    portd_ready ready;

    options.token = program->token;
    if (portd_connect(fixture_address(), &options, portd_now() + 10000000, &client) < 0)
        return 2;
    if (portd_wait(client, &program->pool->evt, 1, ONE, PORTD_FOREVER, &ready) != 1 || ready.cause != READY)
        return 3;
    if (program->end > 0)
        (void)kill(getpid(), program->end);
    if (program->end == 0)
        portd_disconnect(client);
    return 0;
}

/* Starts a program that waits before all of the pool, and returns when it has ended after an activity. */
static int run_before(struct pool *pool, int end) {
    struct program program = {.pool = pool, .token = portd_session_token(pool->clients[0]), .end = end};
    pid_t pid = fixture_fork(run_program, &program);

    ask_until_waiters(pool->clients[0], pool->evt, 1);
    for (int i = 1; i < WORKERS; i++)
        pool->waits[i] = ask_park_one(pool->clients[i], pool->evt, ONE);
    put(pool->p[1]);
    return fixture_reap(pid);
}

static void a_short_program_that_disconnects_at_once_keeps_it(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool, WORKERS);
    assert_int_equal(run_before(&pool, 0), 0);
    until_connections(WORKERS);
    check_inflight(&pool, 1);
    put(pool.p[1]);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

static void a_program_that_is_killed_passes_it_on(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool, WORKERS);
    assert_int_equal(run_before(&pool, SIGKILL), 256 + SIGKILL);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

static void a_program_that_exits_without_disconnecting_passes_it_on(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool, WORKERS);
    assert_int_equal(run_before(&pool, -1), 0);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

/* ---- who may keep what ------------------------------------------------------------------------------------------ */

/* Other requests are no goodbye: a worker may die in the middle of its work. */
static void a_client_that_asks_more_and_is_lost_passes_it_on(void **state) {
    struct pool pool;

    (void)state;
    pool_make(&pool, 0);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    assert_int_equal(portd_ping(pool.clients[0], PORTD_FOREVER), 1);
    fixture_abandon(pool.clients[0]);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

/* The client has received the first of two answers; the second was on its way when it said goodbye. */
static void an_answer_that_was_not_received_is_passed_on(void **state) {
    struct pool pool;
    int p[2];

    (void)state;
    pool_make(&pool, 0);
    make_pipe(p);
    portd_id other = ask_evt(pool.clients[0], p[0], READ);
    (void)ask_park_one(pool.clients[0], other, ONE);
    struct inflight *next = ask_park_one(pool.clients[1], other, ONE);
    put(pool.p[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    put(p[1]);
    ask_until_waiters(pool.clients[1], other, 1); /* it is answered, and does not read that */
    assert_true(ask_still_inflight(next));
    fixture_disconnect(pool.clients[0]);
    assert_answer(next, other, READY);
}

/* What was kept is not given on when somebody else's connection ends later. */
static void what_was_kept_is_not_the_next_ones(void **state) {
    struct pool pool;
    int p[2];

    (void)state;
    pool_make(&pool, 0);
    make_pipe(p);
    portd_client *stranger = fixture_joined(pool.clients[0]);
    portd_id other = ask_evt(stranger, p[0], READ);
    put(p[1]);
    assert_answer(ask_park_one(stranger, other, ONE), other, READY);
    for (int i = 0; i < 2; i++) {
        put(pool.p[1]);
        assert_answer(pool.waits[i], pool.evt, READY);
        fixture_disconnect(pool.clients[i]);
        until_connections((size_t)(WORKERS - i + 1)); /* the stranger, and its pipe's copy */
    }
    check_inflight(&pool, 2);
    fixture_abandon(stranger);
    until_connections(WORKERS - 2 + 1);
    check_inflight(&pool, 2);
}

TEST_MAIN(FIXTURE_CASE(one_activity_wakes_one_who_then_disconnects),
          FIXTURE_CASE(a_short_program_that_disconnects_at_once_keeps_it),
          FIXTURE_CASE(a_program_that_is_killed_passes_it_on),
          FIXTURE_CASE(a_program_that_exits_without_disconnecting_passes_it_on),
          FIXTURE_CASE(a_client_that_asks_more_and_is_lost_passes_it_on),
          FIXTURE_CASE(an_answer_that_was_not_received_is_passed_on),
          FIXTURE_CASE(what_was_kept_is_not_the_next_ones))
