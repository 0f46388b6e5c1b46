/* test_ready_list.c: many readiness reports in one pass of the engine are noted, once per descriptor, until their turn. */
#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/handle.h"
#include "daemon/object/ready_list.h"
#include "daemon/object/waitable.h"
#include "tests/support/world.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { MANY = READY_LIST_AT_ONCE + 1, TIMES = 10, COPIES = 450, EPOLLS = 500 };

static struct descriptor *descriptors[MANY];

static void nothing(void *context) { (void)context; }

static int begin(void **state) {
    (void)state;
    world_make(MANY);
    world_own(user_ref(&world.users, world.users.own));
    for (int i = 0; i < MANY; i++) {
        struct binding *binding = world_bind(i, eventfd(0, EFD_CLOEXEC));
        struct refusal refusal;
        assert_non_null(waitable_new(binding, OBJECT_SEMAPHORE, DIRECTION_READ, &refusal));
        assert_non_null(waitable_new(binding, OBJECT_EVT, DIRECTION_READ, &refusal)); /* it stays */
        descriptors[i] = bound_descriptor(binding);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    world_disown();
    world_free();
    return 0;
}

static void tell(struct descriptor *descriptor) {
    descriptor_on_ready(descriptor, descriptor->id, ENGINE_READ);
}

static bool has_fired(const struct descriptor *descriptor) {
    return !waitable_find(bound_binding(descriptor), OBJECT_SEMAPHORE, DIRECTION_READ);
}

static void tell_all(void) {
    for (int i = 0; i < MANY; i++)
        tell(descriptors[i]);
}

static void few_are_told_at_once(void **state) {
    struct descriptor *last = descriptors[MANY - 1];
    (void)state;
    tell_all();
    for (int i = 0; i < READY_LIST_AT_ONCE; i++)
        assert_true(has_fired(descriptors[i]));
    assert_false(has_fired(last));
    assert_int_equal(world.owner->ready_list.n, 1);
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_true(has_fired(last));
    assert_int_equal(world.owner->ready_list.n, 0);
}

/* Somebody begins to wait for it again and again, and so does what is told: nothing piles up. */
static void each_is_noted_once(void **state) {
    struct descriptor *last = descriptors[MANY - 1];
    struct refusal refusal;
    (void)state;
    tell_all();
    for (int i = 0; i < TIMES; i++) {
        descriptor_catch_up(last);
        assert_true(has_fired(last));
        assert_non_null(waitable_new(bound_binding(last), OBJECT_SEMAPHORE, DIRECTION_READ, &refusal));
        tell(last);
        assert_false(has_fired(last));
        assert_int_equal(world.owner->ready_list.n, 1);
    }
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_true(has_fired(last));
    /* And it can be noted again. */
    assert_non_null(waitable_new(bound_binding(last), OBJECT_SEMAPHORE, DIRECTION_READ, &refusal));
    tell_all();
    assert_false(has_fired(last));
    assert_int_equal(world.owner->ready_list.n, 1);
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_true(has_fired(last));
}

/* What a uid owes is paid, and its rest is over. */
static void pardon(void) {
    world.owner->lane.owes_until = 0;
    world.owner->lane.rest_until = 1;
}

static void one_that_rests_is_told_later(void **state) {
    struct lane *lane = &world.owner->lane;
    (void)state;
    lane->rest_until = os_now_us() + 1000000000;
    tell(descriptors[0]);
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_false(has_fired(descriptors[0]));
    pardon();
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_true(has_fired(descriptors[0]));
}

/* Many epoll descriptors watch many copies of the handle of a semaphore, which fires between the turns: the kernel wakes them all. */
static void the_watchers_of_a_handle_are_charged(void **state) {
    static int copies[COPIES], epolls[EPOLLS];
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    struct waitable *semaphore =
        waitable_find(bound_binding(descriptors[0]), OBJECT_SEMAPHORE, DIRECTION_READ);
    struct refusal refusal;
    (void)state;
    struct session_objects *asker = semaphore->object.owner;
    struct handle *handle = waitable_new_handle(semaphore, asker, OS_FD_NONE, &refusal);
    assert_non_null(handle);
    assert_int_equal(waitable_set_handle(semaphore, asker, handle, 0), 0);
    for (int i = 0; i < EPOLLS; i++)
        epolls[i] = epoll_create1(EPOLL_CLOEXEC);
    for (int k = 0; k < COPIES; k++) {
        copies[k] = os_dup(handle->fd);
        for (int i = 0; i < EPOLLS; i++)
            assert_return_code(epoll_ctl(epolls[i], EPOLL_CTL_ADD, copies[k], &event), errno);
    }
    assert_false(lane_rests(&world.owner->lane));
    tell(descriptors[0]);
    assert_true(has_fired(descriptors[0]));
    assert_true(lane_rests(&world.owner->lane));
    for (int i = 0; i < EPOLLS; i++)
        os_close(epolls[i]);
    for (int k = 0; k < COPIES; k++)
        os_close(copies[k]);
    pardon();
}

#define READY_LIST_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(READY_LIST_CASE(few_are_told_at_once), READY_LIST_CASE(each_is_noted_once),
          READY_LIST_CASE(one_that_rests_is_told_later),
          READY_LIST_CASE(the_watchers_of_a_handle_are_charged))
