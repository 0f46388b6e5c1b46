/* test_wait_beside.c: wake-one together with other waiters of the same descriptor: other waits, semaphores, the other direction,
 * waits for all, and a woken client that takes nothing. One activity wakes one of them, and none is lost. */
#include "ports.h"

#include <signal.h>
#include <sys/socket.h>

enum { ONE = PORTD_WAIT_ONE, BOTH = PORTD_WAIT_ONE | PORTD_WAIT_ALL, POOL = 3, MANY = 300, ROUNDS = 20 };

struct pool {
    portd_client *clients[POOL];
    struct inflight *waits[POOL];
    portd_id evt;
    int ends[2]; /* of a socket; the broker has the first one, which has no room */
};

static void park_all(struct pool *pool) {
    for (int i = 0; i < POOL; i++)
        pool->waits[i] = ask_park_one(pool->clients[i], pool->evt, ONE);
}

static void make_clients(struct pool *pool) {
    for (int i = 0; i < POOL; i++)
        pool->clients[i] = i ? fixture_joined(pool->clients[0]) : fixture_client(NULL);
}

static void make_pool(struct pool *pool) {
    make_clients(pool);
    make_pair(SOCK_STREAM, pool->ends);
    (void)fill(pool->ends[0]);
    pool->evt = ask_evt(pool->clients[0], pool->ends[0], READ);
}

/* All of them wait, and the first one was answered for a byte that is there. */
static void begin(struct pool *pool) {
    make_pool(pool);
    park_all(pool);
    put(pool->ends[1]);
    assert_answer(pool->waits[0], pool->evt, READY);
}

static void check_inflight(const struct pool *pool, int from) {
    for (int i = from; i < POOL; i++)
        assert_true(ask_still_inflight(pool->waits[i]));
}

static void flush(portd_client *client) { assert_true(portd_process(client) >= 0); }

/* ---- the other direction ---------------------------------------------------------------------------------------- */

static void a_wait_for_room(void **state) {
    struct pool pool;

    (void)state;
    begin(&pool);
    portd_id room = ask_evt(pool.clients[0], pool.ends[0], WRITE);
    struct inflight *writer = ask_park_one(pool.clients[0], room, 0); /* what is asked for has changed */
    check_inflight(&pool, 1);
    assert_true(ask_still_inflight(writer));
    (void)drain(pool.ends[1]); /* an activity of the other direction */
    assert_answer(writer, room, READY);
    check_inflight(&pool, 1);
    (void)fill(pool.ends[0]);
    put(pool.ends[1]);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

static void a_wait_for_room_that_was_there_before(void **state) {
    struct pool pool;

    (void)state;
    make_pool(&pool);
    portd_id room = ask_evt(pool.clients[0], pool.ends[0], WRITE);
    struct inflight *writer = ask_park_one(pool.clients[0], room, 0);
    park_all(&pool);
    put(pool.ends[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    check_inflight(&pool, 1);
    ask_cancel(writer);
    check_inflight(&pool, 1);
    writer = ask_park_one(pool.clients[0], room, 0);
    check_inflight(&pool, 1);
    (void)drain(pool.ends[1]);
    assert_answer(writer, room, READY);
    check_inflight(&pool, 1);
}

static void a_semaphore_for_room(void **state) {
    struct pool pool;

    (void)state;
    begin(&pool);
    portd_id room = ask_semaphore(pool.clients[0], pool.ends[0], WRITE);
    check_inflight(&pool, 1);
    (void)drain(pool.ends[1]);
    assert_until(pool.clients[0], room, READY);
    check_inflight(&pool, 1);
    put(pool.ends[1]);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

static void bytes_to_be_written_to_a_port(void **state) {
    struct pool pool;

    (void)state;
    begin(&pool);
    portd_id out = port_wrap_socket(pool.clients[0], pool.ends[0]).out;
    struct io *write = io_write(pool.clients[0], out, "x", 1);
    assert_true(io_still_inflight(write));
    check_inflight(&pool, 1);
    (void)drain(pool.ends[1]);
    assert_int_equal(io_answer(write), 1);
    check_inflight(&pool, 1);
}

/* Readers and writers, each of them for one activity of theirs. */
static void wake_one_in_both_directions(void **state) {
    struct pool pool;
    struct inflight *writers[POOL];

    (void)state;
    make_pool(&pool);
    portd_id room = ask_evt(pool.clients[0], pool.ends[0], WRITE);
    for (int i = 0; i < POOL; i++)
        writers[i] = ask_park_one(pool.clients[i], room, ONE);
    park_all(&pool);
    for (int i = 0; i < POOL; i++) {
        put(pool.ends[1]);
        assert_answer(pool.waits[i], pool.evt, READY);
        check_inflight(&pool, i + 1);
        assert_true(ask_still_inflight(writers[0]));
    }
    park_all(&pool); /* each is answered at once */
    for (int i = 0; i < POOL; i++)
        assert_answer(pool.waits[i], pool.evt, READY);
    (void)drain(pool.ends[0]);
    park_all(&pool);
    (void)drain(pool.ends[1]); /* each buffer that is read makes room: one activity or several */
    assert_answer(writers[0], room, READY);
    check_inflight(&pool, 0);
    put(pool.ends[1]);
    assert_answer(pool.waits[0], pool.evt, READY);
    check_inflight(&pool, 1);
}

/* Bytes and room at the same time are two activities. */
static void both_directions_at_once(void **state) {
    struct pool pool;

    (void)state;
    begin(&pool);
    portd_id room = ask_evt(pool.clients[0], pool.ends[0], WRITE);
    struct inflight *writer = ask_park_one(pool.clients[0], room, 0);
    fixture_hold_broker();
    (void)drain(pool.ends[1]);
    put(pool.ends[1]);
    fixture_continue_broker();
    assert_answer(writer, room, READY);
    assert_answer(pool.waits[1], pool.evt, READY);
    check_inflight(&pool, 2);
}

/* Two entries of the kernel tell of it, and it is one hang-up. */
static void a_hang_up_beside_a_wait_for_room(void **state) {
    struct pool pool;

    (void)state;
    make_pool(&pool);
    park_all(&pool);
    portd_id room = ask_evt(pool.clients[0], pool.ends[0], WRITE);
    struct inflight *writer = ask_park_one(pool.clients[0], room, 0);
    fixture_close(pool.ends[1]);
    (void)ask_answer(writer);
    (void)ask_answer(pool.waits[0]);
    check_inflight(&pool, 1);
}

/* Nothing is kept for it: the broker has its connections and the socket. */
static void the_second_number_goes_with_the_waits(void **state) {
    struct pool pool;

    (void)state;
    make_pool(&pool);
    portd_id room = ask_evt(pool.clients[0], pool.ends[0], WRITE);
    fixture_until_fds(fixture_broker(), POOL + 1);
    for (int i = 0; i < ROUNDS; i++) {
        park_all(&pool);
        struct inflight *writer = ask_park_one(pool.clients[0], room, 0);
        for (int k = 0; k < POOL; k++)
            portd_cancel(pool.waits[k]->request);
        for (int k = 0; k < POOL; k++)
            assert_int_equal(ask_answer(pool.waits[k]), PORTD_E_CANCELLED);
        fixture_until_fds(fixture_broker(), POOL + 1);
        ask_cancel(writer);
    }
    park_all(&pool);
    (void)ask_park_one(pool.clients[0], room, 0);
    ask_no_evts(pool.clients[0], pool.ends[0]);
    fixture_until_fds(fixture_broker(), POOL);
}

/* ---- the same direction ----------------------------------------------------------------------------------------- */

static void a_semaphore_and_a_second_object(void **state) {
    struct pool pool;

    (void)state;
    make_pool(&pool);
    portd_id in = port_wrap_socket(pool.clients[0], pool.ends[0]).in;
    park_all(&pool);
    struct inflight *of_port = ask_park_one(pool.clients[0], in, ONE),
                    *all = ask_park_one(pool.clients[0], in, 0);
    portd_id semaphore = ask_semaphore(pool.clients[0], pool.ends[0], READ);
    put(pool.ends[1]);
    assert_until(pool.clients[0], semaphore, READY);
    assert_answer(all, in, READY);
    assert_answer(pool.waits[0], pool.evt, READY);
    check_inflight(&pool, 1);
    assert_true(ask_still_inflight(of_port));
    (void)ask_semaphore(pool.clients[0], pool.ends[0], READ); /* fires at once */
    check_inflight(&pool, 1);
    for (int i = 1; i < POOL; i++) {
        put(pool.ends[1]);
        assert_answer(pool.waits[i], pool.evt, READY);
        check_inflight(&pool, i + 1);
    }
    assert_true(ask_still_inflight(of_port));
    put(pool.ends[1]);
    assert_answer(of_port, in, READY);
}

/* One activity is of both that it names, and given to it: it is answered with both. */
static void an_event_and_a_port_of_one_socket(void **state) {
    struct pool pool;

    (void)state;
    make_pool(&pool);
    portd_id ids[] = {pool.evt, port_wrap_socket(pool.clients[0], pool.ends[0]).in};
    for (int i = 0; i < 2; i++) {
        struct inflight *both = ask_park(pool.clients[0], ids, 2, ONE),
                        *next = ask_park(pool.clients[1], ids, 2, ONE);
        put(pool.ends[1]);
        assert_int_equal(ask_answer(both), 2);
        assert_true(ask_still_inflight(next));
        put(pool.ends[1]);
        assert_int_equal(ask_answer(next), 2);
        (void)drain(pool.ends[0]);
    }
}

/* Its limit passes; what is ready then was given to another. */
static void a_limit_that_passes(void **state) {
    enum { LIMIT_US = 20000, SOON_US = 100000 };
    struct pool pool;

    (void)state;
    make_pool(&pool);
    for (int i = 0; i < ROUNDS / 4; i++) {
        pool.waits[0] = ask_park_one(pool.clients[0], pool.evt, ONE);
        struct inflight *late =
            ask_park_until(pool.clients[1], &pool.evt, 1, ONE, portd_now() + (i ? SOON_US : LIMIT_US));
        put(pool.ends[1]);
        assert_answer(pool.waits[0], pool.evt, READY);
        assert_int_equal(ask_answer(late), 0);
        (void)drain(pool.ends[0]);
    }
}

/* ---- waits for all ---------------------------------------------------------------------------------------------- */

struct halves {
    portd_client *a, *b;
    portd_id ids[2];
    int p[2], q[2];
};

/* The second one is ready. */
static void make_halves(struct halves *halves) {
    halves->a = fixture_client(NULL);
    halves->b = fixture_joined(halves->a);
    make_pipe(halves->p);
    make_pipe(halves->q);
    put(halves->q[1]);
    halves->ids[0] = ask_evt(halves->a, halves->p[0], READ);
    halves->ids[1] = ask_evt(halves->a, halves->q[0], READ);
}

static void a_wait_for_all_leaves_what_another_was_given(void **state) {
    struct halves h;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        make_halves(&h);
        struct inflight *all = ask_park(h.a, h.ids, 2, BOTH), *one = ask_park_one(h.b, h.ids[0], ONE);
        put(h.p[1]);
        assert_answer(one, h.ids[0], READY);
        assert_true(ask_still_inflight(all));
        put(h.p[1]);
        assert_int_equal(ask_answer(all), 2);
    }
}

static void one_of_two_waits_for_all(void **state) {
    struct halves h;

    (void)state;
    make_halves(&h);
    struct inflight *first = ask_park(h.a, h.ids, 2, BOTH), *second = ask_park(h.b, h.ids, 2, BOTH);
    put(h.p[1]);
    assert_int_equal(ask_answer(first), 2);
    assert_true(ask_still_inflight(second));
    put(h.p[1]);
    assert_int_equal(ask_answer(second), 2);
}

static void a_wait_for_all_gets_what_a_connection_that_ends_was_given(void **state) {
    struct halves h;

    (void)state;
    make_halves(&h);
    struct inflight *all = ask_park(h.a, h.ids, 2, BOTH), *one = ask_park_one(h.b, h.ids[0], ONE);
    put(h.p[1]);
    assert_answer(one, h.ids[0], READY);
    assert_true(ask_still_inflight(all));
    fixture_abandon(h.b);
    assert_int_equal(ask_answer(all), 2);
}

/* It has gone before it was told. */
static void and_what_one_that_has_gone_was_given(void **state) {
    struct halves h;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        make_halves(&h);
        struct inflight *all = ask_park(h.a, h.ids, 2, BOTH);
        (void)ask_park_one(h.b, h.ids[0], ONE);
        fixture_hold_broker();
        put(h.p[1]);
        fixture_abandon(h.b);
        fixture_continue_broker();
        assert_int_equal(ask_answer(all), 2);
    }
}

/* ---- the wait that was chosen ----------------------------------------------------------------------------------------- */

/* One answer tells of two activities: neither is another's. */
static void answered_with_several(void **state) {
    struct halves h;

    (void)state;
    make_halves(&h);
    (void)drain(h.q[0]);
    struct inflight *several = ask_park(h.a, h.ids, 2, ONE), *next = ask_park_one(h.b, h.ids[1], ONE);
    fixture_hold_broker();
    put(h.p[1]);
    put(h.q[1]);
    fixture_continue_broker();
    assert_int_equal(ask_answer(several), 2);
    assert_true(ask_still_inflight(next));
    put(h.q[1]);
    assert_answer(next, h.ids[1], READY);
}

/* Who is answered for one thing is not told of another that was given to somebody else. */
static void nothing_of_others_is_in_the_answer(void **state) {
    struct halves h;

    (void)state;
    make_halves(&h);
    (void)drain(h.q[0]);
    struct inflight *next = ask_park_one(h.b, h.ids[1], ONE), *several = ask_park(h.a, h.ids, 2, ONE);
    put(h.q[1]);
    assert_answer(next, h.ids[1], READY);
    assert_true(ask_still_inflight(several));
    put(h.p[1]);
    assert_answer(several, h.ids[0], READY);
}

/* It is told behind many others, and is cancelled meanwhile: it has the activity, or the next one has. */
static void one_that_is_cancelled_before_it_is_told(void **state) {
    struct pool pool;
    struct inflight *many[MANY];

    (void)state;
    make_pool(&pool);
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < MANY; k++)
            many[k] = ask_park_one(pool.clients[2], pool.evt, 0);
        struct inflight *first = ask_park_one(pool.clients[0], pool.evt, ONE),
                        *second = ask_park_one(pool.clients[1], pool.evt, ONE);
        fixture_hold_broker();
        put(pool.ends[1]);
        portd_cancel(first->request);
        flush(pool.clients[0]);
        fixture_continue_broker();
        if (ask_answer(first) == PORTD_E_CANCELLED) {
            assert_answer(second, pool.evt, READY);
        } else {
            assert_true(ask_still_inflight(second));
            ask_cancel(second);
        }
        for (int k = 0; k < MANY; k++)
            (void)ask_answer(many[k]);
        (void)drain(pool.ends[0]);
    }
}

static void on_closed(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    (void)result;
    (void)data;
}

/* A closed port answers its own waits, and what one of them was given is another's. */
static void one_whose_port_is_closed_before_it_is_told(void **state) {
    struct pool pool;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct inflight *many[MANY];
        make_pool(&pool);
        portd_id in = port_wrap_socket(pool.clients[0], pool.ends[0]).in;
        for (int k = 0; k < MANY; k++)
            many[k] = ask_park_one(pool.clients[2], pool.evt, 0);
        struct inflight *first = ask_park_one(pool.clients[0], in, ONE),
                        *second = ask_park_one(pool.clients[1], pool.evt, ONE);
        fixture_hold_broker();
        put(pool.ends[1]);
        portd_request *request;
        assert_int_equal(portd_port_close_start(pool.clients[0], in, on_closed, NULL, &request), 1);
        flush(pool.clients[0]);
        fixture_continue_broker();
        assert_int_equal(ask_answer(first), 1);
        if (first->ready[0].cause != READY)
            assert_answer(second, pool.evt, READY);
        else
            assert_true(ask_still_inflight(second));
        for (int k = 0; k < MANY; k++)
            (void)ask_answer(many[k]);
        for (int k = 0; k < POOL; k++)
            fixture_disconnect(pool.clients[k]);
    }
}

TEST_MAIN(FIXTURE_CASE(a_wait_for_room), FIXTURE_CASE(a_wait_for_room_that_was_there_before),
          FIXTURE_CASE(a_semaphore_for_room), FIXTURE_CASE(bytes_to_be_written_to_a_port),
          FIXTURE_CASE(wake_one_in_both_directions), FIXTURE_CASE(both_directions_at_once),
          FIXTURE_CASE(a_hang_up_beside_a_wait_for_room), FIXTURE_CASE(the_second_number_goes_with_the_waits),
          FIXTURE_CASE(a_semaphore_and_a_second_object), FIXTURE_CASE(an_event_and_a_port_of_one_socket),
          FIXTURE_CASE(a_limit_that_passes), FIXTURE_CASE(a_wait_for_all_leaves_what_another_was_given),
          FIXTURE_CASE(one_of_two_waits_for_all),
          FIXTURE_CASE(a_wait_for_all_gets_what_a_connection_that_ends_was_given),
          FIXTURE_CASE(and_what_one_that_has_gone_was_given), FIXTURE_CASE(answered_with_several),
          FIXTURE_CASE(nothing_of_others_is_in_the_answer),
          FIXTURE_CASE(one_that_is_cancelled_before_it_is_told),
          FIXTURE_CASE(one_whose_port_is_closed_before_it_is_told))
