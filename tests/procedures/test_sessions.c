/* test_sessions.c: which session a connection gets: a new one, or an existing one by token or by owner process. Ids are valid
 * inside one session only; numbers belong to a process. */
#include "ask.h"
#include "descriptors.h"

#include <poll.h>
#include <sys/socket.h>

static portd_client *owned_by(pid_t pid, bool new_session, int64_t ttl_us) {
    portd_options options = PORTD_OPTIONS_INIT;

    options.owner_pid = (uint32_t)pid;
    options.new_session = new_session;
    options.ttl_us = ttl_us;
    return fixture_client(&options);
}

/* The code of a connect that must fail. */
static int refused(const portd_options *options) {
    char message[256] = "";
    portd_options own = *options;
    portd_client *client;

    own.message = message;
    own.message_size = sizeof(message);
    int code = portd_connect(fixture_address(), &own, fixture_soon(), &client);
    if (code > 0)
        portd_disconnect(client);
    assert_true(code < 0);
    assert_null(client);
    assert_string_not_equal(message, "");
    return code;
}

static int refused_token(const char *token) {
    portd_options options = PORTD_OPTIONS_INIT;

    options.token = token;
    return refused(&options);
}

static int stay(void *data) {
    (void)data;
    while (poll(NULL, 0, -1) < 0 && errno == EINTR) {
    }
    return 1;
}

/* Disconnected by the broker. */
static bool has_lost(void *data) { return portd_ping(data, fixture_soon()) == PORTD_E_DISCONNECTED; }

/* ---- its own ------------------------------------------------------------------------------------------------------ */

static void a_connection_has_its_own(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_client(NULL);
    portd_list *list = NULL;
    portd_ready ready;
    portd_native handle;
    int p[2];

    (void)state;
    make_pipe(p);
    assert_false(portd_session_joined(a));
    assert_true(portd_session_id(a) != portd_session_id(b));
    assert_int_equal(portd_id_kind(portd_session_id(a)), PORTD_KIND_SESSION);
    assert_string_not_equal(portd_session_token(a), portd_session_token(b));
    portd_id s = ask_semaphore(a, p[0], READ), e = ask_evt(a, p[0], READ);
    assert_none(ask_semaphore(b, p[0], CHECK_READ));
    assert_none(ask_evt(b, p[0], CHECK_READ));
    ask_no_semaphores(b, p[0]);
    ask_no_evts(b, p[0]);
    portd_id ids[2] = {s, e};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(portd_wait(b, &ids[i], 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
        assert_non_null(strstr(portd_last_hint(b), "portd_options.reach"));
        assert_int_equal(portd_remove(b, ids[i], fixture_soon()), PORTD_E_NOT_FOUND);
        assert_int_equal(portd_release(b, &ids[i], 1, fixture_soon()), PORTD_E_NOT_FOUND);
        assert_int_equal(portd_handle_dup(b, ids[i], fixture_soon(), &handle), PORTD_E_NOT_FOUND);
        assert_int_equal(portd_show(b, &ids[i], 1, fixture_soon(), &list), PORTD_E_NOT_FOUND);
    }
    assert_cause(a, s, IDLE);
    assert_cause(a, e, IDLE);
}

static void numbers_are_of_a_session(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id of_a = ask_evt(a, p[0], READ);
    make_at(q[0], p[0]); /* in the other session the number is this file from the start */
    portd_id of_b = ask_evt(b, p[0], READ);
    assert_int_equal(portd_last_flags(b), PORTD_RESULT_CREATED);
    put(q[1]);
    assert_cause(a, of_a, IDLE);
    assert_cause(b, of_b, READY);
    ask_no_evts(b, p[0]);
    assert_cause(a, of_a, IDLE);
}

static void ids_are_never_used_again(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id ids[201];
    int p[2];

    (void)state;
    make_pipe(p);
    for (int i = 0; i <= 200; i++) {
        portd_id id = ids[i] = i % 2 ? ask_evt(c, p[0], READ) : ask_semaphore(c, p[0], READ);
        assert_true(id > UINT64_C(1) << 32 && id < UINT64_C(1) << 53);
        for (int k = 0; k < i; k++)
            assert_true(id >> 3 != ids[k] >> 3);
        assert_int_equal(portd_remove(c, id, fixture_soon()), 1);
        assert_int_equal(portd_release(c, &id, 1, fixture_soon()), 1);
        if (i == 199) {
            fixture_disconnect(c);
            c = fixture_client(NULL);
        }
    }
}

/* ---- by token ----------------------------------------------------------------------------------------------------- */

static void a_token_joins(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_joined(a);
    int p[2];

    (void)state;
    make_pipe(p);
    assert_true(portd_session_joined(b));
    assert_true(portd_session_id(a) == portd_session_id(b));
    assert_string_equal(portd_session_token(a), portd_session_token(b));
    portd_id s = ask_semaphore(a, p[0], READ);
    assert_same(s, ask_semaphore(b, p[0], READ));
    assert_same(s, ask_semaphore(b, p[0], CHECK_READ));
    portd_id e = ask_evt(b, p[0], READ);
    assert_same(e, ask_evt(a, p[0], CHECK_READ));
    put(p[1]);
    assert_until(b, s, READY);
    assert_cause(a, e, READY);
    assert_int_equal(ask_item(a, portd_session_id(a)).connections, 2);
}

struct joining {
    const char *token;
    int number;
    portd_id id;
};

/* In another process, whose numbers are its own: waits for the event, replaces nothing, removes it by its id. */
static int join_and_remove(void *data) {
    const struct joining *joining = data;
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;
    portd_ready ready;
    portd_id id;

    options.token = joining->token;
    if (portd_connect(fixture_address(), &options, fixture_soon(), &client) != 1)
        return 1;
    if (portd_fd_to_evt(client, joining->number, CHECK_READ, PORTD_FD, fixture_soon(), &id) != 0)
        return 2;
    if (portd_fd_to_evt(client, joining->number, REMOVE, PORTD_FD, fixture_soon(), &id) != 0)
        return 3;
    if (portd_wait(client, &joining->id, 1, 0, fixture_soon(), &ready) != 1 || ready.cause != READY)
        return 4;
    if (dup2(0, joining->number) < 0 ||
        portd_fd_to_evt(client, joining->number, READ, PORTD_FD, fixture_soon(), &id) != 1)
        return 5;
    if (portd_last_flags(client) != PORTD_RESULT_CREATED || id == joining->id)
        return 6;
    if (portd_wait(client, &joining->id, 1, 0, 0, &ready) != 1 || ready.cause != READY)
        return 7;
    if (portd_remove(client, joining->id, fixture_soon()) != 1)
        return 8;
    portd_disconnect(client);
    return 0;
}

static void a_token_joins_from_another_process(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    pid_t child = fixture_fork(join_and_remove, &(struct joining){portd_session_token(c), p[0], e});
    ask_until_waiters(c, e, 1);
    put(p[1]);
    assert_int_equal(fixture_reap(child), 0);
    assert_cause(c, e, REMOVED);
    assert_none(ask_evt(c, p[0], CHECK_READ));
}

static void a_wrong_token_is_not_found(void **state) {
    portd_client *c = fixture_client(NULL);
    char token[128];

    (void)state;
    assert_true(strlen(portd_session_token(c)) < sizeof(token) - 1);
    (void)snprintf(token, sizeof(token), "%s", portd_session_token(c));
    char *last = token + strlen(token) - 1;
    *last = *last == '0' ? '1' : '0';
    assert_int_equal(refused_token(token), PORTD_E_NOT_FOUND);
    *last = '\0';
    assert_int_equal(refused_token(token), PORTD_E_NOT_FOUND);
    assert_int_equal(refused_token("1234"), PORTD_E_NOT_FOUND);
    assert_int_equal(refused_token("no token"), PORTD_E_NOT_FOUND);
    (void)snprintf(token, sizeof(token), "%s", portd_session_token(c));
    fixture_disconnect(c);
    fixture_until_fds(fixture_broker(), 0);
    assert_int_equal(refused_token(token), PORTD_E_NOT_FOUND); /* of a session that has ended */
}

static void the_last_connection_ends_it(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_joined(a), *c = fixture_joined(b);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id e = ask_evt(a, p[0], READ);
    fixture_close(p[0]);
    fixture_disconnect(a); /* who made it and everything in it */
    fixture_disconnect(c);
    fixture_until_fds(fixture_broker(), 2);
    assert_cause(b, e, IDLE);
    assert_false(at_end(p[1]));
    fixture_disconnect(b);
    until_end(p[1]);
    fixture_until_fds(fixture_broker(), 0);
}

/* ---- by owner ----------------------------------------------------------------------------------------------------- */

static void an_owner_joins_and_keeps(void **state) {
    pid_t owner = fixture_fork(stay, NULL);
    portd_client *a = owned_by(owner, false, 0), *b = owned_by(owner, false, 0);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    int number = p[0];
    assert_false(portd_session_joined(a));
    assert_true(portd_session_joined(b));
    assert_true(portd_session_id(a) == portd_session_id(b));
    assert_int_equal(ask_item(a, portd_session_id(a)).owner_pid, owner);
    portd_id session = portd_session_id(a), e = ask_evt(a, number, READ);
    fixture_close(number);
    fixture_disconnect(a);
    fixture_disconnect(b);
    fixture_until_fds(fixture_broker(), 1 + 1); /* the copy, and the owner's pidfd */
    assert_false(at_end(p[1]));                 /* nobody is connected */
    portd_client *c = owned_by(owner, false, 0);
    assert_true(portd_session_joined(c) && portd_session_id(c) == session);
    assert_same(e, ask_evt(c, number, CHECK_READ));
    fixture_end(owner);
    until_end(p[1]);
    assert_true(fixture_until(has_lost, c));
    fixture_until_fds(fixture_broker(), 0);
}

static void the_owners_end_wakes_waiters(void **state) {
    pid_t owner = fixture_fork(stay, NULL);
    portd_client *c = owned_by(owner, false, 0);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    struct inflight *of_s = ask_park_one(c, s, 0), *of_e = ask_park_one(c, e, PORTD_WAIT_ONE);
    fixture_end(owner);
    assert_answer(of_s, s, EXPIRED);
    assert_answer(of_e, e, EXPIRED);
    assert_true(fixture_until(has_lost, c));
}

static void new_session_is_another_one_of_the_owner(void **state) {
    pid_t owner = fixture_fork(stay, NULL);
    portd_client *a = owned_by(owner, false, 0), *b = owned_by(owner, true, 0), *c = owned_by(owner, true, 0);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    assert_false(portd_session_joined(b) || portd_session_joined(c));
    assert_true(portd_session_id(a) != portd_session_id(b) && portd_session_id(b) != portd_session_id(c));
    portd_client *d = owned_by(owner, false, 0); /* the owner's own is still the first */
    assert_true(portd_session_joined(d) && portd_session_id(d) == portd_session_id(a));
    portd_client *e = fixture_joined(b);
    assert_true(portd_session_id(e) == portd_session_id(b));
    (void)ask_evt(b, p[0], READ);
    fixture_close(p[0]);
    fixture_disconnect(b);
    fixture_disconnect(e);
    assert_false(at_end(p[1])); /* it lasts as long as its owner */
    fixture_end(owner);
    until_end(p[1]);
    assert_true(fixture_until(has_lost, c));
}

static void new_session_is_nobody_elses(void **state) {
    pid_t owner = fixture_fork(stay, NULL);
    portd_client *a = owned_by(owner, true, 0), *b = owned_by(owner, false, 0);

    (void)state;
    assert_false(portd_session_joined(b)); /* the owner has none yet but the one made apart */
    assert_true(portd_session_id(a) != portd_session_id(b));
}

static void an_owner_must_live(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    pid_t owner = fixture_fork(stay, NULL);

    (void)state;
    fixture_end(owner);
    options.owner_pid = (uint32_t)owner;
    assert_int_equal(refused(&options), PORTD_E_INVALID);
    options.owner_pid = INT32_MAX;
    assert_int_equal(refused(&options), PORTD_E_INVALID);
}

static void two_owners_have_two(void **state) {
    pid_t one = fixture_fork(stay, NULL), two = fixture_fork(stay, NULL);
    portd_client *a = owned_by(one, false, 0), *b = owned_by(two, false, 0);

    (void)state;
    assert_true(portd_session_id(a) != portd_session_id(b));
    fixture_end(one);
    assert_true(fixture_until(has_lost, a));
    assert_int_equal(portd_ping(b, fixture_soon()), 1);
}

/* ---- by time ------------------------------------------------------------------------------------------------------ */

static void a_ttl_keeps_it_without_connections(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    char token[128];
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    int number = p[0];
    options.ttl_us = INT64_C(3600) * 1000000;
    portd_client *a = fixture_client(&options);
    portd_id e = ask_evt(a, number, READ);
    assert_true(ask_item(a, portd_session_id(a)).ttl_us > 0);
    (void)snprintf(token, sizeof(token), "%s", portd_session_token(a));
    fixture_close(number);
    fixture_disconnect(a);
    fixture_until_fds(fixture_broker(), 1);
    assert_false(at_end(p[1]));
    options.ttl_us = 0;
    options.token = token;
    portd_client *b = fixture_client(&options);
    assert_same(e, ask_evt(b, number, CHECK_READ));
    assert_int_equal(portd_end_session(b, 0, fixture_soon()), 1);
    until_end(p[1]);
}

static void a_ttl_ends_it_though_somebody_is_connected(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    options.ttl_us = 1000 * 1000;
    portd_client *c = fixture_client(&options);
    portd_id e = ask_evt(c, p[0], READ);
    struct inflight *wait = ask_park_one(c, e, 0);
    fixture_close(p[0]);
    assert_answer(wait, e, EXPIRED);
    until_end(p[1]);
    assert_true(fixture_until(has_lost, c));
}

static void a_ttl_is_for_new_ones(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    pid_t owner = fixture_fork(stay, NULL);
    portd_client *c = owned_by(owner, false, 0);

    (void)state;
    options.owner_pid = (uint32_t)owner;
    options.ttl_us = 1000000;
    assert_int_equal(refused(&options), PORTD_E_INVALID);
    options.owner_pid = 0;
    options.token = portd_session_token(c);
    assert_int_equal(refused(&options), PORTD_E_INVALID);
    options.token = NULL;
    options.ttl_us = -1;
    assert_int_equal(refused(&options), PORTD_E_INVALID);
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

static void ending_it_wakes_and_disconnects(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_joined(a), *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(a, p[0], READ), s = ask_semaphore(a, p[0], READ);
    struct inflight *of_a = ask_park_one(a, e, 0), *of_b = ask_park_one(b, s, 0);
    assert_int_equal(portd_end_session(c, portd_session_id(a), fixture_soon()), 1); /* of the same uid */
    assert_answer(of_a, e, EXPIRED);
    assert_answer(of_b, s, EXPIRED);
    assert_true(fixture_until(has_lost, a));
    assert_true(fixture_until(has_lost, b));
    assert_int_equal(portd_end_session(c, portd_session_id(a), fixture_soon()), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_end_session(c, portd_session_id(c) + (1000 << 3), fixture_soon()),
                     PORTD_E_NOT_FOUND);
    portd_id own = ask_evt(c, p[0], READ);
    portd_list *list;
    assert_int_equal(portd_end_session(c, own, fixture_soon()), PORTD_E_INVALID);
    assert_int_equal(portd_list_session(c, own, PORTD_KIND_ANY, fixture_soon(), &list), PORTD_E_INVALID);
    assert_int_equal(portd_end_session(c, 0, fixture_soon()), 1);
    assert_true(fixture_until(has_lost, c));
}

TEST_MAIN(FIXTURE_CASE(a_connection_has_its_own), FIXTURE_CASE(numbers_are_of_a_session),
          FIXTURE_CASE(ids_are_never_used_again), FIXTURE_CASE(a_token_joins),
          FIXTURE_CASE(a_token_joins_from_another_process), FIXTURE_CASE(a_wrong_token_is_not_found),
          FIXTURE_CASE(the_last_connection_ends_it), FIXTURE_CASE(an_owner_joins_and_keeps),
          FIXTURE_CASE(the_owners_end_wakes_waiters), FIXTURE_CASE(new_session_is_another_one_of_the_owner),
          FIXTURE_CASE(new_session_is_nobody_elses), FIXTURE_CASE(an_owner_must_live),
          FIXTURE_CASE(two_owners_have_two), FIXTURE_CASE(a_ttl_keeps_it_without_connections),
          FIXTURE_CASE(a_ttl_ends_it_though_somebody_is_connected), FIXTURE_CASE(a_ttl_is_for_new_ones),
          FIXTURE_CASE(ending_it_wakes_and_disconnects))
