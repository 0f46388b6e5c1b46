/* test_asker_win.c: threads and waits that each user has for the files that others use. */
#include "tests/support/test.h"

#include "daemon/object/asker_win.h"

enum { FIRST = 1000, OTHER = 5000, MANY = 200, SECOND = 1000000 };

static int64_t now;

/* What is owed from the case before is paid. */
static int begin(void **state) {
    (void)state;
    now += INT64_C(24) * 3600 * SECOND;
    return test_before(state);
}

static struct asker *enter(os_uid uid) { return asker_enter(uid, now); }

/* The loop waits so long for that user. */
static void wait_for(os_uid uid, int64_t us) {
    struct asker *asker = enter(uid);

    assert_non_null(asker);
    asker_waited(asker, us);
    asker_leave(asker);
}

static bool may_wait(os_uid uid) {
    struct asker *asker = enter(uid);

    assert_non_null(asker);
    bool may = asker_may_wait(asker);
    asker_leave(asker);
    return may;
}

static void a_user_has_its_share(void **state) {
    struct asker *asker = NULL;

    (void)state;
    for (int i = 0; i < ASKER_THREADS_OF_USER; i++) {
        asker = enter(FIRST);
        assert_non_null(asker);
    }
    assert_null(enter(FIRST));
    struct asker *other = enter(OTHER);
    assert_non_null(other);
    assert_null(enter(FIRST));
    asker_leave(asker);
    asker = enter(FIRST);
    assert_non_null(asker);
    assert_null(enter(FIRST));
    for (int i = 0; i < ASKER_THREADS_OF_USER; i++)
        asker_leave(asker);
    asker_leave(other);
}

static void all_have_a_limit(void **state) {
    struct asker *askers[ASKER_THREADS];

    (void)state;
    for (int i = 0; i < ASKER_THREADS; i++) {
        askers[i] = enter(FIRST + (os_uid)i);
        assert_non_null(askers[i]);
    }
    assert_null(enter(FIRST));
    assert_null(enter(OTHER));
    asker_leave(askers[3]);
    askers[3] = enter(OTHER);
    assert_non_null(askers[3]);
    assert_null(enter(OTHER));
    for (int i = 0; i < ASKER_THREADS; i++)
        asker_leave(askers[i]);
}

static void each_has_an_allowance(void **state) {
    (void)state;
    wait_for(FIRST, ASKER_STALL_US - 1);
    assert_true(may_wait(FIRST));
    wait_for(FIRST, ASKER_STALL_US);
    assert_false(may_wait(FIRST));
    assert_true(may_wait(OTHER));
    now += 90 * SECOND;
    assert_false(may_wait(FIRST));
    now += 20 * SECOND; /* a hundredth of the time */
    assert_true(may_wait(FIRST));
}

/* What it has to pay does not grow less by being asked for often. */
static void payments_are_whole(void **state) {
    (void)state;
    wait_for(FIRST, ASKER_STALL_US + 2 * SECOND / 100);
    for (int i = 0; i < 99; i++) {
        now += SECOND / 50 - 1;
        assert_false(may_wait(FIRST));
    }
    now += 3 * SECOND / 100;
    assert_true(may_wait(FIRST));
}

/* There are fewer records than users. */
static void who_has_to_pay_is_not_forgotten(void **state) {
    (void)state;
    wait_for(FIRST, 2 * ASKER_STALL_US);
    struct asker *asker = enter(OTHER); /* at work all the time */
    for (os_uid uid = OTHER + 1; uid < OTHER + MANY; uid++)
        wait_for(uid, SECOND / 10);
    assert_false(may_wait(FIRST));
    for (int i = 1; i < ASKER_THREADS_OF_USER; i++)
        assert_ptr_equal(enter(OTHER), asker);
    assert_null(enter(OTHER));
    for (int i = 0; i < ASKER_THREADS_OF_USER; i++)
        asker_leave(asker);
}

/* Nor is anybody turned away because many have to pay. */
static void there_is_always_a_record(void **state) {
    (void)state;
    for (os_uid uid = FIRST; uid < FIRST + MANY; uid++)
        wait_for(uid, 2 * ASKER_STALL_US);
    assert_true(may_wait(OTHER));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, test_after)

int main(void) {
    struct CMUnitTest cases[] = {CASE(a_user_has_its_share),
                                 CASE(all_have_a_limit),
                                 CASE(each_has_an_allowance),
                                 CASE(payments_are_whole),
                                 CASE(who_has_to_pay_is_not_forgotten),
                                 CASE(there_is_always_a_record)};

    return TEST_RUN(cases);
}
