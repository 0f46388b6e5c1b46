/* test_always_ready.c: the always-ready descriptors of handles: shared by many handles of one user, never by two users, kept
 * while idle. */
#include "tests/support/test.h"

#include "daemon/access/quota.h"
#include "daemon/access/refusal.h"
#include "daemon/loop/closer.h"
#include "daemon/object/always_ready.h"
#include "daemon/object/pollable.h"
#include "tests/support/world.h"

#include <fcntl.h>

enum { LIMIT = 4000, MANY = ALWAYS_READY_IDLE + 20 };

static os_uid other_uid(void) { return world.users.own + 1000; }

static int begin(void **state) {
    (void)state;
    world_make(LIMIT);
    return 0;
}

static int end(void **state) {
    (void)state;
    world_free();
    return 0;
}

static bool nothing_is_closing(void) { return closer_pending(world.closer) == 0; }

static struct always_ready *take(struct user *user) {
    struct refusal refusal;
    struct always_ready *always_ready = always_ready_take(&world.registry, user, &refusal);
    assert_non_null(always_ready);
    assert_int_equal(always_ready->uid, user->uid);
    return always_ready;
}

static void give(struct user *user, struct always_ready *always_ready) {
    always_ready_give(&world.registry, user, always_ready);
}

static void each_is_one_users(void **state) {
    struct user *own = user_ref(&world.users, world.users.own), *other = user_ref(&world.users, other_uid());
    struct always_ready *of_own = take(own), *of_other = take(other);

    (void)state;
    assert_true(of_own->fd == pollable_always());
    assert_true(of_own->fd != of_other->fd);
    assert_ptr_equal(take(own), of_own);
    assert_ptr_equal(take(other), of_other);
    assert_int_equal(own->used[USER_DESCRIPTORS], 0); /* it is there in any case */
    assert_int_equal(other->used[USER_DESCRIPTORS], 1);
    for (int i = 0; i < 2; i++) {
        give(own, of_own);
        give(other, of_other);
    }
    assert_int_equal(other->used[USER_DESCRIPTORS], 0);
    user_unref(other);
    other = user_ref(&world.users, other_uid()); /* comes again: it gets the one that its old handles have */
    assert_ptr_equal(take(other), of_other);
    assert_int_equal(other->used[USER_DESCRIPTORS], 1);
    give(other, of_other);
    assert_ptr_equal(take(own), of_own);
    give(own, of_own);
    user_unref(other);
    user_unref(own);
}

static void so_many_handles_have_one(void **state) {
    static struct always_ready *taken[2 * ALWAYS_READY_HANDLES];
    struct user *other = user_ref(&world.users, other_uid());

    (void)state;
    for (int i = 0; i < 2 * ALWAYS_READY_HANDLES; i++) {
        taken[i] = take(other);
        assert_ptr_equal(taken[i], taken[i - i % ALWAYS_READY_HANDLES]);
    }
    assert_ptr_not_equal(taken[0], taken[ALWAYS_READY_HANDLES]);
    assert_int_equal(other->used[USER_DESCRIPTORS], 2);
    give(other, taken[0]);
    assert_ptr_equal(take(other), taken[0]); /* there is room in it again */
    struct always_ready *third = take(other);
    assert_int_equal(other->used[USER_DESCRIPTORS], 3);
    give(other, third);
    for (int i = 0; i < 2 * ALWAYS_READY_HANDLES; i++)
        give(other, taken[i]);
    assert_int_equal(other->used[USER_DESCRIPTORS], 0);
    user_unref(other);
}

static void the_oldest_idle_ones_are_closed(void **state) {
    os_fd fds[MANY];
    int open = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct user *user = user_ref(&world.users, other_uid() + (os_uid)i);
        struct always_ready *always_ready = take(user);
        fds[i] = always_ready->fd;
        give(user, always_ready);
        user_unref(user);
    }
    assert_true(world_until(nothing_is_closing));
    for (int i = 0; i < MANY; i++)
        open += fcntl(fds[i], F_GETFD) >= 0;
    assert_in_range(open, ALWAYS_READY_IDLE, ALWAYS_READY_IDLE + 1);
    assert_true(fcntl(fds[0], F_GETFD) < 0);
    assert_true(fcntl(fds[MANY - 1], F_GETFD) >= 0);
    assert_true(fcntl(pollable_always(), F_GETFD) >= 0);
}

#define ALWAYS_READY_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(ALWAYS_READY_CASE(each_is_one_users), ALWAYS_READY_CASE(so_many_handles_have_one),
          ALWAYS_READY_CASE(the_oldest_idle_ones_are_closed))
