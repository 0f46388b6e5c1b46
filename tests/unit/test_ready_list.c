/* test_ready_list.c: many readiness reports in one pass of the engine are noted, once per descriptor, until their turn. */
#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/ready_list.h"
#include "daemon/object/waitable.h"
#include "tests/support/world.h"

#include <sys/eventfd.h>

enum { MANY = READY_LIST_AT_ONCE + 1, TIMES = 10 };

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

#define READY_LIST_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(READY_LIST_CASE(few_are_told_at_once), READY_LIST_CASE(each_is_noted_once))
