/* test_idle.c: when a broker that is idle exits. The timers, the door and the sessions are the test's own. */
#include "tests/support/test.h"

#include "daemon/base/metrics.h"
#include "daemon/door.h"
#include "daemon/idle.h"
#include "daemon/session/abandoned.h"
#include "daemon/session/session.h"

enum { LIMIT_US = 60000000, SOON_US = 1000000 };

static struct idle idle;
static struct sessions sessions;
static bool empty, abandoned, unfinished, stopped;
static int door_error;
static struct loop_timer *timer; /* the one that is set */
static int64_t after_us;

bool sessions_idle(const struct sessions *of) {
    (void)of;
    return empty;
}

bool sessions_abandoned(const struct sessions *of, bool *is_unfinished) {
    (void)of;
    *is_unfinished = unfinished;
    return abandoned;
}

int door_leave(struct door *door) {
    (void)door;
    return door_error;
}

int loop_timer_set(struct loop *on, struct loop_timer *set, int64_t deadline_us) {
    (void)on;
    timer = set;
    after_us = deadline_us - os_now_us();
    return 0;
}

void loop_timer_clear(struct loop_timer *cleared) {
    if (timer == cleared)
        timer = NULL;
}

void loop_timer_free(struct loop_timer *freed) { loop_timer_clear(freed); }

void loop_stop(struct loop *on) {
    (void)on;
    stopped = true;
}

static void start_limited(bool is_empty, int64_t limit_us) {
    empty = is_empty;
    abandoned = !is_empty;
    unfinished = stopped = false;
    door_error = 0;
    timer = NULL;
    idle_init(&idle, NULL, &sessions, NULL, limit_us);
    idle_after(&idle);
}

static void start(bool is_empty) { start_limited(is_empty, LIMIT_US); }

/* The time has come; and what the loop does after the turn. */
static void fire(void) {
    struct loop_timer *due = timer;

    assert_non_null(due);
    timer = NULL;
    due->fn(due);
    idle_after(&idle);
}

static void assert_set_for(int64_t least_us, int64_t most_us) {
    assert_non_null(timer);
    assert_in_range(after_us, least_us, most_us);
}

static void it_exits_after_the_limit(void **state) {
    (void)state;
    for (int quiet = 0; quiet < 2; quiet++) {
        start(!quiet);
        assert_set_for(LIMIT_US - SOON_US, LIMIT_US);
        fire();
        assert_true(stopped);
        idle_deinit(&idle);
    }
}

static void who_is_turned_away_defers_it_a_little(void **state) {
    (void)state;
    for (int quiet = 0; quiet < 2; quiet++) {
        start(!quiet);
        door_error = -EAGAIN;
        for (int looks = 0; looks < 20; looks++) {
            fire();
            assert_false(stopped);
            assert_set_for(1, SOON_US / 2);
        }
        door_error = 0;
        metrics_add(METRIC_TURNED_AWAY, 1);
        metrics_add(METRIC_CONNECTIONS_MADE, 1); /* and one has left before it was admitted */
        fire();
        assert_true(stopped);
        idle_deinit(&idle);
    }
}

static void who_was_admitted_starts_the_time_again(void **state) {
    (void)state;
    for (int quiet = 0; quiet < 2; quiet++) {
        start(!quiet);
        door_error = -EAGAIN;
        fire();
        door_error = 0;
        sessions.serial++; /* and has gone already */
        fire();
        assert_false(stopped);
        assert_set_for(LIMIT_US - SOON_US, LIMIT_US);
        idle_deinit(&idle);
    }
}

/* It does not wake again and again for nothing, however short the limit. */
static void a_door_that_cannot_be_closed_is_tried_after_the_limit(void **state) {
    static const int64_t limits[] = {LIMIT_US, 1000};
    (void)state;
    for (int n = 0; n < 4; n++) {
        int64_t limit_us = limits[n / 2];
        start_limited(n % 2, limit_us);
        door_error = -EACCES;
        for (int looks = 0; looks < 3; looks++) {
            fire();
            assert_false(stopped);
            assert_set_for(limit_us > SOON_US ? limit_us - SOON_US : SOON_US / 2, LIMIT_US);
        }
        door_error = 0;
        fire();
        assert_true(stopped);
        idle_deinit(&idle);
    }
}

/* The loop has not said yet that somebody has come. */
static void who_comes_at_the_last_moment_is_seen_afterwards(void **state) {
    (void)state;
    start(true);
    empty = false;
    fire();
    assert_false(stopped);
    assert_set_for(LIMIT_US - SOON_US, LIMIT_US);
    abandoned = true;
    fire();
    assert_true(stopped);
    idle_deinit(&idle);
}

/* And it has gone before the turn has ended. */
static void who_has_gone_at_the_last_moment_starts_the_time_again(void **state) {
    (void)state;
    start(true);
    struct loop_timer *due = timer;
    timer = NULL;
    empty = false;
    due->fn(due);
    empty = true;
    idle_after(&idle);
    assert_set_for(LIMIT_US - SOON_US, LIMIT_US);
    fire();
    assert_true(stopped);
    idle_deinit(&idle);
}

static void a_check_goes_on_soon(void **state) {
    (void)state;
    start(false);
    abandoned = false;
    unfinished = true;
    for (int looks = 0; looks < 3; looks++) {
        fire();
        assert_false(stopped);
        assert_set_for(SOON_US / 2, SOON_US);
    }
    abandoned = true;
    unfinished = false;
    fire();
    assert_true(stopped);
    idle_deinit(&idle);
}

static void one_state_follows_the_other(void **state) {
    (void)state;
    start(true);
    const struct loop_timer *first = timer;
    empty = false;
    idle_after(&idle);
    assert_non_null(timer);
    assert_ptr_not_equal(timer, first);
    fire();
    assert_false(stopped); /* no connection is abandoned */
    empty = true;
    idle_after(&idle);
    assert_ptr_equal(timer, first);
    idle_deinit(&idle);
    assert_null(timer);
}

static void a_new_limit_counts_from_when_it_comes(void **state) {
    (void)state;
    for (int quiet = 0; quiet < 2; quiet++) {
        start(!quiet);
        idle_set_limit(&idle, LIMIT_US); /* the same one changes nothing */
        assert_set_for(LIMIT_US - SOON_US, LIMIT_US);
        idle_set_limit(&idle, 2 * LIMIT_US);
        idle_after(&idle);
        assert_set_for(2 * LIMIT_US - SOON_US, 2 * LIMIT_US);
        idle_set_limit(&idle, 0);
        idle_after(&idle);
        assert_null(timer);
        idle_set_limit(&idle, LIMIT_US);
        idle_after(&idle);
        assert_set_for(LIMIT_US - SOON_US, LIMIT_US);
        assert_ptr_equal(timer, quiet ? &idle.quiet : &idle.empty);
        fire();
        assert_true(stopped);
        idle_deinit(&idle);
    }
}

/* Both timers are not set at the same time, whatever the order. */
static void a_broker_without_a_limit_gets_one(void **state) {
    (void)state;
    start_limited(true, 0);
    assert_null(timer);
    idle_set_limit(&idle, LIMIT_US);
    idle_after(&idle);
    assert_ptr_equal(timer, &idle.empty);
    empty = false;
    idle_after(&idle);
    assert_ptr_equal(timer, &idle.quiet);
    idle_deinit(&idle);
}

TEST_MAIN(TEST_CASE(it_exits_after_the_limit), TEST_CASE(who_is_turned_away_defers_it_a_little),
          TEST_CASE(who_was_admitted_starts_the_time_again),
          TEST_CASE(a_door_that_cannot_be_closed_is_tried_after_the_limit),
          TEST_CASE(who_comes_at_the_last_moment_is_seen_afterwards),
          TEST_CASE(who_has_gone_at_the_last_moment_starts_the_time_again), TEST_CASE(a_check_goes_on_soon),
          TEST_CASE(one_state_follows_the_other), TEST_CASE(a_new_limit_counts_from_when_it_comes),
          TEST_CASE(a_broker_without_a_limit_gets_one))
