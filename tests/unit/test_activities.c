/* test_activities.c: what a descriptor's activities and failures mean for those who wait for it, in a broker without connections. */

#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/access/slots.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/offload.h"
#include "daemon/loop/sentry.h"
#include "daemon/object/belongings.h"
#include "daemon/object/binding.h"
#include "daemon/object/cause.h"
#include "daemon/object/direction.h"
#include "daemon/object/indicator.h"
#include "daemon/object/objects.h"
#include "daemon/object/registry.h"
#include "daemon/object/wait.h"
#include "daemon/object/waitqueue.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

enum { LIMIT = 2000, PATIENCE_US = 20000000 };

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
    uint64_t place;
    struct loop_timer timer;
    bool (*until)(void);
} world;

static void nothing(void *context) { (void)context; }

static void on_ready(void *context, uint64_t token, unsigned events) {
    struct object *object = registry_find(&world.registry, token);
    (void)context;
    if (object)
        descriptor_on_ready(bound_of_object(object), token, events);
}

static void on_closed(void *context, size_t n_fds) {
    (void)context;
    slots_give(&world.slots, n_fds);
}

static void on_late(struct loop_timer *timer) {
    (void)timer;
    fail_msg("nothing happened");
}

static int64_t on_round(void *context) {
    (void)context;
    bool more = turns_round(&world.users.turns, nothing, NULL);
    if (world.until())
        loop_stop(world.loop);
    return more ? 0 : INT64_MAX;
}

static void run(bool (*until)(void)) {
    world.until = until;
    assert_int_equal(loop_timer_set(world.loop, &world.timer, os_now_us() + PATIENCE_US), 0);
    assert_int_equal(loop_run(world.loop), 0);
    loop_timer_clear(&world.timer);
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
    assert_int_equal(users_init(&world.users, 0, &world.slots, 1), 0);
    const struct env env = {.loop = world.loop,
                            .engine = loop_engine(world.loop),
                            .offload = world.offload,
                            .closer = world.closer,
                            .sentries = world.sentries,
                            .slots = &world.slots,
                            .users = &world.users};
    assert_int_equal(objects_init(&world.registry, &env), 0);
    loop_ready(world.loop, on_ready, NULL);
    loop_round(world.loop, on_round, NULL);
    world.timer.fn = on_late;
    world.owner = user_ref(&world.users, 0);
    belongings_init(&world.owners, &world.registry, world.owner, 1, "owner", 1);
    assert_int_equal(numbering_get(&world.owners.numberings, 0, &world.place), 0);
    return 0;
}

static bool all_is_closed(void) { return !world.registry.bounds.used; }

static int end(void **state) {
    (void)state;
    world.users.turns.left = 1000;
    while (!belongings_end(&world.owners, CAUSE_EXPIRED))
        turns_finish(&world.users.turns);
    belongings_deinit(&world.owners);
    if (world.registry.bounds.used)
        run(all_is_closed);
    turns_finish(&world.users.turns);
    loop_timer_free(&world.timer);
    (void)sentries_free(world.sentries);
    (void)offload_free(world.offload);
    closer_free(world.closer);
    objects_deinit(&world.registry);
    user_unref(world.owner);
    users_deinit(&world.users, false);
    loop_free(world.loop);
    return 0;
}

static struct indicator *make(int fd, enum object_kind kind) {
    struct binding_claim claim;
    struct refusal refusal;

    assert_true(fd >= 0);
    slots_take(&world.slots, 1);
    assert_int_equal(
        binding_claim(&world.owners, number_key(world.place, fd), fd, false, 1, &claim, &refusal), 0);
    struct indicator *indicator = indicator_new(claim.binding, kind, DIRECTION_READ, &refusal);
    assert_non_null(indicator);
    return indicator;
}

/* ---- activities that are counted ------------------------------------------------------------------------------------ */

static union {
    struct wait_request wait;
    char memory[sizeof(struct wait_request) + sizeof(struct wait_target)];
} waits[3];
static size_t n_done;

static void on_done(struct wait_request *wait) {
    (void)wait;
    n_done++;
}

static void wait_for(size_t which, struct indicator *evt, bool one) {
    struct refusal refusal;
    struct wait_request *wait = wait_init(&waits[which], &world.owners, 1);

    wait->one = one;
    wait->done = on_done;
    wait->targets[0].of = evt;
    wait->targets[0].id = evt->object.id;
    assert_int_equal(wait_begin(wait, -1, &refusal), 0);
}

static bool is_armed(size_t which) { return waits[which].wait.targets[0].armed; }

static bool two_are_armed(void) { return is_armed(0) && is_armed(1); }

static bool one_is_done(void) { return n_done == 1; }

static bool the_third_is_armed_or_done(void) { return n_done > 1 || is_armed(2); }

/* Of an epoll descriptor a thread is asked, and who waits is told at once if there was an activity since. What was long before, by two thousand
 * million activities of others, is not since. */
static void an_activity_of_long_ago_is_no_news(void **state) {
    int inner = eventfd(0, EFD_CLOEXEC), outer = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    struct indicator *evt;

    (void)state;
    n_done = 0;
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
    evt = make(outer, OBJECT_EVT);
    struct descriptor *descriptor = indicator_source(evt);
    world.registry.rounds = INT32_MAX - 1;
    /* One of two is told of it, so the other one's queue knows of it. */
    wait_for(0, evt, true);
    wait_for(1, evt, true);
    run(two_are_armed);
    descriptor_on_ready(descriptor, descriptor->id, ENGINE_READ);
    run(one_is_done);
    struct waitqueue *queue = waitqueue_find(descriptor, DIRECTION_READ);
    assert_non_null(queue);
    assert_int_equal(queue->cause, CAUSE_READY);
    for (unsigned bits = 31; bits <= 33; bits++) {
        world.registry.rounds = queue->round + (UINT64_C(1) << bits) + 5; /* those of others */
        wait_for(2, evt, false);
        run(the_third_is_armed_or_done);
        assert_int_equal(n_done, 1);
        wait_leave(&waits[2].wait);
    }
    wait_leave(&waits[1].wait);
    (void)close(inner);
}

/* ---- what cannot be watched ----------------------------------------------------------------------------------------- */

/* The kernel says so only when it is asked to watch it: the semaphore fires, and the copy goes when nothing refers to it. */
static void what_cannot_be_watched_after_all_is_closed(void **state) {
    struct indicator *semaphore = make(eventfd(0, EFD_CLOEXEC), OBJECT_SEMAPHORE);
    struct descriptor *descriptor = indicator_source(semaphore);
    int file = memfd_create("file", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(dup3(file, descriptor->fd, O_CLOEXEC), descriptor->fd);
    (void)close(file);
    assert_int_equal(descriptor_rearm(descriptor), 0);
    assert_int_equal(semaphore->cause, CAUSE_READY);
    assert_true(descriptor->unwatched);
    run(all_is_closed);
    assert_int_equal(world.slots.used, 0);
}

#define ACTIVITIES_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(ACTIVITIES_CASE(an_activity_of_long_ago_is_no_news),
          ACTIVITIES_CASE(what_cannot_be_watched_after_all_is_closed))
