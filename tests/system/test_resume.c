/* test_resume.c: a session that has objects by holds outlives the broker: its clients go on with the next one, and the ids are the same. */
#define _GNU_SOURCE

#include "guest.h"
#include "tests/support/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OTHER_UID = 1000 };

static const char *const options[] = {"--keeper", "yes", NULL};

/* ---- brokers ------------------------------------------------------------------------------------------------------ */

static pid_t broker_of(pid_t keeper) { return fixture_child(keeper, NULL); }

struct change {
    pid_t keeper, last;
};

static bool is_another(void *data) {
    const struct change *change = data;
    pid_t pid = broker_of(change->keeper);
    return pid && pid != change->last;
}

static void kill_broker(const struct fixture *fixture) {
    struct change change = {fixture->pid, broker_of(fixture->pid)};
    assert_true(change.last > 0);
    assert_return_code(kill(change.last, SIGKILL), errno);
    assert_true(fixture_until(is_another, &change));
}

static portd_client *client_of(const struct fixture *fixture) {
    return fixture_client_at(fixture->address, NULL);
}

/* ---- a held pipe -------------------------------------------------------------------------------------------------- */

struct held {
    struct fixture fixture;
    portd_client *c;
    int p[2];
};

static void put(portd_client *c, const char *name, int fd) {
    portd_native native = fd;
    assert_int_equal(portd_put(c, NULL, &name, &native, 1, NULL, NULL, fixture_soon(), NULL), 1);
}

/* A broker with a keeper, a client, and a pipe whose reading end is held as "in". */
static void begin_with(struct held *held, const char *const *given) {
    fixture_start(&held->fixture, given);
    held->c = client_of(&held->fixture);
    assert_return_code(pipe2(held->p, O_CLOEXEC | O_NONBLOCK), errno);
    (void)fixture_own(held->p[0]);
    (void)fixture_own(held->p[1]);
    put(held->c, "in", held->p[0]);
}

static void begin(struct held *held) { begin_with(held, options); }

static void end(struct held *held) {
    fixture_disconnect(held->c);
    fixture_stop(&held->fixture);
}

static portd_id semaphore(portd_client *c) {
    portd_id id = 0;
    assert_int_equal(portd_hold_to_semaphore(c, NULL, "in", PORTD_MODE_READ, fixture_soon(), &id), 1);
    return id;
}

static void fill(const struct held *held) { assert_int_equal(write(held->p[1], "x", 1), 1); }

static void drain(const struct held *held) {
    char byte;
    assert_int_equal(read(held->p[0], &byte, 1), 1);
}

/* ---- requests in flight ------------------------------------------------------------------------------------------- */

struct answer {
    bool come;
    int code;
    portd_ready ready;
};

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    struct answer *answer = data;
    (void)client;
    assert_false(answer->come);
    answer->come = true;
    answer->code = result->code;
    if (result->code > 0 && result->ready)
        answer->ready = result->ready[0];
}

static void start_wait(portd_client *c, portd_id id, unsigned flags, struct answer *answer) {
    *answer = (struct answer){false};
    assert_int_equal(portd_wait_start(c, &id, 1, flags, fixture_soon(), on_answer, answer, NULL), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_false(answer->come);
}

static void await(portd_client *c, const struct answer *answer) {
    while (!answer->come)
        assert_true(portd_poll(c, fixture_soon()) >= 0);
}

static void assert_cause(portd_client *c, portd_id id, int cause) {
    portd_ready ready;
    assert_int_equal(portd_wait(c, &id, 1, 0, fixture_soon(), &ready), 1);
    assert_int_equal(ready.id, id);
    assert_int_equal(ready.cause, cause);
}

static void assert_idle(portd_client *c, portd_id id) {
    portd_ready ready;
    assert_int_equal(portd_wait(c, &id, 1, 0, 0, &ready), 0);
}

static void assert_gone(portd_client *c, portd_id id) {
    portd_ready ready;
    assert_int_equal(portd_ping(c, fixture_soon()),
                     1); /* a wait that is repeated is answered as when the connection is lost */
    assert_int_equal(portd_wait(c, &id, 1, 0, 0, &ready), PORTD_E_NOT_FOUND);
}

/* ---- cases -------------------------------------------------------------------------------------------------------- */

static void a_wait_goes_on(void **state) {
    static struct held held; /* also for the teardown of a case that fails */
    struct answer answer;
    (void)state;
    begin(&held);
    portd_id session = portd_session_id(held.c), id = semaphore(held.c);
    start_wait(held.c, id, 0, &answer);
    for (int i = 0; i < 3; i++) {
        kill_broker(&held.fixture);
        assert_int_equal(portd_ping(held.c, fixture_soon()), 1);
        assert_int_equal(portd_session_id(held.c), session);
        assert_false(answer.come);
    }
    assert_int_equal(semaphore(held.c), id);
    fill(&held);
    await(held.c, &answer);
    assert_int_equal(answer.code, 1);
    assert_int_equal(answer.ready.id, id);
    assert_int_equal(answer.ready.cause, PORTD_CAUSE_READY);
    end(&held);
}

static void what_has_fired_stays_fired(void **state) {
    static struct held held;
    (void)state;
    begin(&held);
    portd_id fired = semaphore(held.c);
    fill(&held);
    assert_cause(held.c, fired, PORTD_CAUSE_READY);
    drain(&held);
    portd_id armed = semaphore(held.c), removed = 0;
    assert_true(armed != fired);
    assert_int_equal(portd_hold_to_evt(held.c, NULL, "in", PORTD_MODE_READ, fixture_soon(), &removed), 1);
    assert_int_equal(portd_remove(held.c, removed, fixture_soon()), 1);
    kill_broker(&held.fixture);
    assert_cause(held.c, fired, PORTD_CAUSE_READY);
    assert_cause(held.c, removed, PORTD_CAUSE_REMOVED);
    assert_idle(held.c, armed);
    assert_int_equal(portd_release(held.c, &fired, 1, fixture_soon()), 1);
    assert_int_equal(portd_release(held.c, &removed, 1, fixture_soon()), 1);
    assert_int_equal(portd_remove(held.c, semaphore(held.c), fixture_soon()),
                     1); /* the same: there is no other */
    assert_cause(held.c, armed, PORTD_CAUSE_REMOVED);
    kill_broker(&held.fixture);
    assert_gone(held.c, fired);
    assert_gone(held.c, removed);
    assert_cause(held.c, armed, PORTD_CAUSE_REMOVED);
    end(&held);
}

static void events_and_ports_come_back(void **state) {
    static struct held held;
    struct answer answer;
    portd_id evt, again, input, output;
    char bytes[4];
    size_t count;
    (void)state;
    begin(&held);
    put(held.c, "out", held.p[1]);
    assert_int_equal(portd_hold_to_evt(held.c, NULL, "in", PORTD_MODE_READ, fixture_soon(), &evt), 1);
    assert_int_equal(portd_hold_to_port(held.c, NULL, "in", PORTD_READ, fixture_soon(), &input, NULL), 1);
    assert_int_equal(portd_hold_to_port(held.c, NULL, "out", PORTD_WRITE, fixture_soon(), NULL, &output), 1);
    answer = (struct answer){false};
    assert_int_equal(portd_port_read_start(held.c, input, sizeof bytes, 0, on_answer, &answer, NULL), 1);
    assert_int_equal(portd_ping(held.c, fixture_soon()), 1);
    kill_broker(&held.fixture);
    await(held.c, &answer);
    assert_int_equal(answer.code, PORTD_E_UNCERTAIN);
    assert_int_equal(portd_hold_to_evt(held.c, NULL, "in", PORTD_MODE_CHECK_READ, fixture_soon(), &again), 1);
    assert_int_equal(again, evt);
    assert_idle(held.c, evt);
    assert_int_equal(portd_port_write(held.c, output, "abc", 3, fixture_soon(), &count), 1);
    assert_cause(held.c, evt, PORTD_CAUSE_READY);
    assert_int_equal(portd_port_read(held.c, input, bytes, sizeof bytes, 0, fixture_soon(), &count, NULL), 1);
    assert_int_equal(count, 3);
    assert_idle(held.c, evt);
    start_wait(held.c, evt, PORTD_WAIT_ONE, &answer);
    kill_broker(&held.fixture);
    await(held.c, &answer); /* its activity may have been told to it alone, and the answer be lost */
    assert_int_equal(answer.code, 1);
    assert_int_equal(answer.ready.id, evt);
    assert_int_equal(answer.ready.cause, PORTD_CAUSE_RESYNC);
    assert_int_equal(portd_port_close(held.c, input, fixture_soon()), 1);
    kill_broker(&held.fixture);
    assert_gone(held.c, input);
    assert_int_equal(portd_port_write(held.c, output, "abc", 3, fixture_soon(), &count), 1);
    end(&held);
}

static void what_nobody_holds_is_gone(void **state) {
    static struct held held;
    struct answer answer;
    portd_id own;
    int q[2];
    (void)state;
    begin(&held);
    assert_return_code(pipe2(q, O_CLOEXEC), errno);
    (void)fixture_own(q[0]);
    (void)fixture_own(q[1]);
    portd_id id = semaphore(held.c);
    assert_int_equal(portd_fd_to_semaphore(held.c, q[0], PORTD_MODE_READ, fixture_soon(), &own), 1);
    start_wait(held.c, own, 0, &answer);
    kill_broker(&held.fixture);
    await(held.c, &answer);
    assert_int_equal(answer.ready.cause, PORTD_CAUSE_DISCONNECTED);
    assert_gone(held.c, own);
    assert_idle(held.c, id);
    end(&held);
}

static void a_session_without_them_is_lost(void **state) {
    static struct held held;
    (void)state;
    begin(&held);
    kill_broker(&held.fixture);
    assert_int_equal(portd_ping(held.c, fixture_soon()), PORTD_E_DISCONNECTED);
    assert_int_equal(portd_ping(held.c, fixture_soon()), PORTD_E_DISCONNECTED);
    end(&held);
}

static int sleep_on(void *data) {
    (void)data;
    return pause();
}

static bool has_no_session(void *data) {
    portd_client *c = data;
    portd_list *list;
    assert_int_equal(portd_get_status(c, fixture_soon(), &list), 1);
    size_t n = portd_list_status(list)->sessions;
    portd_list_free(list);
    return n == 2; /* that client's, and the one of what is held */
}

static void an_owner_finds_its_session(void **state) {
    static struct held held;
    portd_options by_owner = PORTD_OPTIONS_INIT;
    (void)state;
    begin(&held);
    pid_t owner = fixture_fork(sleep_on, NULL);
    by_owner.owner_pid = (uint32_t)owner;
    portd_client *c = fixture_client_at(held.fixture.address, &by_owner);
    portd_id session = portd_session_id(c), id = semaphore(c);
    fixture_disconnect(c);
    for (int i = 0; i < 2; i++)
        kill_broker(&held.fixture);
    c = fixture_client_at(held.fixture.address, &by_owner);
    assert_int_equal(portd_session_id(c), session);
    assert_int_equal(semaphore(c), id);
    fill(&held);
    assert_cause(c, id, PORTD_CAUSE_READY);
    fixture_disconnect(c);
    fixture_end(owner); /* it is watched again */
    c = client_of(&held.fixture);
    assert_true(fixture_until(has_no_session, c));
    fixture_disconnect(c);
    kill_broker(&held.fixture);
    c = client_of(&held.fixture);
    assert_true(has_no_session(c));
    fixture_disconnect(c);
    end(&held);
}

static void a_token_is_resumed_by_several(void **state) {
    static struct held held;
    portd_options by_token = PORTD_OPTIONS_INIT;
    char token[128];
    (void)state;
    begin(&held);
    portd_id id = semaphore(held.c);
    portd_client *joined = fixture_joined(held.c);
    (void)snprintf(token, sizeof token, "%s", portd_session_token(held.c));
    kill_broker(&held.fixture);
    assert_idle(joined, id);
    assert_idle(held.c, id);
    fixture_disconnect(joined);
    by_token.token = token;
    joined = fixture_client_at(held.fixture.address, &by_token);
    assert_idle(joined, id);
    token[strlen(token) - 1] ^= 1;
    portd_client *c = NULL;
    assert_int_equal(portd_connect(held.fixture.address, &by_token, fixture_soon(), &c), PORTD_E_NOT_FOUND);
    fixture_disconnect(joined);
    end(&held);
}

/* What the session has is charged as before, and given back at the end. */
static void quotas_are_charged_again(void **state) {
    enum { OBJECTS, DESCRIPTORS };
    static struct held held;
    uint32_t before[2], after[2], last[2];
    uint32_t *counts[] = {before, after, last};
    portd_list *list;
    portd_id input, id;
    (void)state;
    begin(&held);
    portd_client *c = client_of(&held.fixture);
    id = semaphore(c);
    assert_int_equal(portd_hold_to_port(c, NULL, "in", PORTD_READ, fixture_soon(), &input, NULL), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(portd_get_status(c, fixture_soon(), &list), 1);
        counts[i][OBJECTS] = portd_list_status(list)->objects;
        counts[i][DESCRIPTORS] = portd_list_status(list)->descriptors;
        portd_list_free(list);
        if (i == 0)
            kill_broker(&held.fixture);
        if (i == 1) {
            assert_int_equal(portd_port_close(c, input, fixture_soon()), 1);
            assert_int_equal(portd_remove(c, id, fixture_soon()), 1);
            assert_int_equal(portd_release(c, (portd_id[]){id, input}, 2, fixture_soon()), 1);
        }
    }
    assert_int_equal(before[OBJECTS], 2);
    assert_int_equal(before[DESCRIPTORS], 2);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(last[OBJECTS], 0);
    assert_int_equal(last[DESCRIPTORS], 1);
    fixture_disconnect(c);
    end(&held);
}

/* What is dropped ends what the next broker has given back, with its cause. */
static void a_drop_ends_what_came_back(void **state) {
    static struct held held;
    struct answer answer;
    const char *name = "in";
    (void)state;
    begin(&held);
    portd_id id = semaphore(held.c);
    start_wait(held.c, id, 0, &answer);
    kill_broker(&held.fixture);
    portd_client *c = client_of(&held.fixture);
    assert_int_equal(portd_drop(c, NULL, &name, 1, NULL, fixture_soon()), 1);
    await(held.c, &answer);
    assert_int_equal(answer.ready.cause, PORTD_CAUSE_REMOVED);
    fixture_disconnect(c);
    kill_broker(&held.fixture);
    assert_cause(held.c, id, PORTD_CAUSE_REMOVED); /* though what it was made from is not there */
    end(&held);
}

/* The handle of a semaphore becomes ready when it fires, and not before; that of an event follows what is held. */
static void handles_go_on(void **state) {
    static struct held held;
    portd_native of_semaphore, of_evt;
    portd_id evt;
    (void)state;
    begin(&held);
    portd_id id = semaphore(held.c);
    assert_int_equal(portd_hold_to_evt(held.c, NULL, "in", PORTD_MODE_READ, fixture_soon(), &evt), 1);
    assert_int_equal(portd_handle_dup(held.c, id, fixture_soon(), &of_semaphore), 1);
    assert_int_equal(portd_handle_dup(held.c, evt, fixture_soon(), &of_evt), 1);
    (void)fixture_own((int)of_semaphore);
    (void)fixture_own((int)of_evt);
    for (int i = 0; i < 2; i++) {
        kill_broker(&held.fixture);
        assert_idle(held.c, id);
        assert_int_equal(poll(&(struct pollfd){(int)of_semaphore, POLLIN, 0}, 1, 0), 0);
        assert_int_equal(poll(&(struct pollfd){(int)of_evt, POLLIN, 0}, 1, 0), 0);
    }
    fill(&held);
    assert_int_equal(fixture_poll((int)of_semaphore, POLLIN), POLLIN);
    assert_int_equal(fixture_poll((int)of_evt, POLLIN), POLLIN);
    drain(&held);
    assert_int_equal(poll(&(struct pollfd){(int)of_evt, POLLIN, 0}, 1, 0), 0);
    end(&held);
}

/* A released semaphore is gone when it fires; one that was asked for again is not. */
static void releases_are_known(void **state) {
    static struct held held;
    struct answer answer;
    (void)state;
    for (int again = 0; again < 2; again++) {
        begin(&held);
        portd_id id = semaphore(held.c);
        assert_int_equal(portd_release(held.c, &id, 1, fixture_soon()), 1);
        if (again)
            assert_int_equal(semaphore(held.c), id);
        kill_broker(&held.fixture);
        start_wait(held.c, id, 0, &answer);
        fill(&held);
        await(held.c, &answer);
        assert_int_equal(answer.ready.cause, PORTD_CAUSE_READY);
        if (again)
            assert_cause(held.c, id, PORTD_CAUSE_READY);
        else
            assert_gone(held.c, id);
        end(&held);
    }
}

/* ---- a keeper that is stopped ------------------------------------------------------------------------------------- */

enum { N_EVENTS = 200 }; /* what is told of their ends is more than the channel takes */

/* What ends is told later; who makes something waits, and so does who makes the same again. */
static void a_stopped_keeper_learns_it_later(void **state) {
    static struct held held;
    static portd_id ids[N_EVENTS];
    struct answer first, second;
    char name[16];
    (void)state;
    begin(&held);
    for (size_t i = 0; i < N_EVENTS; i++) {
        assert_true(snprintf(name, sizeof name, "in%zu", i) > 0);
        put(held.c, name, held.p[0]);
        assert_int_equal(portd_hold_to_evt(held.c, NULL, name, PORTD_MODE_READ, fixture_soon(), &ids[i]), 1);
    }
    int ended = 0;
    assert_return_code(kill(held.fixture.pid, SIGSTOP), errno); /* nothing is asserted until it goes on */
    for (size_t i = 0; i < N_EVENTS; i++) {
        ended += portd_remove(held.c, ids[i], fixture_soon());
        ended += portd_release(held.c, &ids[i], 1, fixture_soon());
    }
    first = second = (struct answer){false};
    int started =
        portd_hold_to_semaphore_start(held.c, NULL, "in", PORTD_MODE_READ, on_answer, &first, NULL) +
        portd_hold_to_semaphore_start(held.c, NULL, "in", PORTD_MODE_READ, on_answer, &second, NULL);
    int pinged = portd_ping(held.c, fixture_soon());
    bool early = first.come || second.come;
    assert_return_code(kill(held.fixture.pid, SIGCONT), errno);
    assert_int_equal(ended, 2 * N_EVENTS);
    assert_int_equal(started, 2);
    assert_int_equal(pinged, 1);
    assert_false(early);
    await(held.c, &first);
    await(held.c, &second);
    assert_int_equal(first.code, 1);
    assert_int_equal(second.code, 1);
    kill_broker(&held.fixture);
    for (size_t i = 0; i < N_EVENTS; i++)
        assert_gone(held.c, ids[i]);
    assert_idle(held.c, semaphore(held.c));
    end(&held);
}

struct stranger {
    const char *address, *token;
};

static int resume_as_other(void *data) {
    const struct stranger *stranger = data;
    portd_options by_token = PORTD_OPTIONS_INIT;
    portd_client *c = NULL;
    by_token.token = stranger->token;
    if (!guest_become(OTHER_UID))
        return 1;
    return portd_connect(stranger->address, &by_token, fixture_soon(), &c) == PORTD_E_NOT_FOUND ? 0 : 2;
}

static void another_user_cannot_resume(void **state) {
    static const char *const open_to_all[] = {"--keeper", "yes", "--mode", "0666", NULL};
    static struct held held;
    (void)state;
    if (geteuid() != 0)
        skip();
    begin_with(&held, open_to_all);
    portd_id id = semaphore(held.c);
    struct stranger stranger = {held.fixture.address, portd_session_token(held.c)};
    kill_broker(&held.fixture);
    assert_int_equal(fixture_reap(fixture_fork(resume_as_other, &stranger)), 0);
    assert_idle(held.c, id);
    end(&held);
}

int main(void) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE_BARE(a_wait_goes_on),
        FIXTURE_CASE_BARE(what_has_fired_stays_fired),
        FIXTURE_CASE_BARE(events_and_ports_come_back),
        FIXTURE_CASE_BARE(what_nobody_holds_is_gone),
        FIXTURE_CASE_BARE(a_session_without_them_is_lost),
        FIXTURE_CASE_BARE(an_owner_finds_its_session),
        FIXTURE_CASE_BARE(a_token_is_resumed_by_several),
        FIXTURE_CASE_BARE(quotas_are_charged_again),
        FIXTURE_CASE_BARE(a_drop_ends_what_came_back),
        FIXTURE_CASE_BARE(handles_go_on),
        FIXTURE_CASE_BARE(releases_are_known),
        FIXTURE_CASE_BARE(a_stopped_keeper_learns_it_later),
        FIXTURE_CASE_BARE(another_user_cannot_resume),
    };
    return TEST_RUN(cases);
}
