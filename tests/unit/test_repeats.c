/* test_repeats.c: waits for all that repeat an id, whose descriptor becomes idle while the broker looks at its targets. poll(2) visits its
 * entries one after another, so two entries for one descriptor can differ. Here they do, by an engine_probe of this file. */
#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/wait.h"
#include "daemon/object/waitable.h"
#include "daemon/readiness/engine.h"
#include "tests/support/world.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TARGETS = 3 };

static int drained; /* the descriptor that is read after the first entry of a probe */

static void drain(void) {
    uint64_t value;

    (void)!read(drained, &value, sizeof value);
}

int engine_probe(struct engine_probe *probes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct pollfd one = {.fd = probes[i].fd, .events = POLLIN};
        if (poll(&one, 1, 0) < 0)
            return -errno;
        probes[i].events = one.revents & POLLIN ? ENGINE_READ : 0;
        drain();
    }
    return 0;
}

static union {
    struct wait_request wait;
    char memory[sizeof(struct wait_request) + TARGETS * sizeof(struct wait_target)];
} all;
static struct waitable *waitable;
static bool done;

static void on_done(struct wait_request *wait) {
    (void)wait;
    done = true;
}

static bool is_done(void) { return done; }

static int begin(void **state) {
    struct refusal refusal;

    (void)state;
    world_make(100);
    world_own(user_ref(&world.users, world.users.own));
    drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    waitable = waitable_new(world_bind(drained, drained), OBJECT_EVT, DIRECTION_READ, &refusal);
    assert_non_null(waitable);
    struct wait_request *wait = wait_init(&all, &world.owners, TARGETS);
    wait->all = true;
    wait->done = on_done;
    for (size_t i = 0; i < TARGETS; i++) {
        wait->targets[i].of = waitable;
        wait->targets[i].id = waitable->object.id;
    }
    done = false;
    return 0;
}

static int end(void **state) {
    (void)state;
    world_disown();
    world_free();
    return 0;
}

static void activity(void) { assert_int_equal(eventfd_write(drained, 1), 0); }

static void check_all_are_ready(void) {
    assert_int_equal(all.wait.ready, TARGETS);
    for (size_t i = 0; i < TARGETS; i++)
        assert_int_equal(all.wait.targets[i].cause, CAUSE_READY);
}

static void ready_at_first(void **state) {
    struct refusal refusal;

    (void)state;
    activity();
    assert_int_equal(wait_begin(&all.wait, -1, &refusal), 1);
    check_all_are_ready();
    wait_leave(&all.wait);
}

static void ready_later(void **state) {
    struct refusal refusal;

    (void)state;
    assert_int_equal(wait_begin(&all.wait, -1, &refusal), 0);
    activity();
    assert_true(world_until(is_done));
    check_all_are_ready();
}

/* The number is that of a descriptor which cannot be watched by the time it is armed again: all repeats are answered with the same cause. */
static void not_armed_again(void **state) {
    int path = open("/", O_PATH | O_CLOEXEC);
    struct refusal refusal;

    (void)state;
    assert_int_equal(wait_begin(&all.wait, -1, &refusal), 0);
    assert_int_equal(dup3(path, drained, O_CLOEXEC), drained);
    os_close(path);
    descriptor_on_ready(waitable_source(waitable), waitable_source(waitable)->id, ENGINE_READ);
    assert_true(world_until(is_done));
    assert_int_equal(all.wait.ready, TARGETS);
    for (size_t i = 0; i < TARGETS; i++)
        assert_int_equal(all.wait.targets[i].cause, CAUSE_RESYNC);
}

#define REPEATS_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(REPEATS_CASE(ready_at_first), REPEATS_CASE(ready_later), REPEATS_CASE(not_armed_again))
