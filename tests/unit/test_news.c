/* test_news.c: what the engine tells of many descriptors in one pass is noted, once for each, until its turn. */

#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/access/slots.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "daemon/loop/sentry.h"
#include "daemon/object/belongings.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/indicator.h"
#include "daemon/object/news.h"
#include "daemon/object/objects.h"
#include "daemon/object/registry.h"

#include <sys/eventfd.h>

enum { OWN = 0, MANY = NEWS_AT_ONCE + 1, LIMIT = 2000, TIMES = 10 };

static struct {
    struct slots slots;
    struct users users;
    struct loop *loop;
    struct offload *offload;
    struct closer *closer;
    struct sentries *sentries;
    struct registry registry;
    struct user *owner;
    struct belongings owners;
    struct descriptor *descriptors[MANY];
} world;

static void nothing(void *context) { (void)context; }

static void on_ready(void *context, uint64_t token, unsigned events) {
    (void)context;
    (void)token;
    (void)events;
}

static void on_closed(void *context, size_t n_fds) {
    (void)context;
    (void)n_fds;
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
    world.owner = user_ref(&world.users, OWN);
}

static int begin(void **state) {
    uint64_t place;
    (void)state;
    memset(&world, 0, sizeof world);
    make_parts();
    belongings_init(&world.owners, &world.registry, world.owner, 1, "owner", 1);
    assert_int_equal(numbering_get(&world.owners.numberings, 0, &place), 0);
    for (int i = 0; i < MANY; i++) {
        struct binding_claim claim;
        struct refusal refusal;
        slots_take(&world.slots, 1);
        assert_int_equal(binding_claim(&world.owners, number_key(place, i), eventfd(0, EFD_CLOEXEC), false, 1,
                                       &claim, &refusal),
                         0);
        assert_non_null(indicator_new(claim.binding, OBJECT_SEMAPHORE, DIRECTION_READ, &refusal));
        assert_non_null(indicator_new(claim.binding, OBJECT_EVT, DIRECTION_READ, &refusal)); /* it stays */
        world.descriptors[i] = bound_descriptor(claim.binding);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    world.users.turns.left = 1000;
    while (!belongings_end(&world.owners, CAUSE_EXPIRED))
        turns_finish(&world.users.turns);
    belongings_deinit(&world.owners);
    turns_finish(&world.users.turns);
    (void)sentries_free(world.sentries);
    (void)offload_free(world.offload);
    closer_free(world.closer);
    objects_deinit(&world.registry);
    user_unref(world.owner);
    users_deinit(&world.users, false);
    loop_free(world.loop);
    return 0;
}

static void tell(struct descriptor *descriptor) {
    descriptor_on_ready(descriptor, descriptor->id, ENGINE_READ);
}

static bool has_fired(const struct descriptor *descriptor) {
    return !indicator_find(bound_binding(descriptor), OBJECT_SEMAPHORE, DIRECTION_READ);
}

static void tell_all(void) {
    for (int i = 0; i < MANY; i++)
        tell(world.descriptors[i]);
}

static void few_are_told_at_once(void **state) {
    struct descriptor *last = world.descriptors[MANY - 1];
    (void)state;
    tell_all();
    for (int i = 0; i < NEWS_AT_ONCE; i++)
        assert_true(has_fired(world.descriptors[i]));
    assert_false(has_fired(last));
    assert_int_equal(world.owner->news.n, 1);
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_true(has_fired(last));
    assert_int_equal(world.owner->news.n, 0);
}

/* Somebody begins to wait for it again and again, and so does what is told: nothing piles up. */
static void each_is_noted_once(void **state) {
    struct descriptor *last = world.descriptors[MANY - 1];
    struct refusal refusal;
    (void)state;
    tell_all();
    for (int i = 0; i < TIMES; i++) {
        descriptor_catch_up(last);
        assert_true(has_fired(last));
        assert_non_null(indicator_new(bound_binding(last), OBJECT_SEMAPHORE, DIRECTION_READ, &refusal));
        tell(last);
        assert_false(has_fired(last));
        assert_int_equal(world.owner->news.n, 1);
    }
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_true(has_fired(last));
    /* And it can be noted again. */
    assert_non_null(indicator_new(bound_binding(last), OBJECT_SEMAPHORE, DIRECTION_READ, &refusal));
    tell_all();
    assert_false(has_fired(last));
    assert_int_equal(world.owner->news.n, 1);
    (void)turns_round(&world.users.turns, nothing, NULL);
    assert_true(has_fired(last));
}

#define NEWS_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(NEWS_CASE(few_are_told_at_once), NEWS_CASE(each_is_noted_once))
