/* test_handles.c: the handles of one object that many sessions have asked for: told in steps when it ends, and dropped in steps. */

#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/access/slots.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/sentry.h"
#include "daemon/object/belongings.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/handle.h"
#include "daemon/object/indicator.h"
#include "daemon/object/objects.h"
#include "daemon/object/pollable.h"
#include "daemon/object/registry.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { OWN = 0, OTHER = 1000, ASKERS = 600, LIMIT = 2000 };

static struct {
    struct slots slots;
    struct users users;
    struct loop *loop;
    struct offload *offload;
    struct closer *closer;
    struct sentries *sentries;
    struct registry registry;
    struct user *owner, *other;
    struct belongings owners, askers[ASKERS];
    struct handle *handles[ASKERS];
    struct indicator *semaphore;
    struct task task; /* of another uid */
    size_t ended_before;
    unsigned ran;
} world;

static void nothing(void *context) { (void)context; }

static void on_ready(void *context, uint64_t token, unsigned events) {
    (void)context;
    (void)token;
    (void)events;
}

static void on_closed(void *context, size_t n_fds) {
    (void)context;
    slots_give(&world.slots, n_fds);
}

/* How many can be polled as ready. */
static size_t count_ready(void) {
    size_t n = 0;
    for (size_t i = 0; i < ASKERS; i++) {
        struct pollfd polled = {.fd = world.handles[i] ? world.handles[i]->fd : -1, .events = POLLIN};
        n += poll(&polled, 1, 0) == 1;
    }
    return n;
}

static void on_turn(struct task *task) {
    (void)task;
    world.ran++;
    world.ended_before = count_ready();
}

static void make_parts(void) {
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
    world.owner = user_ref(&world.users, OWN);
    world.other = user_ref(&world.users, OTHER);
}

static void make_handles(void) {
    struct refusal refusal;
    for (size_t i = 0; i < ASKERS; i++) {
        struct belongings *asker = &world.askers[i];
        belongings_init(asker, &world.registry, world.owner, i + 2, "asker", 1);
        world.handles[i] = indicator_new_handle(world.semaphore, asker, OS_FD_NONE, &refusal);
        assert_non_null(world.handles[i]);
        assert_int_equal(indicator_set_handle(world.semaphore, asker, world.handles[i], 0), 0);
    }
}

static int begin(void **state) {
    struct binding_claim claim;
    struct refusal refusal;
    int fd = eventfd(0, EFD_CLOEXEC);
    uint64_t place;
    (void)state;
    memset(&world, 0, sizeof world);
    make_parts();
    belongings_init(&world.owners, &world.registry, world.owner, 1, "owner", 1);
    assert_int_equal(numbering_get(&world.owners.numberings, 0, &place), 0);
    slots_take(&world.slots, 1);
    assert_int_equal(binding_claim(&world.owners, number_key(place, 5), fd, false, 1, &claim, &refusal), 0);
    world.semaphore = indicator_new(claim.binding, OBJECT_SEMAPHORE, DIRECTION_READ, &refusal);
    assert_non_null(world.semaphore);
    make_handles();
    world.task.step = on_turn;
    return 0;
}

static void end_belongings(struct belongings *belongings) {
    for (int i = 0; i < ASKERS; i++) {
        world.users.turns.left = TURN_UNITS;
        if (belongings_end(belongings, CAUSE_EXPIRED))
            break;
        turns_finish(&world.users.turns);
    }
    belongings_deinit(belongings);
}

static int end(void **state) {
    (void)state;
    end_belongings(&world.owners);
    for (size_t i = 0; i < ASKERS; i++)
        end_belongings(&world.askers[i]);
    (void)sentries_free(world.sentries);
    (void)offload_free(world.offload);
    closer_free(world.closer);
    objects_deinit(&world.registry);
    turn_forget(&world.task);
    user_unref(world.owner);
    user_unref(world.other);
    users_deinit(&world.users, false);
    loop_free(world.loop);
    return 0;
}

static void run_turns(void) {
    while (turns_round(&world.users.turns, nothing, NULL))
        ;
}

static void each_is_found_by_its_session(void **state) {
    struct refusal refusal;
    (void)state;
    for (size_t i = 0; i < ASKERS; i++)
        assert_ptr_equal(indicator_handle(world.semaphore, &world.askers[i]), world.handles[i]);
    assert_null(indicator_handle(world.semaphore, &world.owners));
    struct handle *own = indicator_new_handle(world.semaphore, &world.owners, OS_FD_NONE, &refusal);
    assert_non_null(own);
    assert_int_equal(indicator_set_handle(world.semaphore, &world.owners, own, 0), 0);
    assert_ptr_equal(indicator_handle(world.semaphore, &world.owners), own);
    assert_ptr_equal(indicator_handle(world.semaphore, &world.askers[ASKERS / 2]), world.handles[ASKERS / 2]);
    indicator_end_lent(world.handles[7]);
    world.handles[7] = NULL;
    assert_null(indicator_handle(world.semaphore, &world.askers[7]));
    assert_ptr_equal(indicator_handle(world.semaphore, &world.askers[8]), world.handles[8]);
    assert_ptr_equal(indicator_handle(world.semaphore, &world.owners), own);
}

static void they_are_told_in_steps(void **state) {
    struct descriptor *descriptor = indicator_source(world.semaphore);
    (void)state;
    indicator_end(world.semaphore, CAUSE_REMOVED);
    descriptor_settle(descriptor);
    assert_true(count_ready() < ASKERS);
    assert_true(descriptor_is_passing(descriptor)); /* remove is answered after the last one */
    turn_queue(&world.other->lane, &world.task);
    run_turns();
    assert_int_equal(world.ran, 1);
    assert_in_range(world.ended_before, 1, ASKERS - 1);
    assert_int_equal(count_ready(), ASKERS);
}

/* A session that ends meanwhile takes its own away, and a new one is told at once. */
static void some_go_meanwhile(void **state) {
    (void)state;
    indicator_end(world.semaphore, CAUSE_REMOVED);
    for (size_t i = 0; i < ASKERS; i += 2) {
        indicator_end_lent(world.handles[i]);
        world.handles[i] = NULL;
    }
    run_turns();
    assert_int_equal(count_ready(), ASKERS / 2);
}

static void they_are_dropped_in_steps(void **state) {
    struct descriptor *descriptor = indicator_source(world.semaphore);
    uint64_t id = world.semaphore->object.id, used = world.owner->used[USER_OBJECTS];
    (void)state;
    indicator_end(world.semaphore, CAUSE_REMOVED);
    descriptor_settle(descriptor);
    run_turns();
    assert_int_equal(count_ready(), ASKERS);
    indicator_release(world.semaphore);
    assert_null(registry_find(&world.registry, id));
    assert_non_null(world.askers[0].lent); /* not yet */
    assert_int_equal(world.owner->used[USER_OBJECTS], used);
    run_turns();
    assert_int_equal(world.owner->used[USER_OBJECTS], used - 1);
    for (size_t i = 0; i < ASKERS; i++)
        assert_null(world.askers[i].lent);
}

#define HANDLES_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(HANDLES_CASE(each_is_found_by_its_session), HANDLES_CASE(they_are_told_in_steps),
          HANDLES_CASE(some_go_meanwhile), HANDLES_CASE(they_are_dropped_in_steps))
