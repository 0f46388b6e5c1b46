/* test_turn.c: lanes take turns, and a lane that is removed in its own turn is not used afterwards. */

#include "tests/support/test.h"

#include "daemon/base/turn.h"
#include "proto/container.h"
#include "proto/os.h"

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

/* How much of its task a lane has done after one turn. */
static int spend_a_turn(void) {
    struct turns turns;
    int long_one = 0, short_one = 0, rounds = 0;

    turns_init(&turns);
    owner_new(&turns, 2 * TURN_UNITS - 1, &long_one);
    owner_new(&turns, 0, &short_one);
    assert_true(turns_round(&turns, count, &rounds));
    const int done = long_one;
    assert_int_equal(short_one, 1);
    while (turns_round(&turns, count, &rounds))
        ;
    assert_int_equal(long_one, 2 * TURN_UNITS);
    return done;
}

/* The clock ends a turn, too, when the processor was with others for long: that does not happen every time. */
static void a_lane_that_spends_its_turn_comes_again(void **state) {
    enum { TRIES = 10 };
    int most = 0;

    (void)state;
    for (int i = 0; i < TRIES && most < TURN_UNITS; i++) {
        int done = spend_a_turn();
        most = done > most ? done : most;
    }
    assert_int_equal(most, TURN_UNITS);
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

/* It has no tasks, so no turn of it comes: the rest ends all the same. */
static void a_rest_ends_by_the_clock(void **state) {
    struct turns turns;
    struct pair pair = {.spends = {.step = step_spending}, .waits = {.step = step_waiting}};
    int rounds = 0;

    (void)state;
    turns_init(&turns);
    lane_init(&pair.lane, &turns);
    pair.lane.rest_until = INT64_MAX - 1;
    assert_true(lane_rests(&pair.lane));
    pair.lane.rest_until = os_now_us();
    assert_false(lane_rests(&pair.lane));
    turn_give(&pair.lane, &pair.waits);
    turn_queue(&pair.lane, &pair.spends);
    assert_true(turns_round(&turns, count, &rounds)); /* both are run */
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 1);
    assert_false(turn_is_queued(&pair.spends));
    lane_deinit(&pair.lane);
}

/* A lane that rests has turns for what gives back, also for what was queued before. Once the rest is over, the order is as queued. */
static void one_that_rests_gives_back(void **state) {
    struct turns turns;
    struct pair pair = {.spends = {.step = step_spending}, .waits = {.step = step_waiting}};
    int rounds = 0;

    (void)state;
    turns_init(&turns);
    lane_init(&pair.lane, &turns);
    pair.lane.rest_until = INT64_MAX - 1;
    turn_queue(&pair.lane, &pair.spends);
    turn_queue(&pair.lane, &pair.waits);
    assert_false(turns_have_work(&turns));
    turn_give(&pair.lane, &pair.waits);
    assert_true(turns_have_work(&turns));
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 1);
    assert_true(turn_is_queued(&pair.spends));
    assert_true(turns_rest(&turns) == INT64_MAX - 1);
    turn_queue(&pair.lane, &pair.waits); /* it goes on giving */
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 2);
    turn_queue(&pair.lane, &pair.waits);
    pair.lane.rest_until = 1;
    assert_true(turns_round(&turns, count, &rounds)); /* all of it runs, as if there had been no rest */
    assert_false(turns_round(&turns, count, &rounds));
    assert_int_equal(pair.waited, 3);
    assert_false(turn_is_queued(&pair.spends));
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

/* A lane with a task whose step takes so long, by all clocks; `user` of it outside of the kernel. The second task has no step of its own. */
struct late {
    struct lane lane;
    struct task task, waits;
    int64_t passed, spent, user, apart;
    size_t units;
    int waited;
};

static void step_late(struct task *task) {
    struct late *late = CONTAINER_OF(task, struct late, task);
    struct turns *turns = late->lane.turns;

    turns->tick -= late->apart;
    turns->spent -= late->apart;
    turns->kernel -= late->apart;
    if (late->apart)
        turn_set_apart(turns);
    turns->tick -= late->passed;
    turns->spent -= late->spent;
    turns->kernel -= late->spent - late->user;
    turn_spend(turns, late->units);
}

static void step_after_late(struct task *task) { CONTAINER_OF(task, struct late, waits)->waited++; }

static void late_init(struct late *late, struct turns *turns, int64_t us) {
    *late = (struct late){
        .task = {.step = step_late}, .waits = {.step = step_after_late}, .passed = us, .spent = us};
    lane_init(&late->lane, turns);
}

/* Its next turn is one that it has not to wait for. */
static void late_turn(struct late *late) {
    int after = 0;

    if (late->lane.rest_until)
        late->lane.rest_until = 1;
    turn_queue(&late->lane, &late->task);
    (void)turns_round(late->lane.turns, count, &after);
    assert_int_equal(after, 1);
}

enum { SECOND = 1000000 };

/* The first one costs little, and what is not paid by it is remembered: the second one costs all. */
static void a_second_long_turn_costs_what_is_owed(void **state) {
    struct turns turns;
    struct late late;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, SECOND);
    assert_false(lane_owes(&late.lane));
    const int64_t before = os_now_us();
    late_turn(&late);
    const int64_t now = os_now_us(), owes = late.lane.owes_until;
    assert_true(lane_rests(&late.lane) && lane_owes(&late.lane));
    assert_true(late.lane.rest_until >= before + TURN_REST_FIRST_US &&
                late.lane.rest_until <= now + TURN_REST_FIRST_US);
    assert_true(owes >= before + INT64_C(1) * TURN_REST * SECOND);
    late_turn(&late);
    assert_true(late.lane.owes_until >= owes + INT64_C(1) * TURN_REST * SECOND);
    assert_true(late.lane.rest_until == late.lane.owes_until);
    lane_deinit(&late.lane);
}

/* Who has paid is as one that never owed, and nobody owes more than there may be. */
static void what_is_paid_is_forgotten(void **state) {
    struct turns turns;
    struct late late;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, 1000 * INT64_C(1000000));
    late.lane.owes_until = 1;
    assert_false(lane_owes(&late.lane));
    for (int i = 0; i < 2; i++) {
        late_turn(&late);
        const int64_t now = os_now_us();
        assert_true(late.lane.owes_until <= now + TURN_REST_MOST_US);
        assert_true(late.lane.rest_until <= now + (i ? TURN_REST_MOST_US : TURN_REST_FIRST_US));
        assert_true(late.lane.owes_until > now + TURN_REST_MOST_US / 2);
    }
    lane_deinit(&late.lane);
}

/* One of the clocks is wrong, or another process had the processor. */
static void the_shorter_time_counts(void **state) {
    struct turns turns;
    struct late late;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, 0);
    late.spent = 3600 * INT64_C(1000000);
    late.passed = 2 * TURN_LONG_US;
    late_turn(&late);
    assert_true(lane_owes(&late.lane));
    assert_true(late.lane.owes_until < os_now_us() + TURN_REST_MOST_US / 2);
    lane_deinit(&late.lane);
    late_init(&late, &turns, 0);
    late.passed = 3600 * INT64_C(1000000);
    late_turn(&late);
    assert_false(lane_rests(&late.lane) || lane_owes(&late.lane));
    lane_deinit(&late.lane);
}

/* Under an emulator the broker's own code takes long. */
static void only_time_in_the_kernel_counts(void **state) {
    struct turns turns;
    struct late late;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, SECOND);
    late.user = SECOND - TURN_LONG_US / 2;
    late_turn(&late);
    assert_false(lane_rests(&late.lane) || lane_owes(&late.lane));
    late.user = SECOND - 2 * TURN_LONG_US;
    late_turn(&late);
    assert_true(lane_rests(&late.lane));
    assert_true(late.lane.owes_until < os_now_us() + INT64_C(1) * TURN_REST * SECOND / 2);
    lane_deinit(&late.lane);
}

/* It rests a few times as long and owes nothing. Any other long call of the turn shows that all of it was the lane's own. */
static void what_is_set_apart_costs_little_by_itself(void **state) {
    struct turns turns;
    struct late late;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, 0);
    late.apart = SECOND;
    const int64_t before = os_now_us();
    late_turn(&late);
    assert_int_equal(late.lane.owes_until, 0);
    assert_true(lane_rests(&late.lane) && lane_owes(&late.lane));
    assert_true(late.lane.rest_until >= before + INT64_C(1) * TURN_REST_APART * SECOND);
    assert_true(late.lane.rest_until <= os_now_us() + INT64_C(2) * TURN_REST_APART * SECOND);
    assert_int_equal(turns.apart, 0);
    late.passed = late.spent = 2 * TURN_LONG_US;
    late_turn(&late);
    assert_true(late.lane.owes_until >= before + INT64_C(1) * TURN_REST * SECOND);
    lane_deinit(&late.lane);
}

/* What took less than any other turn may is not counted, and a rest that is longer stays. */
static void what_is_set_apart_is_long(void **state) {
    struct turns turns;
    struct late late;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, 0);
    late.apart = TURN_LONG_US / 2;
    late_turn(&late);
    assert_false(lane_rests(&late.lane) || lane_owes(&late.lane));
    late.apart = SECOND;
    late.passed = late.spent = SECOND;
    late_turn(&late);
    late_turn(&late); /* the first rest is short */
    late.passed = late.spent = 0;
    const int64_t until = late.lane.rest_until;
    late.task.gives = true;
    turn_queue(&late.lane, &late.task);
    int after = 0;
    (void)turns_round(&turns, count, &after);
    assert_int_equal(after, 1);
    assert_int_equal(late.lane.rest_until, until);
    lane_deinit(&late.lane);
}

/* Returns if the clock ticked meanwhile: it may have done so between the two turns. */
static bool two_turns(int64_t us, bool *rests) {
    struct turns turns;
    struct late first, second;
    int after = 0;

    turns_init(&turns);
    late_init(&first, &turns, 0);
    late_init(&second, &turns, us);
    first.units = TURN_UNITS;
    turn_queue(&first.lane, &first.task);
    turn_queue(&second.lane, &second.task);
    const int64_t tick = os_coarse_us();
    turns.tick = tick + SECOND; /* is read at the beginning of the round, and not between the two */
    (void)turns_round(&turns, count, &after);
    const bool ticked = os_coarse_us() != tick;
    assert_int_equal(after, 2);
    assert_false(lane_rests(&first.lane));
    *rests = lane_rests(&second.lane);
    lane_deinit(&first.lane);
    lane_deinit(&second.lane);
    return ticked;
}

/* What the turns before have done since the clocks were read is allowed as well. */
static void a_short_turn_after_others_is_not_long(void **state) {
    bool rests;

    (void)state;
    while (two_turns(TURN_LONG_US + TURN_UNITS * TURN_UNIT_MOST_US / 2, &rests)) {
    }
    assert_false(rests);
}

/* Whatever call of it was long, the lane's next step is done in its next turn. */
static void a_long_step_ends_the_turn(void **state) {
    struct turns turns;
    struct late late;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, TURN_LONG_US + SECOND);
    turn_queue(&late.lane, &late.task);
    turn_queue(&late.lane, &late.waits);
    int after = 0;
    assert_false(turns_round(&turns, count, &after));
    assert_int_equal(after, 1);
    assert_int_equal(late.waited, 0);
    assert_true(lane_rests(&late.lane));
    turns_finish(&turns);
    assert_int_equal(late.waited, 1);
    lane_deinit(&late.lane);
}

/* What gives back was queued before the rest began, and goes on. */
static void a_rest_leaves_out_what_gives_back(void **state) {
    struct turns turns;
    struct late late;
    int after = 0;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, TURN_LONG_US + SECOND);
    turn_queue(&late.lane, &late.task);
    turn_give(&late.lane, &late.waits);
    (void)turns_round(&turns, count, &after);
    assert_int_equal(late.waited, 0);
    assert_true(lane_rests(&late.lane));
    assert_true(turns_have_work(&turns));
    turn_queue(&late.lane, &late.task);
    assert_false(turns_round(&turns, count, &after));
    assert_int_equal(late.waited, 1);
    assert_true(lane_rests(&late.lane) && turn_is_queued(&late.task));
    turn_forget(&late.task);
    lane_deinit(&late.lane);
}

/* Outside of its turn, a lane is charged for what was done for it and not for what was done before. */
static void who_is_charged_is_said(void **state) {
    struct turns turns;
    struct late late, other;

    (void)state;
    turns_init(&turns);
    late_init(&late, &turns, 0);
    late_init(&other, &turns, 0);
    (void)turn_charge(&turns, NULL);
    turns.tick -= SECOND;
    turns.spent -= SECOND;
    turns.kernel -= SECOND;
    assert_true(turn_charge(&turns, &late.lane));
    assert_false(turn_charge(&turns, &other.lane));
    assert_true(lane_rests(&late.lane));
    assert_false(lane_rests(&other.lane));
    turns.tick -= SECOND;
    turns.spent -= SECOND;
    turns.kernel -= SECOND;
    assert_true(turn_charge(&turns, NULL));
    assert_false(lane_rests(&other.lane));
    lane_deinit(&late.lane);
    lane_deinit(&other.lane);
}

/* The units of the turns before are not allowed again to what is done between the rounds. */
static void between_rounds_no_units_are_left_over(void **state) {
    struct turns turns;
    struct late busy, late;
    const int64_t us = TURN_LONG_US + TURN_UNITS * TURN_UNIT_MOST_US / 2;

    (void)state;
    turns_init(&turns);
    late_init(&busy, &turns, 0);
    late_init(&late, &turns, 0);
    busy.units = TURN_UNITS;
    late_turn(&busy);
    turns.tick--;
    (void)turn_charge(&turns, NULL);
    turns.tick -= us;
    turns.spent -= us;
    turns.kernel -= us;
    assert_true(turn_charge(&turns, &late.lane));
    assert_true(lane_rests(&late.lane));
    lane_deinit(&busy.lane);
    lane_deinit(&late.lane);
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
          TEST_CASE(a_rest_ends_by_the_clock), TEST_CASE(one_that_rests_gives_back),
          TEST_CASE(a_rest_leaves_out_what_gives_back), TEST_CASE(a_long_call_ends_the_turn),
          TEST_CASE(a_second_long_turn_costs_what_is_owed), TEST_CASE(what_is_paid_is_forgotten),
          TEST_CASE(the_shorter_time_counts), TEST_CASE(only_time_in_the_kernel_counts),
          TEST_CASE(a_short_turn_after_others_is_not_long),
          TEST_CASE(what_is_set_apart_costs_little_by_itself), TEST_CASE(what_is_set_apart_is_long),
          TEST_CASE(a_long_step_ends_the_turn), TEST_CASE(who_is_charged_is_said),
          TEST_CASE(between_rounds_no_units_are_left_over), TEST_CASE(at_the_end_all_is_done))
