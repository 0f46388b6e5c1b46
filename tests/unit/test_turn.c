/* test_turn.c: lanes take turns, and a lane that is removed in its own turn is not used afterwards. */

#include "tests/support/test.h"

#include "daemon/base/turn.h"
#include "proto/container.h"

#include <stdlib.h>
#include <string.h>

/* A uid with one task, which is done so many times and then takes the uid with it. */
struct owner {
    struct lane lane;
    struct task task;
    int left;
    int *done;
};

static void step(struct task *task) {
    struct owner *owner = CONTAINER_OF(task, struct owner, task);

    ++*owner->done;
    if (owner->left-- > 0) {
        turn_queue(&owner->lane, task);
        return;
    }
    lane_deinit(&owner->lane);
    memset(owner, 0x5a, sizeof(*owner)); /* a read of it from now on finds no pointer by luck */
    free(owner);
}

static void owner_new(struct turns *turns, int left, int *done) {
    struct owner *owner = calloc(1, sizeof(*owner));

    assert_non_null(owner);
    lane_init(&owner->lane, turns);
    owner->task.step = step;
    owner->left = left;
    owner->done = done;
    turn_queue(&owner->lane, &owner->task);
}

static void count(void *context) { ++*(int *)context; }

static void a_lane_may_go_in_its_own_turn(void **state) {
    struct turns turns;
    int first = 0, second = 0, rounds = 0;

    (void)state;
    turns_init(&turns);
    owner_new(&turns, 0, &first);
    owner_new(&turns, 1, &second);
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_int_equal(rounds, 2);
}

static void a_lane_that_spends_its_turn_comes_again(void **state) {
    struct turns turns;
    int long_one = 0, short_one = 0, rounds = 0;

    (void)state;
    turns_init(&turns);
    owner_new(&turns, 2 * TURN_UNITS - 1, &long_one);
    owner_new(&turns, 0, &short_one);
    assert_true(turns_round(&turns, count, &rounds));
    assert_int_equal(long_one, TURN_UNITS);
    assert_int_equal(short_one, 1);
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(long_one, 2 * TURN_UNITS);
}

/* The first of two spends all that there is and does not come again; the other one is done in the next round. */
struct pair {
    struct lane lane;
    struct task spends, waits;
    int waited;
};

static void step_spending(struct task *task) {
    struct pair *pair = CONTAINER_OF(task, struct pair, spends);
    turn_spend(pair->lane.turns, 2 * TURN_UNITS);
}

static void step_waiting(struct task *task) { CONTAINER_OF(task, struct pair, waits)->waited++; }

static void what_is_left_of_a_lane_comes_again(void **state) {
    struct turns turns;
    struct pair pair = {.spends = {.step = step_spending}, .waits = {.step = step_waiting}};
    int rounds = 0;

    (void)state;
    turns_init(&turns);
    lane_init(&pair.lane, &turns);
    turn_queue(&pair.lane, &pair.spends);
    turn_queue(&pair.lane, &pair.waits);
    assert_true(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 0);
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 1);
    assert_int_equal(rounds, 2);
    lane_deinit(&pair.lane);
}

/* A lane that rests has no turn before its rest is over. */
static void one_that_rests_waits(void **state) {
    struct turns turns;
    struct pair pair = {.waits = {.step = step_waiting}};
    int rounds = 0;

    (void)state;
    turns_init(&turns);
    lane_init(&pair.lane, &turns);
    pair.lane.rest_until = INT64_MAX - 1;
    turn_queue(&pair.lane, &pair.waits);
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 0);
    assert_true(turns_rest(&turns) == INT64_MAX - 1);
    pair.lane.rest_until = 1;
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 1);
    assert_int_equal(pair.lane.rest_until, 0);
    lane_deinit(&pair.lane);
}

static void step_long(struct task *task) {
    struct turns *turns = CONTAINER_OF(task, struct pair, spends)->lane.turns;

    turns->tick -= TURN_LONG_US; /* as if the call before had taken that long */
    turn_cut_if_long(turns);
}

/* It has units left, and the lane's next step is done in its next turn all the same. */
static void a_long_call_ends_the_turn(void **state) {
    struct turns turns;
    struct pair pair = {.spends = {.step = step_long}, .waits = {.step = step_waiting}};
    int after = 0;

    (void)state;
    turns_init(&turns);
    lane_init(&pair.lane, &turns);
    turn_queue(&pair.lane, &pair.spends);
    turn_queue(&pair.lane, &pair.waits);
    (void)turns_round(&turns, count, &after);
    assert_int_equal(after, 1);
    assert_int_equal(pair.waited, 0);
    turns_finish(&turns);
    assert_int_equal(pair.waited, 1);
    lane_deinit(&pair.lane);
}

static void at_the_end_all_is_done(void **state) {
    struct turns turns;
    int first = 0, second = 0, third = 0;

    (void)state;
    turns_init(&turns);
    owner_new(&turns, 0, &first);
    owner_new(&turns, 3 * TURN_UNITS, &second);
    owner_new(&turns, 1, &third);
    turns_finish(&turns);
    assert_int_equal(first, 1);
    assert_int_equal(second, 3 * TURN_UNITS + 1);
    assert_int_equal(third, 2);
}

TEST_MAIN(TEST_CASE(a_lane_may_go_in_its_own_turn), TEST_CASE(a_lane_that_spends_its_turn_comes_again),
          TEST_CASE(what_is_left_of_a_lane_comes_again), TEST_CASE(one_that_rests_waits),
          TEST_CASE(a_long_call_ends_the_turn), TEST_CASE(at_the_end_all_is_done))
