/* test_timers.c: the first timer is always the one due first, however they were set and cleared. */

#include "tests/support/test.h"

#include "daemon/loop/loop.h"
#include "daemon/loop/timers.h"

enum { MANY = 40, ROUNDS = 2000 };

static struct timers timers;
static struct loop_timer all[MANY];

/* The same numbers each time. */
static unsigned next_number(void) {
    static uint32_t seed = 1;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static const struct loop_timer *find_first(void) {
    const struct loop_timer *first = NULL;
    for (size_t i = 0; i < MANY; i++)
        if (all[i].place && (!first || all[i].deadline < first->deadline))
            first = &all[i];
    return first;
}

static void check(void) {
    const struct loop_timer *first = timers_first(&timers), *wanted = find_first();
    assert_int_equal(first != NULL, wanted != NULL);
    if (first)
        assert_int_equal(first->deadline, wanted->deadline);
}

static void begin(void) {
    timers = (struct timers){0};
    memset(all, 0, sizeof all);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(timers_learn(&timers), 0);
}

/* Those that are left come in their order. */
static void end(void) {
    int64_t before = INT64_MIN;
    for (struct loop_timer *first; (first = timers_first(&timers));) {
        assert_true(first->deadline >= before);
        before = first->deadline;
        timers_remove(&timers, first);
        check();
    }
    for (size_t i = 0; i < MANY; i++)
        timers_forget(&timers);
    assert_int_equal(timers.known, 0);
    timers_deinit(&timers);
}

static void they_come_in_their_order(void **state) {
    (void)state;
    begin();
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct loop_timer *timer = &all[next_number() % MANY];
        if (timer->place) {
            timers_remove(&timers, timer);
        } else {
            timer->deadline = next_number() % 100;
            timers_add(&timers, timer);
        }
        check();
    }
    end();
}

/* The last one takes the place of one that goes, and may be due before what is above that. */
static void the_last_one_may_move_up(void **state) {
    static const int64_t deadlines[] = {1, 10, 2, 11, 12, 3, 4};
    (void)state;
    begin();
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        all[i].deadline = deadlines[i];
        timers_add(&timers, &all[i]);
        assert_int_equal(all[i].place, i + 1);
    }
    timers_remove(&timers, &all[3]);
    assert_int_equal(all[6].place, 2); /* where the one was that is due at 10 */
    end();
}

/* Of two below, also if the second is the last of all, the one that is due first goes up. */
static void the_last_of_all_may_go_up(void **state) {
    static const int64_t deadlines[] = {1, 5, 2, 9};
    (void)state;
    begin();
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        all[i].deadline = deadlines[i];
        timers_add(&timers, &all[i]);
    }
    timers_remove(&timers, &all[0]);
    assert_ptr_equal(timers_first(&timers), &all[2]);
    end();
}

TEST_MAIN(TEST_CASE(they_come_in_their_order), TEST_CASE(the_last_one_may_move_up),
          TEST_CASE(the_last_of_all_may_go_up))
