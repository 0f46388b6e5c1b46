/* test_lanes.c: which lane is next, without threads. */

#include "tests/support/test.h"

#include "daemon/loop/identity.h"
#include "daemon/loop/lanes.h"

enum { BROKER_OWN = 1, QUICK = 2 };

static struct lanes lanes;

static const struct identity somebody = {.refs = 1};

static void begin(void) { lanes = (struct lanes){0}; }

static void put(struct offload_job *job, uint32_t uid, unsigned flags) {
    *job = (struct offload_job){
        .uid = uid, .quick = flags & QUICK, .identity = flags & BROKER_OWN ? NULL : &somebody};
    job->last = job;
    lanes_put(&lanes, job);
}

static struct offload_job *take(size_t seat) {
    lanes_take(&lanes, &lanes.seats[seat], 0);
    return lanes.seats[seat].job;
}

static void a_uid_has_no_second_worker_while_another_waits(void **state) {
    struct offload_job jobs[5];

    (void)state;
    begin();
    put(&jobs[0], 1, QUICK);
    put(&jobs[1], 1, 0);
    put(&jobs[2], 2, 0);
    put(&jobs[3], 2, QUICK);
    put(&jobs[4], 3, 0);
    assert_ptr_equal(take(0), &jobs[0]);
    assert_ptr_equal(take(1), &jobs[2]);
    assert_ptr_equal(take(2), &jobs[4]);
    assert_ptr_equal(take(3), &jobs[1]); /* nobody else waits */
    assert_ptr_equal(lanes_finish(&lanes, &lanes.seats[1]), &jobs[2]);
    assert_ptr_equal(take(1), &jobs[3]);
    assert_int_equal(lanes_waiting(&lanes), 0);
    put(&jobs[0], 7, 0); /* the queue's end is what it was */
    assert_ptr_equal(take(4), &jobs[0]);
}

static void jobs_of_one_lane_wait_for_each_other_in_order(void **state) {
    struct offload_job jobs[3];

    (void)state;
    begin();
    for (size_t i = 0; i < 3; i++)
        put(&jobs[i], 1, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lanes_waiting(&lanes), 1);
        assert_ptr_equal(take(0), &jobs[i]);
        assert_int_equal(lanes_waiting(&lanes), 0);
        lanes_finish(&lanes, &lanes.seats[0]);
    }
}

static void what_is_stuck_is_not_waited_for_up_to_a_number(void **state) {
    struct offload_job jobs[OFFLOAD_STUCK_MOST + 1];

    (void)state;
    begin();
    for (size_t i = 0; i <= OFFLOAD_STUCK_MOST; i++)
        put(&jobs[i], 1, 0);
    for (size_t i = 0; i < OFFLOAD_STUCK_MOST; i++) {
        assert_ptr_equal(take(i), &jobs[i]);
        lanes_stick(&lanes, &lanes.seats[i]);
    }
    assert_int_equal(lanes_waiting(&lanes), 0);
    lanes_finish(&lanes, &lanes.seats[1]);
    assert_int_equal(lanes_waiting(&lanes), 1);
}

/* The last seat that may be stuck has them behind it: the end of any of these frees them, in their order. */
static void those_behind_what_is_stuck_go_on_when_any_of_it_ends(void **state) {
    enum { BEHIND = 3 };
    struct offload_job jobs[OFFLOAD_STUCK_MOST + BEHIND];

    (void)state;
    for (size_t ends = 0; ends < OFFLOAD_STUCK_MOST; ends++) {
        begin();
        for (size_t i = 0; i < OFFLOAD_STUCK_MOST + BEHIND; i++)
            put(&jobs[i], 1, 0);
        for (size_t i = 0; i < OFFLOAD_STUCK_MOST; i++) {
            assert_ptr_equal(take(i), &jobs[i]);
            lanes_stick(&lanes, &lanes.seats[i]);
        }
        assert_int_equal(lanes_waiting(&lanes), 0);
        lanes_finish(&lanes, &lanes.seats[ends]);
        for (size_t i = OFFLOAD_STUCK_MOST; i < OFFLOAD_STUCK_MOST + BEHIND; i++) {
            assert_int_equal(lanes_waiting(&lanes), 1);
            assert_ptr_equal(take(ends), &jobs[i]);
            lanes_finish(&lanes, &lanes.seats[ends]);
        }
        assert_int_equal(lanes_waiting(&lanes), 0);
        for (size_t i = 0; i < OFFLOAD_STUCK_MOST; i++)
            if (i != ends)
                lanes_finish(&lanes, &lanes.seats[i]);
        assert_int_equal(lanes.busy + lanes.stuck + lanes.held + lanes.heads, 0);
        assert_int_equal(lanes.running[1], 0);
    }
}

/* Each of that many uids has a job that does not end. */
static void hold_up(struct offload_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        put(&jobs[i], (uint32_t)(1000 + i), 0);
        assert_ptr_equal(take(i), &jobs[i]);
        lanes_stick(&lanes, &lanes.seats[i]);
    }
}

static void the_last_seats_are_for_closes_of_who_holds_up_nothing(void **state) {
    enum { MANY = LANES_SEATS - LANES_KEPT - OFFLOAD_WORKERS };
    static struct offload_job held[MANY + 1];
    struct offload_job jobs[4];

    (void)state;
    begin();
    hold_up(held, MANY);
    assert_false(lanes_are_scarce(&lanes));
    put(&held[MANY], 1000 + MANY, 0);
    assert_ptr_equal(take(MANY), &held[MANY]);
    lanes_hold(&lanes, &lanes.seats[MANY]);
    assert_true(lanes_are_scarce(&lanes));
    assert_true(lanes_seat_of(&lanes, 1000));
    assert_false(lanes_seat_of(&lanes, 1));
    put(&jobs[0], 1, 0);
    put(&jobs[1], 1000, BROKER_OWN | QUICK);
    assert_int_equal(lanes_waiting(&lanes), 0);
    put(&jobs[2], 2, BROKER_OWN);
    assert_int_equal(lanes_waiting(&lanes), 1);
    assert_ptr_equal(take(MANY + 1), &jobs[2]);
    assert_int_equal(lanes_waiting(&lanes), 0);
    lanes_finish(&lanes, &lanes.seats[0]); /* and all others go on */
    assert_false(lanes_are_scarce(&lanes));
    assert_int_equal(lanes_waiting(&lanes), 2);
    assert_ptr_equal(take(0), &jobs[0]);
    assert_ptr_equal(take(MANY + 2), &jobs[1]);
    put(&jobs[3], 3, 0);
    assert_ptr_equal(take(MANY + 3), &jobs[3]);
}

TEST_MAIN(TEST_CASE(a_uid_has_no_second_worker_while_another_waits),
          TEST_CASE(jobs_of_one_lane_wait_for_each_other_in_order),
          TEST_CASE(what_is_stuck_is_not_waited_for_up_to_a_number),
          TEST_CASE(those_behind_what_is_stuck_go_on_when_any_of_it_ends),
          TEST_CASE(the_last_seats_are_for_closes_of_who_holds_up_nothing))
