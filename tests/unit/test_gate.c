/* test_gate.c: who may receive descriptors, and when waiting gates are tested again. */

#include "tests/support/test.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/gate.h"
#include "daemon/access/quota.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"

enum { LIMIT = 20000, SHARE = (LIMIT - FD_TABLE_KEEP) / 4, STRANGER = 1000 };

#define GATE_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

struct world {
    struct fd_table fd_table;
    struct users users;
    struct user *one, *other;
    struct gate gates[40];
    unsigned opened[40];
};

static struct world world;

static void nothing(void *context) { (void)context; }

static void opened(struct gate *gate) {
    world.opened[gate - world.gates]++;
    if (!gates_may_receive(gate->user))
        gate_wait(gate);
}

static void uncounted(struct gate *gate) { (void)gate; }

static int begin(void **state) {
    (void)state;
    world = (struct world){0};
    fd_table_init(&world.fd_table, LIMIT, 0);
    assert_int_equal(users_init(&world.users, 0, &world.fd_table, 1), 0);
    world.one = user_ref(&world.users, STRANGER);
    world.other = user_ref(&world.users, STRANGER + 1);
    for (size_t i = 0; i < 40; i++)
        gate_init(&world.gates[i], i < 30 ? world.one : world.other, opened);
    return 0;
}

static int end(void **state) {
    (void)state;
    for (size_t i = 0; i < 40; i++)
        gate_deinit(&world.gates[i]);
    user_unref(world.one);
    user_unref(world.other);
    users_deinit(&world.users, false);
    return 0;
}

static void throw_away(struct user *user, unsigned n) {
    fd_table_take(&world.fd_table, n);
    gates_discard(user, n);
}

static void close_some(struct user *user, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        gates_discarded(user);
}

static void turn(void) {
    gates_after(&world.users);
    while (turns_round(&world.users.turns, nothing, NULL))
        ;
}

static unsigned sum(size_t from, size_t to) {
    unsigned n = 0;
    for (size_t i = from; i < to; i++)
        n += world.opened[i];
    return n;
}

static void what_a_uid_has_thrown_away_counts_until_it_is_closed(void **state) {
    (void)state;
    assert_true(gates_may_receive(world.one));
    throw_away(world.one, SHARE - FD_TABLE_RECEIVE);
    assert_true(gates_may_receive(world.one));
    throw_away(world.one, 1);
    assert_false(gates_may_receive(world.one));
    assert_true(gates_may_receive(world.other));
    close_some(world.one, 1);
    assert_true(gates_may_receive(world.one));
    close_some(world.one, SHARE - FD_TABLE_RECEIVE);
}

static void what_it_keeps_counts_too(void **state) {
    struct refusal refusal;
    (void)state;
    assert_int_equal(user_take(world.one, USER_DESCRIPTORS, SHARE, &refusal), 0);
    throw_away(world.one, GATE_FEW);
    assert_true(gates_may_receive(world.one)); /* a few stop nobody: a remove gets through */
    throw_away(world.one, 1);
    assert_false(gates_may_receive(world.one));
    close_some(world.one, GATE_FEW + 1);
    user_give(world.one, USER_DESCRIPTORS, SHARE);
}

static void those_that_wait_are_looked_at_when_something_is_closed(void **state) {
    (void)state;
    throw_away(world.one, SHARE);
    for (size_t i = 0; i < 30; i++)
        gate_wait(&world.gates[i]);
    gate_wait(&world.gates[0]);
    turn();
    close_some(world.one, FD_TABLE_RECEIVE - 1);
    turn();
    assert_int_equal(sum(0, 40), 0);
    close_some(world.one, 1);
    assert_int_equal(sum(0, 40), 0); /* in a turn of its own */
    turn();
    for (size_t i = 0; i < 30; i++)
        assert_int_equal(world.opened[i], 1);
    close_some(world.one, SHARE - FD_TABLE_RECEIVE);
    turn();
    assert_int_equal(sum(0, 40), 30); /* none of them waits any more */
}

static void when_the_table_is_short_those_that_have_nothing_in_it_go_first(void **state) {
    (void)state;
    fd_table_take(&world.fd_table, LIMIT - 2 * FD_TABLE_RECEIVE);
    assert_true(gates_may_receive(world.one));
    throw_away(world.one, 1);
    assert_false(gates_may_receive(world.one));
    assert_true(gates_may_receive(world.other));
    throw_away(world.other, FD_TABLE_RECEIVE - 1);
    assert_false(gates_may_receive(world.other));
    gate_wait(&world.gates[0]);
    gate_wait(&world.gates[30]);
    turn();
    assert_int_equal(sum(0, 40), 0);
    fd_table_give(&world.fd_table, FD_TABLE_RECEIVE - 1); /* somebody else's */
    turn();
    assert_int_equal(sum(0, 40), 0);
    fd_table_give(&world.fd_table, 1);
    turn();
    assert_int_equal(world.opened[0], 1);
    close_some(world.other, FD_TABLE_RECEIVE - 1);
    turn();
    assert_int_equal(world.opened[30], 1);
    close_some(world.one, 1);
    fd_table_give(&world.fd_table, LIMIT - 3 * FD_TABLE_RECEIVE);
    assert_int_equal(world.fd_table.used, 0);
}

/* In a table of the smallest size it lies in the margin, and what can be kept stays as it is. */
static void what_is_thrown_away_takes_nothing_of_what_may_be_kept(void **state) {
    enum { FREE = 16 };
    struct fd_table *fd_table = &world.fd_table;
    (void)state;
    fd_table_init(fd_table, LIMIT, LIMIT - FD_TABLE_KEEP - FREE);
    throw_away(world.one, FD_TABLE_RECEIVE);
    assert_int_equal(fd_table_free(fd_table), FREE);
    assert_true(fd_table_may_waste(fd_table, FD_TABLE_WASTE - FD_TABLE_RECEIVE));
    throw_away(world.other, FD_TABLE_WASTE - FD_TABLE_RECEIVE);
    assert_false(fd_table_may_waste(fd_table, 1));
    assert_false(gates_may_receive(world.one));
    assert_false(gates_may_receive(world.other));
    assert_int_equal(fd_table_free(fd_table), FREE);
    fd_table_take(fd_table, FREE);
    assert_true(fd_table_may_keep(fd_table, 0));
    assert_false(fd_table_may_keep(fd_table, 1));
    assert_true(fd_table_may_receive(fd_table)); /* of those who have thrown nothing away */
    close_some(world.one, FD_TABLE_RECEIVE);
    close_some(world.other, FD_TABLE_WASTE - FD_TABLE_RECEIVE);
    assert_int_equal(fd_table->wasted, 0);
}

/* However many wait, another uid has its turn before all of them were looked at. */
static void looking_takes_turns(void **state) {
    enum { MANY = 2 * TURN_UNITS };
    static struct gate many[MANY];
    unsigned rounds = 0;
    (void)state;
    throw_away(world.one, SHARE);
    for (size_t i = 0; i < MANY; i++) {
        gate_init(&many[i], world.one, uncounted);
        gate_wait(&many[i]);
    }
    gate_wait(&world.gates[0]);
    gate_wait(&world.gates[30]);
    close_some(world.one, SHARE);
    gates_look(world.other);
    for (bool more = true; more; rounds++) {
        more = turns_round(&world.users.turns, nothing, NULL);
        assert_int_equal(world.opened[30], 1);
        assert_int_equal(world.opened[0], more ? 0 : 1);
    }
    assert_in_range(rounds, 2, 2 * MANY / TURN_UNITS);
}

/* Bytes that are given back may be what it waits for; nothing else of an account is. */
static void those_that_wait_are_looked_at_when_bytes_are_given_back(void **state) {
    struct refusal refusal;
    (void)state;
    assert_int_equal(user_take(world.one, USER_BYTES, 10, &refusal), 0);
    assert_int_equal(user_take(world.one, USER_WAITS, 1, &refusal), 0);
    gate_wait(&world.gates[0]);
    user_give(world.one, USER_WAITS, 1);
    turn();
    assert_int_equal(world.opened[0], 0);
    user_give(world.one, USER_BYTES, 10);
    turn();
    assert_int_equal(world.opened[0], 1);
}

TEST_MAIN(GATE_CASE(those_that_wait_are_looked_at_when_bytes_are_given_back),
          GATE_CASE(what_a_uid_has_thrown_away_counts_until_it_is_closed),
          GATE_CASE(what_it_keeps_counts_too),
          GATE_CASE(those_that_wait_are_looked_at_when_something_is_closed),
          GATE_CASE(when_the_table_is_short_those_that_have_nothing_in_it_go_first),
          GATE_CASE(what_is_thrown_away_takes_nothing_of_what_may_be_kept), GATE_CASE(looking_takes_turns))
