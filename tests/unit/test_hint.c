/* test_hint.c: what a hint that is armed costs, when it cannot be armed, and when its handle goes before its wait. */
#include "tests/support/test.h"

#include "daemon/access/account.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/handle.h"
#include "daemon/object/hint.h"
#include "daemon/object/pollable.h"
#include "daemon/object/waitable.h"
#include "tests/support/world.h"

#include <poll.h>
#include <sys/eventfd.h>

enum { LIMIT = 200, SESSION = 7 };

static struct {
    int counter; /* what the event is of */
    struct waitable *evt;
    struct session_objects asker; /* another session of the same user */
    bool ended;
    struct handle *handle; /* the asker's */
    int copy;              /* of the handle, as the client has it */
} hint;

static bool is_ready(void) { return poll(&(struct pollfd){.fd = hint.copy, .events = POLLIN}, 1, 0) == 1; }

static uint64_t used(enum user_quota slot) {
    assert_int_equal(hint.asker.account.used[slot], world.owner->used[slot]);
    return world.owner->used[slot];
}

static int begin(void **state) {
    struct refusal refusal;

    (void)state;
    assert_int_equal(pollable_evt_form(), POLLABLE_HINT);
    world_make(LIMIT);
    world_own(user_ref(&world.users, world.users.own));
    hint.ended = false;
    hint.counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    hint.evt = waitable_new(world_bind(5, hint.counter), OBJECT_EVT, DIRECTION_READ, &refusal);
    assert_non_null(hint.evt);
    session_objects_init(&hint.asker, &world.registry, world.owner, SESSION, "asker", 1);
    hint.handle = waitable_new_handle(hint.evt, &hint.asker, OS_FD_NONE, &refusal);
    assert_non_null(hint.handle);
    assert_int_equal(waitable_set_handle(hint.evt, &hint.asker, hint.handle, 0), 0);
    hint.copy = dup(hint.handle->fd);
    return 0;
}

static int end(void **state) {
    (void)state;
    world_disown();
    if (!hint.ended)
        world_end(&hint.asker);
    close(hint.copy);
    world_free();
    return 0;
}

static void count(void) { assert_int_equal(eventfd_write(hint.counter, 1), 0); }

static void an_armed_one_is_a_wait_of_the_session(void **state) {
    struct refusal refusal;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hint_arm(hint.handle, &refusal), 0);
        assert_int_equal(hint_arm(hint.handle, &refusal), 0); /* it is that already */
        assert_int_equal(used(USER_WAITS), 1);
        assert_true(used(USER_BYTES) > 0);
        assert_int_equal(world.registry.waits, 1);
        assert_false(is_ready());
        count();
        assert_true(world_until(is_ready));
        assert_int_equal(used(USER_WAITS), 0);
        assert_int_equal(used(USER_BYTES), 0);
        assert_int_equal(world.registry.waits, 0);
        assert_int_equal(eventfd_read(hint.counter, &(eventfd_t){0}), 0);
    }
}

/* Refused, it is as it was. */
static void one_that_cannot_be_armed_stays_readable(void **state) {
    const enum user_quota slots[] = {USER_WAITS, USER_BYTES};
    struct refusal refusal;

    (void)state;
    count();
    assert_int_equal(hint_arm(hint.handle, &refusal), 0);
    assert_true(is_ready());
    assert_int_equal(eventfd_read(hint.counter, &(eventfd_t){0}), 0);
    for (size_t i = 0; i < 2; i++) {
        uint64_t limit = world.users.limits[slots[i]];
        world.users.limits[slots[i]] = 0;
        users_renew_limits(&world.users);
        assert_int_equal(hint_arm(hint.handle, &refusal), -1);
        assert_int_equal(refusal.code, REFUSAL_LIMIT);
        assert_true(is_ready());
        assert_int_equal(used(USER_WAITS), 0);
        world.users.limits[slots[i]] = limit;
        users_renew_limits(&world.users);
    }
    assert_int_equal(hint_arm(hint.handle, &refusal), 0);
    assert_false(is_ready());
}

static bool its_wait_is_done(void) { return used(USER_WAITS) == 0; }

/* Its wait ends later, and touches nothing of it. */
static void a_handle_may_go_first(void **state) {
    struct refusal refusal;

    (void)state;
    assert_int_equal(hint_arm(hint.handle, &refusal), 0);
    waitable_end_handle(hint.handle);
    assert_true(is_ready());
    world_until_idle();
    assert_int_equal(used(USER_WAITS), 1);
    count();
    assert_true(world_until(its_wait_is_done));
}

static bool is_at_end(void) { return read(hint.copy, &(char){0}, 1) == 0; }

/* The end of the object and that of its waits are told one after another: it is rung once, and stays ready. */
static void it_ends_with_its_object(void **state) {
    struct descriptor *descriptor = waitable_source(hint.evt);
    struct refusal refusal;

    (void)state;
    assert_int_equal(hint_arm(hint.handle, &refusal), 0);
    waitable_end(hint.evt, CAUSE_REMOVED);
    descriptor_update(descriptor);
    assert_true(is_ready());
    world_turns();
    assert_int_equal(used(USER_WAITS), 0);
    assert_int_equal(hint_arm(hint.handle, &refusal), 0); /* nothing to wait for */
    assert_int_equal(used(USER_WAITS), 0);
    assert_true(world_until(is_at_end));
    assert_true(is_ready());
}

static void it_ends_with_its_session(void **state) {
    struct refusal refusal;

    (void)state;
    assert_int_equal(hint_arm(hint.handle, &refusal), 0);
    world_end(&hint.asker);
    hint.ended = true;
    assert_true(is_ready());
    assert_int_equal(world.owner->used[USER_WAITS], 0);
    assert_null(hint.evt->handle);
}

#define HINT_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(HINT_CASE(an_armed_one_is_a_wait_of_the_session),
          HINT_CASE(one_that_cannot_be_armed_stays_readable), HINT_CASE(a_handle_may_go_first),
          HINT_CASE(it_ends_with_its_object), HINT_CASE(it_ends_with_its_session))
