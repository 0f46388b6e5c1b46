/* test_activities.c: what activities and failures of a descriptor do to its waiters, in a broker without connections. */
#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/object/binding.h"
#include "daemon/object/cause.h"
#include "daemon/object/direction.h"
#include "daemon/object/wait.h"
#include "daemon/object/waitable.h"
#include "daemon/object/waitqueue.h"
#include "tests/support/world.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

static int begin(void **state) {
    (void)state;
    world_make(100);
    world_own(user_ref(&world.users, world.users.own));
    return 0;
}

static int end(void **state) {
    (void)state;
    world_disown();
    world_free();
    return 0;
}

static struct waitable *make(int fd, enum object_kind kind) {
    struct refusal refusal;
    struct waitable *waitable = waitable_new(world_bind(fd, fd), kind, DIRECTION_READ, &refusal);

    assert_non_null(waitable);
    return waitable;
}

static bool all_is_closed(void) { return world.fd_table.used == world.used; }

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

static void wait_for(size_t which, struct waitable *evt, bool one) {
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
    struct waitable *evt;

    (void)state;
    n_done = 0;
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
    evt = make(outer, OBJECT_EVT);
    struct descriptor *descriptor = waitable_source(evt);
    world.registry.rounds = INT32_MAX - 1;
    /* One of two is told of it, so the other one's queue knows of it. */
    wait_for(0, evt, true);
    wait_for(1, evt, true);
    assert_true(world_until(two_are_armed));
    descriptor_on_ready(descriptor, descriptor->id, ENGINE_READ);
    assert_true(world_until(one_is_done));
    struct waitqueue *queue = waitqueue_find(descriptor, DIRECTION_READ);
    assert_non_null(queue);
    assert_int_equal(queue->cause, CAUSE_READY);
    for (unsigned bits = 31; bits <= 33; bits++) {
        world.registry.rounds = queue->round + (UINT64_C(1) << bits) + 5; /* those of others */
        wait_for(2, evt, false);
        assert_true(world_until(the_third_is_armed_or_done));
        assert_int_equal(n_done, 1);
        wait_leave(&waits[2].wait);
    }
    wait_leave(&waits[1].wait);
    (void)close(inner);
}

/* ---- what cannot be watched ----------------------------------------------------------------------------------------- */

/* The kernel says so only when it is asked to watch it: the semaphore fires, and the copy goes when nothing refers to it. */
static void what_cannot_be_watched_after_all_is_closed(void **state) {
    struct waitable *semaphore = make(eventfd(0, EFD_CLOEXEC), OBJECT_SEMAPHORE);
    struct descriptor *descriptor = waitable_source(semaphore);
    int file = memfd_create("file", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(dup3(file, descriptor->fd, O_CLOEXEC), descriptor->fd);
    (void)close(file);
    assert_int_equal(descriptor_rearm(descriptor), 0);
    assert_int_equal(semaphore->cause, CAUSE_READY);
    assert_true(descriptor->unwatched);
    assert_true(world_until(all_is_closed));
}

#define ACTIVITIES_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(ACTIVITIES_CASE(an_activity_of_long_ago_is_no_news),
          ACTIVITIES_CASE(what_cannot_be_watched_after_all_is_closed))
