/* test_lasting.c: what makes handles ready for ever: shared by many of one user, never by two, kept when it is idle. */

#include "tests/support/test.h"

#include "daemon/access/quota.h"
#include "daemon/access/refusal.h"
#include "daemon/access/slots.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "daemon/loop/sentry.h"
#include "daemon/object/lasting.h"
#include "daemon/object/objects.h"
#include "daemon/object/pollable.h"
#include "daemon/object/registry.h"

#include <fcntl.h>

enum { OWN = 0, OTHER = 1000, LIMIT = 4000, MANY = LASTING_IDLE + 20 };

static struct {
    struct slots slots;
    struct users users;
    struct loop *loop;
    struct offload *offload;
    struct closer *closer;
    struct sentries *sentries;
    struct registry registry;
    struct loop_timer timer;
} world;

static void on_ready(void *context, uint64_t token, unsigned events) {
    (void)context;
    (void)token;
    (void)events;
}

static void on_closed(void *context, size_t n_fds) {
    (void)context;
    slots_give(&world.slots, n_fds);
}

/* Until the closer has closed all. */
static void on_timer(struct loop_timer *timer) {
    if (closer_pending(world.closer))
        assert_int_equal(loop_timer_set(world.loop, timer, os_now_us() + 1000), 0);
    else
        loop_stop(world.loop);
}

static int begin(void **state) {
    (void)state;
    memset(&world, 0, sizeof world);
    world.loop = loop_new();
    assert_non_null(world.loop);
    world.offload = offload_new(world.loop);
    assert_non_null(world.offload);
    world.closer = closer_new(world.offload, LIMIT);
    world.sentries = sentries_new(world.loop, on_ready, on_closed, NULL);
    assert_non_null(world.sentries);
    slots_init(&world.slots, LIMIT, 0);
    assert_int_equal(users_init(&world.users, OWN, &world.slots, 1), 0);
    const struct env env = {.loop = world.loop,
                            .engine = loop_engine(world.loop),
                            .offload = world.offload,
                            .closer = world.closer,
                            .sentries = world.sentries,
                            .slots = &world.slots,
                            .users = &world.users};
    assert_int_equal(objects_init(&world.registry, &env), 0);
    assert_int_equal(pollable_init(), 0);
    world.timer.fn = on_timer;
    return 0;
}

static int end(void **state) {
    (void)state;
    loop_timer_free(&world.timer);
    (void)sentries_free(world.sentries);
    (void)offload_free(world.offload);
    closer_free(world.closer);
    objects_deinit(&world.registry);
    users_deinit(&world.users, false);
    loop_free(world.loop);
    return 0;
}

static struct lasting *take(struct user *user) {
    struct refusal refusal;
    struct lasting *lasting = lasting_take(&world.registry, user, &refusal);
    assert_non_null(lasting);
    assert_int_equal(lasting->uid, user->uid);
    return lasting;
}

static void give(struct user *user, struct lasting *lasting) { lasting_give(&world.registry, user, lasting); }

static void each_is_one_users(void **state) {
    struct user *own = user_ref(&world.users, OWN), *other = user_ref(&world.users, OTHER);
    struct lasting *of_own = take(own), *of_other = take(other);

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
    other = user_ref(&world.users, OTHER); /* comes again: what his old handles have */
    assert_ptr_equal(take(other), of_other);
    assert_int_equal(other->used[USER_DESCRIPTORS], 1);
    give(other, of_other);
    assert_ptr_equal(take(own), of_own);
    give(own, of_own);
    user_unref(other);
    user_unref(own);
}

static void so_many_handles_have_one(void **state) {
    static struct lasting *taken[2 * LASTING_HANDLES];
    struct user *other = user_ref(&world.users, OTHER);

    (void)state;
    for (int i = 0; i < 2 * LASTING_HANDLES; i++) {
        taken[i] = take(other);
        assert_ptr_equal(taken[i], taken[i - i % LASTING_HANDLES]);
    }
    assert_ptr_not_equal(taken[0], taken[LASTING_HANDLES]);
    assert_int_equal(other->used[USER_DESCRIPTORS], 2);
    give(other, taken[0]);
    assert_ptr_equal(take(other), taken[0]); /* there is room in it again */
    struct lasting *third = take(other);
    assert_int_equal(other->used[USER_DESCRIPTORS], 3);
    give(other, third);
    for (int i = 0; i < 2 * LASTING_HANDLES; i++)
        give(other, taken[i]);
    assert_int_equal(other->used[USER_DESCRIPTORS], 0);
    user_unref(other);
}

static void the_oldest_idle_ones_are_closed(void **state) {
    os_fd fds[MANY];
    int open = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct user *user = user_ref(&world.users, (os_uid)(OTHER + i));
        struct lasting *lasting = take(user);
        fds[i] = lasting->fd;
        give(user, lasting);
        user_unref(user);
    }
    assert_int_equal(loop_timer_set(world.loop, &world.timer, os_now_us()), 0);
    assert_int_equal(loop_run(world.loop), 0);
    for (int i = 0; i < MANY; i++)
        open += fcntl(fds[i], F_GETFD) >= 0;
    assert_in_range(open, LASTING_IDLE, LASTING_IDLE + 1);
    assert_true(fcntl(fds[0], F_GETFD) < 0);
    assert_true(fcntl(fds[MANY - 1], F_GETFD) >= 0);
    assert_true(fcntl(pollable_always(), F_GETFD) >= 0);
}

#define LASTING_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(LASTING_CASE(each_is_one_users), LASTING_CASE(so_many_handles_have_one),
          LASTING_CASE(the_oldest_idle_ones_are_closed))
