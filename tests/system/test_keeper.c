/* test_keeper.c: what is held outlives the broker, however it dies: descriptors, ids, names, leases; and its clients find the next one at the
 * same address. */
#define _GNU_SOURCE

#include "tests/support/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BUNDLE = 250, KILLS = 20, CONNECTIONS = 8 };

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

/* Kills the broker. Its number belongs to the dead until the keeper starts the next one. */
static void kill_broker(const struct fixture *fixture) {
    struct change change = {fixture->pid, broker_of(fixture->pid)};
    assert_true(change.last > 0);
    assert_return_code(kill(change.last, SIGKILL), errno);
    assert_true(fixture_until(is_another, &change));
}

static portd_client *client_of(const struct fixture *fixture) {
    return fixture_client_at(fixture->address, NULL);
}

/* ---- what is held ------------------------------------------------------------------------------------------------- */

static portd_id put(portd_client *c, const char *name, int fd, const portd_lease *lease) {
    portd_native native = fd;
    portd_id id = 0;
    assert_int_equal(portd_put(c, NULL, &name, &native, 1, NULL, lease, fixture_soon(), &id), 1);
    return id;
}

static void drop_one(portd_client *c, const char *name) {
    assert_int_equal(portd_drop(c, NULL, &name, 1, NULL, fixture_soon()), 1);
}

/* -1: nothing is held under the name. */
static int get(portd_client *c, const char *name, portd_id *id) {
    portd_native fd = -1;
    int result = portd_get(c, NULL, &name, 1, NULL, fixture_soon(), &fd, id);
    if (result == PORTD_E_NOT_FOUND)
        return -1;
    assert_int_equal(result, 1);
    return fixture_own((int)fd);
}

static void assert_same(int a, int b) {
    struct stat left, right;
    assert_return_code(fstat(a, &left), errno);
    assert_return_code(fstat(b, &right), errno);
    assert_true(left.st_dev == right.st_dev && left.st_ino == right.st_ino);
}

static void make_pipe(int ends[2]) {
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
}

static int sleep_on(void *data) {
    (void)data;
    return pause();
}

/* The row of that name; NULL: there is none. */
static const portd_held *row_of(const portd_list *list, const char *name) {
    const portd_held *row = NULL;
    for (size_t i = 0; i < portd_list_count(list); i++)
        if (strcmp(portd_list_held(list, i)->name, name) == 0)
            row = portd_list_held(list, i);
    return row;
}

static void descriptors_come_back_with_ids_names_and_leases(void **state) {
    struct fixture fixture;
    portd_lease hour = PORTD_LEASE_INIT, child = PORTD_LEASE_INIT;
    portd_list *list;
    int p[2], q[2];
    char byte = 0;
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    make_pipe(p);
    make_pipe(q);
    pid_t sleeper = fixture_fork(sleep_on, NULL);
    hour.ttl_us = UINT64_C(3600000000);
    child.process = fixture_own((int)syscall(SYS_pidfd_open, sleeper, 0));
    portd_id reader = put(c, "reader", p[0], NULL), timed = put(c, "timed", q[0], &hour),
             led = put(c, "led", q[1], &child), id;
    fixture_disconnect(c);
    kill_broker(&fixture);

    c = client_of(&fixture);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 3);
    assert_int_equal(row_of(list, "reader")->descriptor, reader);
    assert_int_equal(row_of(list, "reader")->ttl_us, 0);
    assert_int_equal(row_of(list, "reader")->put_pid, getpid());
    assert_string_equal(row_of(list, "reader")->type, "pipe");
    assert_int_equal(row_of(list, "timed")->descriptor, timed);
    assert_true(row_of(list, "timed")->ttl_us > 0 && row_of(list, "timed")->ttl_us <= hour.ttl_us);
    assert_int_equal(row_of(list, "led")->descriptor, led);
    assert_int_equal(row_of(list, "led")->process_pid, sleeper);
    portd_list_free(list);

    int got = get(c, "reader", &id);
    assert_int_equal(id, reader);
    assert_same(got, p[0]);
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(read(got, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    portd_id evt;
    portd_ready ready;
    assert_int_equal(portd_hold_to_evt(c, NULL, "led", PORTD_MODE_WRITE, fixture_soon(), &evt), 1);
    fixture_end(sleeper); /* the lease is watched by this broker */
    (void)portd_wait(c, &evt, 1, 0, fixture_soon(), &ready);
    while (get(c, "led", NULL) >= 0)
        ;
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

static bool nothing_is_held(void *data) {
    portd_list *list;
    assert_int_equal(portd_list_holds(data, NULL, fixture_soon(), &list), 1);
    size_t n = portd_list_count(list);
    portd_list_free(list);
    return n == 0;
}

static void a_hang_up_is_waited_for_by_the_next_broker(void **state) {
    struct fixture fixture;
    portd_lease lease = PORTD_LEASE_INIT;
    portd_list *list;
    int p[2], q[2];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    make_pipe(p);
    make_pipe(q);
    lease.hang_up = 1;
    (void)put(c, "dead", p[0], &lease);
    (void)put(c, "later", q[0], &lease);
    fixture_disconnect(c);
    struct change change = {fixture.pid, broker_of(fixture.pid)};
    assert_return_code(kill(change.last, SIGSTOP), errno);
    fixture_close(p[1]); /* no broker sees it */
    assert_return_code(kill(change.last, SIGKILL), errno);
    assert_true(fixture_until(is_another, &change));

    c = client_of(&fixture);
    while (get(c, "dead", NULL) >= 0)
        ;
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 1);
    assert_true(row_of(list, "later")->hang_up);
    portd_list_free(list);
    fixture_close(q[1]);
    assert_true(fixture_until(nothing_is_held, c));
    fixture_disconnect(c);
    kill_broker(&fixture);
    c = client_of(&fixture);
    assert_true(nothing_is_held(c)); /* the keeper was told */
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

static void what_was_dropped_or_replaced_stays_so(void **state) {
    struct fixture fixture;
    const char *names[] = {"kept", "dropped", "taken"};
    int p[2], q[2];
    portd_native fd, other;
    portd_id first, second, id;
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    make_pipe(p);
    make_pipe(q);
    other = q[0];
    first = put(c, names[0], p[0], NULL);
    (void)put(c, names[1], p[1], NULL);
    (void)put(c, names[2], q[1], NULL);
    assert_int_equal(portd_put(c, NULL, names, &other, 1, &first, NULL, fixture_soon(), &second), 1);
    assert_int_equal(portd_drop(c, NULL, &names[1], 1, NULL, fixture_soon()), 1);
    assert_int_equal(portd_take(c, NULL, &names[2], 1, NULL, fixture_soon(), &fd, NULL), 1);
    (void)fixture_own((int)fd);
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* what a take or a put ends is told before */
    fixture_disconnect(c);
    kill_broker(&fixture);
    c = client_of(&fixture);
    assert_same(get(c, names[0], &id), q[0]);
    assert_int_equal(id, second);
    assert_int_equal(get(c, names[1], NULL), -1);
    assert_int_equal(get(c, names[2], NULL), -1);
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

/* The next broker issues other ids than those before it. */
static void no_id_is_issued_twice(void **state) {
    enum { EACH = 100 };
    struct fixture fixture;
    portd_id ids[2 * EACH];
    int p[2];
    (void)state;
    fixture_start(&fixture, options);
    make_pipe(p);
    for (int round = 0; round < 2; round++) {
        portd_client *c = client_of(&fixture);
        if (round == 0) /* its id is older than those of which the keeper has nothing */
            (void)put(c, "one", p[1], NULL);
        for (int i = 0; i < EACH; i++) {
            portd_id *id = &ids[round * EACH + i];
            if (round == 1 &&
                i ==
                    EACH /
                        2) /* a session takes one number, a semaphore two: the others of each two are tried, too */
                fixture_disconnect(client_of(&fixture));
            assert_int_equal(portd_fd_to_semaphore(c, p[0], PORTD_MODE_READ, fixture_soon(), id), 1);
            assert_int_equal(portd_remove(c, *id, fixture_soon()), 1);
        }
        fixture_disconnect(c);
        if (round == 0)
            kill_broker(&fixture);
    }
    for (int i = 0; i < 2 * EACH; i++)
        for (int k = 0; k < i; k++)
            assert_true(ids[i] != ids[k]);
    fixture_stop(&fixture);
}

/* Many at once, and dead again and again, also at once after its start. */
static void a_bundle_survives_many_deaths(void **state) {
    struct fixture fixture;
    char names[BUNDLE][24];
    const char *list[BUNDLE];
    portd_native fds[BUNDLE], got[BUNDLE];
    portd_id ids[BUNDLE], found[BUNDLE];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    for (int i = 0; i < BUNDLE; i++) {
        (void)snprintf(names[i], sizeof names[i], "part %d", i);
        list[i] = names[i];
        fds[i] = fixture_own((int)syscall(SYS_memfd_create, names[i], 1U));
    }
    assert_int_equal(portd_put(c, NULL, list, fds, BUNDLE, NULL, NULL, fixture_soon(), ids), 1);
    fixture_disconnect(c);
    for (int i = 0; i < KILLS; i++)
        kill_broker(&fixture);
    c = client_of(&fixture);
    assert_int_equal(portd_get(c, NULL, list, BUNDLE, NULL, fixture_soon(), got, found), 1);
    for (int i = 0; i < BUNDLE; i++) {
        assert_same((int)got[i], (int)fds[i]);
        assert_int_equal(found[i], ids[i]);
        assert_return_code(close((int)got[i]), errno);
    }
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

/* The keeper has the listener: who connects while there is no broker waits in its queue. */
static void clients_wait_for_the_next_broker(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_start(&fixture, options);
    struct change change = {fixture.pid, broker_of(fixture.pid)};
    assert_return_code(kill(change.last, SIGKILL), errno);
    for (int i = 0; i < CONNECTIONS; i++) {
        portd_client *c = client_of(&fixture);
        assert_int_equal(portd_ping(c, fixture_soon()), 1);
        fixture_disconnect(c);
    }
    assert_true(fixture_until(is_another, &change));
    fixture_stop(&fixture);
}

/* What the keeper has of ended holds is closed: a peer sees it. */
static void a_drop_closes_the_keepers_copy(void **state) {
    struct fixture fixture;
    const char *name = "writer";
    char byte;
    int p[2];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    make_pipe(p);
    size_t before = fixture_fds(fixture.pid);
    (void)put(c, name, p[1], NULL);
    assert_int_equal(fixture_fds(fixture.pid), before + 1);
    fixture_close(p[1]);
    assert_int_equal(portd_drop(c, NULL, &name, 1, NULL, fixture_soon()), 1);
    assert_int_equal(read(p[0], &byte, 1), 0); /* end of file: nobody has it any more */
    assert_int_equal(fixture_fds(fixture.pid), before);
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

/* A broker that ends in good order, but not by its keeper's word, does not take along what is held. */
static void a_broker_that_is_told_to_stop_has_a_successor(void **state) {
    struct fixture fixture;
    int p[2];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    make_pipe(p);
    (void)put(c, "one", p[0], NULL);
    fixture_disconnect(c);
    struct change change = {fixture.pid, broker_of(fixture.pid)};
    assert_return_code(kill(change.last, SIGTERM), errno);
    assert_true(fixture_until(is_another, &change));
    c = client_of(&fixture);
    assert_same(get(c, "one", NULL), p[0]);
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

struct puts {
    int n_done, n_refused, other; /* the last other code */
};

static void on_put(portd_client *client, const portd_result *result, void *data) {
    struct puts *puts = data;
    if (result->code == 1)
        puts->n_done++;
    else if (result->code == PORTD_E_LIMIT)
        puts->n_refused++;
    else
        puts->other = result->code;
    if (puts->other)
        print_error("%s: %s\n", portd_code_name(result->code), portd_last_error(client));
}

/* While the keeper does not read, puts wait, as far as their copies have room, and the broker serves others. */
static void puts_wait_for_a_slow_keeper(void **state) {
    enum { PUTS = 16, EACH = 100, LONG = 240 };
    static char names[PUTS][EACH][LONG + 1];
    const char *list[EACH];
    portd_native fds[EACH];
    struct fixture fixture;
    struct puts puts = {0, 0, 0};
    portd_list *held;
    int p[2];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture), *other = client_of(&fixture);
    make_pipe(p);
    fixture_hold(&fixture);
    for (int i = 0; i < PUTS; i++) {
        for (int k = 0; k < EACH; k++) {
            (void)snprintf(names[i][k], sizeof names[i][k], "%0*d", LONG, i * EACH + k);
            list[k] = names[i][k];
            fds[k] = p[0];
        }
        assert_int_equal(portd_put_start(c, NULL, list, fds, EACH, NULL, NULL, on_put, &puts, NULL), 1);
    }
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(portd_ping(other, fixture_soon()), 1);
    assert_int_equal(puts.n_done, 0);
    assert_true(puts.n_refused > 0 && puts.n_refused < PUTS);
    fixture_continue(&fixture);
    while (puts.n_done + puts.n_refused < PUTS)
        assert_true(!puts.other && portd_poll(c, fixture_soon()) > 0);
    fixture_disconnect(c);
    fixture_disconnect(other);
    kill_broker(&fixture);
    c = client_of(&fixture);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &held), 1);
    assert_int_equal(portd_list_count(held), (size_t)puts.n_done * EACH);
    portd_list_free(held);
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

struct use {
    portd_client *client;
    const char *name;
};

static uint64_t used(const struct use *use) {
    portd_list *list;
    uint64_t n = 0;
    assert_int_equal(portd_get_status(use->client, fixture_soon(), &list), 1);
    const portd_status *status = portd_list_status(list);
    for (size_t i = 0; i < status->n_quotas; i++)
        if (strcmp(status->quotas[i].name, use->name) == 0)
            n = status->quotas[i].used;
    portd_list_free(list);
    return n;
}

static bool is_one(void *data) { return used(data) == 1; }
static bool is_none(void *data) { return used(data) == 0; }

/* What the keeper has not answered has its memory, also when nobody waits for it any more. */
static void what_the_keeper_has_not_answered_is_charged(void **state) {
    struct fixture fixture;
    struct puts puts = {0, 0, 0};
    const char *name = "one";
    int p[2];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture), *other = client_of(&fixture);
    struct use connections = {other, "connections"}, waits = {other, "waits"};
    make_pipe(p);
    portd_native fd = p[0];
    fixture_hold(&fixture);
    assert_int_equal(portd_put_start(c, NULL, &name, &fd, 1, NULL, NULL, on_put, &puts, NULL), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(used(&waits), 1);
    fixture_abandon(c);
    assert_true(fixture_until(is_one, &connections));
    assert_int_equal(used(&waits), 1);
    fixture_continue(&fixture);
    assert_true(fixture_until(is_none, &waits));
    fixture_disconnect(other);
    fixture_stop(&fixture);
}

/* While the keeper has not answered, the new one has the name; a drop ends both. */
static void what_is_being_replaced_ends_with_its_successor(void **state) {
    struct fixture fixture;
    struct puts puts = {0, 0, 0};
    const char *name = "one";
    portd_list *list;
    int p[2], q[2], r[2], s[2];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    make_pipe(p);
    make_pipe(q);
    make_pipe(r);
    make_pipe(s);
    portd_id old = put(c, name, p[0], NULL), second, id;
    portd_native fd = q[0], last = r[0];
    fixture_hold(&fixture);
    assert_int_equal(portd_put_start(c, NULL, &name, &fd, 1, &old, NULL, on_put, &puts, NULL), 1);
    assert_same(get(c, name, &second), q[0]);
    assert_int_equal(portd_put_start(c, NULL, &name, &last, 1, &second, NULL, on_put, &puts, NULL), 1);
    assert_same(get(c, name, &id), r[0]);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 1);
    portd_list_free(list);
    assert_int_equal(puts.n_done, 0);
    fixture_continue(&fixture);
    while (puts.n_done < 2)
        assert_true(!puts.other && portd_poll(c, fixture_soon()) > 0);
    assert_same(get(c, name, NULL), r[0]);
    drop_one(c, name);

    id = put(c, name, s[1], NULL);
    fixture_close(s[1]);
    fixture_hold(&fixture);
    fd = p[0];
    assert_int_equal(portd_put_start(c, NULL, &name, &fd, 1, &id, NULL, on_put, &puts, NULL), 1);
    assert_int_equal(portd_drop_start(c, NULL, &name, 1, NULL, on_put, &puts, NULL), 1);
    assert_int_equal(get(c, name, NULL), -1);
    fixture_continue(&fixture);
    while (puts.n_done < 4)
        assert_true(!puts.other && portd_poll(c, fixture_soon()) > 0);
    assert_true(nothing_is_held(c));
    assert_true(fixture_poll(s[0], POLLIN) & POLLHUP); /* nobody has it any more */
    fixture_disconnect(c);
    kill_broker(&fixture);
    c = client_of(&fixture);
    assert_true(nothing_is_held(c));
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

/* A broker without its keeper goes on. */
static void the_end_of_the_keeper_does_not_end_the_broker(void **state) {
    struct fixture fixture;
    int p[2];
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = client_of(&fixture);
    make_pipe(p);
    (void)put(c, "one", p[0], NULL);
    pid_t broker = broker_of(fixture.pid);
    fixture_kill(&fixture);
    (void)put(c, "two", p[1], NULL); /* kept by nobody */
    assert_same(get(c, "one", NULL), p[0]);
    assert_same(get(c, "two", NULL), p[1]);
    fixture_disconnect(c);
    assert_return_code(kill(broker, SIGKILL), errno);
}

int main(void) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE_BARE(descriptors_come_back_with_ids_names_and_leases),
        FIXTURE_CASE_BARE(a_hang_up_is_waited_for_by_the_next_broker),
        FIXTURE_CASE_BARE(what_was_dropped_or_replaced_stays_so),
        FIXTURE_CASE_BARE(no_id_is_issued_twice),
        FIXTURE_CASE_BARE(a_bundle_survives_many_deaths),
        FIXTURE_CASE_BARE(clients_wait_for_the_next_broker),
        FIXTURE_CASE_BARE(a_drop_closes_the_keepers_copy),
        FIXTURE_CASE_BARE(a_broker_that_is_told_to_stop_has_a_successor),
        FIXTURE_CASE_BARE(puts_wait_for_a_slow_keeper),
        FIXTURE_CASE_BARE(what_the_keeper_has_not_answered_is_charged),
        FIXTURE_CASE_BARE(what_is_being_replaced_ends_with_its_successor),
        FIXTURE_CASE_BARE(the_end_of_the_keeper_does_not_end_the_broker),
    };
    return TEST_RUN(cases);
}
