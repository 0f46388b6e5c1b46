/* test_disconnected.c: the broker dies, and every local waiter wakes with the cause disconnected. */
#include "ask.h"
#include "descriptors.h"

#include <signal.h>
#include <sys/socket.h>

static void kill_broker(void) { fixture_kill(fixture_broker()); }

static void every_waiter_wakes(void **state) {
    enum { WAITS = 5 };
    portd_client *a = fixture_client(NULL), *b = fixture_joined(a);
    struct inflight *waits[WAITS];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id ids[2] = {ask_evt(a, p[0], READ), ask_semaphore(a, p[0], READ)};
    for (int i = 0; i < WAITS; i++)
        waits[i] = ask_park(i % 2 ? a : b, ids, 2, i % 2 ? PORTD_WAIT_ALL : ask_wait_one(a));
    kill_broker();
    for (int i = 0; i < WAITS; i++) {
        assert_int_equal(ask_answer(waits[i]), 2);
        for (int k = 0; k < 2; k++) {
            assert_true(waits[i]->ready[k].id == ids[k]);
            assert_int_equal(waits[i]->ready[k].cause, DISCONNECTED);
        }
    }
}

static void calls_say_so_afterwards(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready = {0};
    portd_id id = 7;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    kill_broker();
    assert_int_equal(portd_ping(c, fixture_soon()), PORTD_E_DISCONNECTED);
    assert_string_not_equal(portd_last_error(c), "");
    assert_int_equal(portd_fd_to_semaphore(c, p[0], READ, fixture_soon(), &id), PORTD_E_DISCONNECTED);
    assert_none(id);
    assert_int_equal(portd_process(c), PORTD_E_DISCONNECTED);
    int code = portd_wait(c, &e, 1, 0, fixture_soon(), &ready);
    assert_true(code == PORTD_E_DISCONNECTED || (code == 1 && ready.cause == DISCONNECTED));
}

struct sleeper {
    const char *token;
    portd_id id;
    int number;
};

/* In a blocking wait. */
static int sleep_in_child(void *data) {
    const struct sleeper *sleeper = data;
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;
    portd_ready ready = {0};

    options.token = sleeper->token;
    if (portd_connect(fixture_address(), &options, fixture_soon(), &client) != 1)
        return 100;
    int code = portd_wait(client, &sleeper->id, 1, 0, PORTD_FOREVER, &ready);
    portd_disconnect(client);
    return code == 1 && ready.id == sleeper->id ? ready.cause : 101;
}

static void blocking_waits_wake_in_all_processes(void **state) {
    portd_client *c = fixture_client(NULL);
    pid_t children[3];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ), s = ask_semaphore(c, p[0], READ);
    for (int i = 0; i < 3; i++)
        children[i] =
            fixture_fork(sleep_in_child, &(struct sleeper){portd_session_token(c), i ? e : s, p[0]});
    ask_until_waiters(c, e, 2);
    ask_until_waiters(c, s, 1);
    kill_broker();
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_reap(children[i]), DISCONNECTED);
}

static void the_broker_closes_everything_by_dying(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)ask_evt(c, p[1], WRITE);
    fixture_close(p[1]);
    assert_false(at_end(p[0]));
    kill_broker();
    until_end(p[0]);
}

/* SIGTERM: sessions end, then connections. */
static void a_stop_wakes_everybody_too(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inflight *wait = ask_park_one(c, e, 0);
    fixture_stop(fixture_broker());
    assert_int_equal(ask_answer(wait), 1);
    assert_true(wait->ready[0].id == e);
    assert_true(wait->ready[0].cause == DISCONNECTED || wait->ready[0].cause == EXPIRED);
}

static int codes[2];

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    codes[*(int *)data] = result->code;
}

static void a_clients_own_disconnect_answers_all(void **state) {
    static int first = 0, second = 1;
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    codes[0] = codes[1] = 0;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    assert_int_equal(portd_wait_start(c, &e, 1, 0, PORTD_FOREVER, on_answer, &first, NULL), 1);
    assert_int_equal(portd_ping_start(c, on_answer, &second, NULL), 1);
    fixture_disconnect(c);
    assert_int_equal(codes[0], 1); /* its one id, disconnected */
    assert_int_equal(codes[1], PORTD_E_DISCONNECTED);
}

static void nobody_listens_afterwards(void **state) {
    char address[FIXTURE_PATH + 32], message[256] = "";
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;

    (void)state;
    (void)snprintf(address, sizeof(address), "%s", fixture_address());
    kill_broker();
    options.message = message;
    options.message_size = sizeof(message);
    assert_int_equal(portd_connect(address, &options, fixture_soon(), &client), PORTD_E_UNREACHABLE);
    assert_string_not_equal(message, "");
}

/* ---- a broker that does not answer -------------------------------------------------------------------------------- */

static void a_call_ends_at_its_deadline(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    portd_id id = 7;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    fixture_hold_broker();
    assert_int_equal(portd_ping(c, portd_now() + 1000), PORTD_E_TIMEOUT);
    assert_int_equal(portd_fd_to_semaphore(c, p[0], READ, portd_now() + 1000, &id), PORTD_E_TIMEOUT);
    assert_none(id);
    assert_int_equal(portd_wait(c, &e, 1, 0, portd_now() + 1000, &ready), 0); /* a wait: no ready object */
    fixture_continue_broker();
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* late answers are swallowed */
    put(p[1]);
    assert_until(c, e, READY);
    assert_int_equal(ask_item(c, e).waiters, 0);
}

static void a_wait_never_ends_before_its_limit(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_semaphore(c, p[0], READ)};
    for (int us = 1; us <= 10000; us *= 10) {
        int64_t deadline = portd_now() + us;
        assert_int_equal(portd_wait(c, ids, 2, us % 3 ? 0 : PORTD_WAIT_ALL, deadline, &ready), 0);
        assert_true(portd_now() >= deadline);
    }
    assert_int_equal(portd_wait(c, ids, 2, 0, 0, &ready), 0);
    assert_int_equal(portd_wait(c, ids, 2, 0, portd_now() - 1000000, &ready), 0); /* past: a look */
    assert_int_equal(portd_wait(c, ids, 2, 0, -5, &ready), 0);
    put(p[1]);
    portd_ready both[2];
    assert_int_equal(portd_wait(c, ids, 2, 0, portd_now() - 1000000, both), 2);
    assert_int_equal(portd_wait(c, ids, 2, PORTD_WAIT_ALL, fixture_soon(), both), 2);
}

TEST_MAIN(FIXTURE_CASE(every_waiter_wakes), FIXTURE_CASE(calls_say_so_afterwards),
          FIXTURE_CASE(blocking_waits_wake_in_all_processes),
          FIXTURE_CASE(the_broker_closes_everything_by_dying), FIXTURE_CASE(a_stop_wakes_everybody_too),
          FIXTURE_CASE(a_clients_own_disconnect_answers_all), FIXTURE_CASE(nobody_listens_afterwards),
          FIXTURE_CASE(a_call_ends_at_its_deadline), FIXTURE_CASE(a_wait_never_ends_before_its_limit))
