/* test_watchdog.c: how long a silent broker is waited for, and when it is left to the service manager. */
#define _GNU_SOURCE
#include "tests/support/loop_fake.h"
#include "tests/support/test.h"

#include "daemon/store/watchdog.h"

static unsigned asked, silent;

static void on_ask(struct watchdog *watchdog) {
    (void)watchdog;
    asked++;
}

static void on_silent(struct watchdog *watchdog) {
    (void)watchdog;
    silent++;
}

static struct loop *loop;

static void begin(struct watchdog *watchdog, int64_t patience) {
    asked = silent = 0;
    loop = loop_new();
    assert_non_null(loop);
    *watchdog = (struct watchdog){.ask = on_ask, .silent = on_silent};
    assert_int_equal(watchdog_init(watchdog, loop, patience), 0);
    watchdog_started(watchdog);
}

static void end(struct watchdog *watchdog) {
    watchdog_deinit(watchdog);
    loop_free(loop);
}

static void reach_next(void) { assert_int_equal(loop_fake_reach(loop, loop_fake_next(loop)), 1); }

static void who_answers_is_asked_again(void **state) {
    struct watchdog watchdog;
    (void)state;
    begin(&watchdog, 4000000);
    watchdog_ready(&watchdog);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(asked, i);
        watchdog_answered(&watchdog);
        assert_true(loop_fake_next(loop) <= os_now_us() + 1000000);
        reach_next();
    }
    assert_int_equal(silent, 0);
    end(&watchdog);
}

/* The second one is not even ready. One that answers makes up for those before it. */
static void two_are_ended_in_a_row(void **state) {
    struct watchdog watchdog;
    (void)state;
    begin(&watchdog, 4000000);
    for (int round = 0; round < 2; round++) {
        silent = 0;
        watchdog_ready(&watchdog);
        reach_next();
        assert_int_equal(silent, 1);
        watchdog_left(&watchdog);
        assert_true(loop_fake_next(loop) == INT64_MAX);
        watchdog_started(&watchdog);
        reach_next();
        assert_int_equal(silent, 2);
        watchdog_left(&watchdog);
        watchdog_started(&watchdog);
        reach_next();
        assert_int_equal(silent, 2);
        assert_true(loop_fake_next(loop) == INT64_MAX);
        watchdog_ready(&watchdog);
        watchdog_answered(&watchdog);
        watchdog_left(&watchdog);
        watchdog_started(&watchdog);
    }
    end(&watchdog);
}

static void without_a_manager_nobody_is_asked(void **state) {
    struct watchdog watchdog;
    (void)state;
    begin(&watchdog, 0);
    watchdog_ready(&watchdog);
    assert_int_equal(asked, 0);
    assert_true(loop_fake_next(loop) == INT64_MAX);
    end(&watchdog);
}

int main(void) {
    struct CMUnitTest tests[] = {
        TEST_CASE(who_answers_is_asked_again),
        TEST_CASE(two_are_ended_in_a_row),
        TEST_CASE(without_a_manager_nobody_is_asked),
    };
    return TEST_RUN(tests);
}
