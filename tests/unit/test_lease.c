/* test_lease.c: the time to live of a lease, on a clock that goes on while the machine is suspended. The loop's does not. */
#define _GNU_SOURCE

#include "tests/support/loop_fake.h"
#include "tests/support/test.h"

#include "daemon/session/lease.h"
#include "proto/container.h"

#include <errno.h>

static const int64_t minute = INT64_C(60000000), hour = INT64_C(3600000000);

static int64_t suspended;

/* In place of the system's. */
int64_t os_boot_us(void) { return os_now_us() + suspended; }

struct limited {
    struct lease lease;
    struct loop *loop;
    int ended;
};

static void on_ended(struct lease *lease) { CONTAINER_OF(lease, struct limited, lease)->ended++; }

static void begin(struct limited *limited, int64_t ttl_us) {
    suspended = 0;
    *limited = (struct limited){.loop = loop_new()};
    assert_non_null(limited->loop);
    lease_init(&limited->lease, NULL, NULL, 0, on_ended);
    assert_int_equal(lease_limit(&limited->lease, limited->loop, ttl_us), 0);
}

static void end(struct limited *limited) {
    lease_deinit(&limited->lease);
    loop_free(limited->loop);
}

/* Lets the loop's clock come to the next timer. */
static void reach_next(const struct limited *limited) {
    (void)loop_fake_reach(limited->loop, loop_fake_next(limited->loop));
}

static void it_ends_when_its_time_has_passed(void **state) {
    struct limited limited;
    (void)state;
    begin(&limited, minute);
    assert_in_range(lease_left(&limited.lease), minute - 10000000, minute);
    assert_true(loop_fake_next(limited.loop) >= limited.lease.until); /* not before */
    suspended = minute;
    assert_int_equal(lease_left(&limited.lease), 0);
    assert_int_equal(limited.ended, 0);
    reach_next(&limited);
    assert_int_equal(limited.ended, 1);
    end(&limited);
}

static void what_the_machine_slept_counts(void **state) {
    struct limited limited;
    int64_t now = os_now_us();
    (void)state;
    begin(&limited, 10 * hour);
    suspended = 5 * hour;
    assert_true(loop_fake_next(limited.loop) <= now + 3 * minute); /* it is looked at soon after */
    reach_next(&limited);
    assert_int_equal(limited.ended, 0);
    assert_in_range(lease_left(&limited.lease), 5 * hour - minute, 5 * hour);
    suspended = 10 * hour - minute;
    reach_next(&limited);
    assert_int_equal(limited.ended, 0);
    assert_true(loop_fake_next(limited.loop) <= os_now_us() + minute); /* for the rest */
    suspended = 10 * hour;
    reach_next(&limited);
    assert_int_equal(limited.ended, 1);
    end(&limited);
}

static void without_a_limit_nothing_is_looked_at(void **state) {
    struct limited limited;
    (void)state;
    begin(&limited, INT64_MAX);
    suspended = 1000 * hour;
    reach_next(&limited);
    assert_int_equal(limited.ended, 0);
    assert_true(lease_left(&limited.lease) > 1000 * hour);
    struct lease none = {.until = 0};
    lease_replace(&limited.lease, &none);
    assert_true(loop_fake_next(limited.loop) == INT64_MAX);
    assert_int_equal(lease_left(&limited.lease), 0);
    assert_false(lease_bound(&limited.lease));
    end(&limited);
}

/* One that had no limit has one after it, and one that had is not touched before. */
static void another_one_takes_its_place(void **state) {
    struct limited limited;
    struct lease next = {.until = 0};
    (void)state;
    begin(&limited, hour);
    assert_int_equal(lease_prepare(&limited.lease, limited.loop), 0);
    next.until = lease_until(minute);
    assert_in_range(lease_left(&limited.lease), hour - minute, hour);
    lease_replace(&limited.lease, &next);
    assert_in_range(lease_left(&limited.lease), minute - 10000000, minute);
    suspended = minute;
    reach_next(&limited);
    assert_int_equal(limited.ended, 1);
    end(&limited);
}

static void without_memory_there_is_no_limit(void **state) {
    struct limited limited = {.loop = loop_new()};
    (void)state;
    assert_non_null(limited.loop);
    suspended = 0;
    lease_init(&limited.lease, NULL, NULL, 0, on_ended);
    loop_fake_fail_timer(limited.loop);
    assert_int_equal(lease_limit(&limited.lease, limited.loop, minute), -ENOMEM);
    assert_false(lease_bound(&limited.lease));
    end(&limited);
}

int main(void) {
    struct CMUnitTest tests[] = {
        TEST_CASE(it_ends_when_its_time_has_passed),     TEST_CASE(what_the_machine_slept_counts),
        TEST_CASE(without_a_limit_nothing_is_looked_at), TEST_CASE(another_one_takes_its_place),
        TEST_CASE(without_memory_there_is_no_limit),
    };
    return TEST_RUN(tests);
}
