/* test_waitable.c: how many create calls and releases a waitable counts. Beyond that nothing is undone, and never too much. */
#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/object/direction.h"
#include "daemon/object/waitable.h"
#include "tests/support/world.h"

#include <sys/eventfd.h>

static struct waitable *evt;

static int begin(void **state) {
    struct refusal refusal;
    (void)state;
    world_make(2000);
    world_own(user_ref(&world.users, world.users.own));
    evt = waitable_new(world_bind(5, eventfd(0, EFD_CLOEXEC)), OBJECT_EVT, DIRECTION_READ, &refusal);
    return evt ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    world_disown();
    world_free();
    return 0;
}

static void the_last_undone_ends_it(void **state) {
    uint64_t id = evt->object.id;
    (void)state;
    uint32_t first = waitable_count_create(evt), second = waitable_count_create(evt);
    waitable_undo_create(evt, first);
    assert_false(evt->ended || evt->released);
    waitable_undo_create(evt, second);
    assert_null(registry_find(&world.registry, id));
}

/* Most of the calls are forgotten, but not that there were more than were undone. */
static void more_calls_than_are_counted(void **state) {
    uint32_t undo = 0;
    (void)state;
    for (int i = 0; i <= UINT16_MAX + 1; i++)
        undo = waitable_count_create(evt);
    for (int i = 0; i <= UINT16_MAX; i++)
        waitable_undo_create(evt, undo);
    assert_false(evt->ended || evt->released);
}

/* A number of long ago is never that of a later call. */
static void more_releases_than_are_counted(void **state) {
    uint32_t first = waitable_count_create(evt);
    (void)state;
    for (int i = 0; i <= UINT16_MAX + 1; i++) {
        waitable_release(evt);
        uint32_t undo = waitable_count_create(evt);
        waitable_undo_create(evt, first);
        assert_false(evt->ended || evt->released);
        if (i > UINT16_MAX) /* it may be that of an earlier one */
            waitable_undo_create(evt, undo);
    }
    assert_false(evt->ended || evt->released);
}

TEST_MAIN(cmocka_unit_test_setup_teardown(the_last_undone_ends_it, begin, end),
          cmocka_unit_test_setup_teardown(more_calls_than_are_counted, begin, end),
          cmocka_unit_test_setup_teardown(more_releases_than_are_counted, begin, end))
