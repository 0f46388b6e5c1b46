/* test_handles.c: handles of one object in many sessions: signalled in steps when it ends, and freed in steps. */
#include "tests/support/test.h"

#include "daemon/access/account.h"
#include "daemon/access/refusal.h"
#include "daemon/object/always_ready.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/handle.h"
#include "daemon/object/pollable.h"
#include "daemon/object/waitable.h"
#include "tests/support/world.h"

#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ASKERS = 600, LIMIT = 2000 };

static struct {
    struct user *other;
    struct session_objects askers[ASKERS];
    struct handle *handles[ASKERS];
    struct waitable *semaphore;
    struct task task; /* of another uid */
    size_t ended_before;
    unsigned ran;
} asked;

/* How many can be polled as ready. */
static size_t count_ready(void) {
    size_t n = 0;
    for (size_t i = 0; i < ASKERS; i++) {
        struct pollfd polled = {.fd = asked.handles[i] ? asked.handles[i]->fd : -1, .events = POLLIN};
        n += poll(&polled, 1, 0) == 1;
    }
    return n;
}

static void on_turn(struct task *task) {
    (void)task;
    asked.ran++;
    asked.ended_before = count_ready();
}

static void make_handles(void) {
    struct refusal refusal;
    for (size_t i = 0; i < ASKERS; i++) {
        struct session_objects *asker = &asked.askers[i];
        session_objects_init(asker, &world.registry, world.owner, i + 2, "asker", 1);
        asked.handles[i] = waitable_new_handle(asked.semaphore, asker, OS_FD_NONE, &refusal);
        assert_non_null(asked.handles[i]);
        assert_int_equal(waitable_set_handle(asked.semaphore, asker, asked.handles[i], 0), 0);
    }
}

static int begin(void **state) {
    struct refusal refusal;
    (void)state;
    memset(&asked, 0, sizeof asked);
    world_make(LIMIT);
    world_own(user_ref(&world.users, world.users.own));
    asked.other = user_ref(&world.users, world.users.own + 1);
    asked.semaphore =
        waitable_new(world_bind(5, eventfd(0, EFD_CLOEXEC)), OBJECT_SEMAPHORE, DIRECTION_READ, &refusal);
    assert_non_null(asked.semaphore);
    make_handles();
    asked.task.step = on_turn;
    return 0;
}

static int end(void **state) {
    (void)state;
    world_disown();
    for (size_t i = 0; i < ASKERS; i++)
        world_end(&asked.askers[i]);
    turn_forget(&asked.task);
    user_unref(asked.other);
    world_free();
    return 0;
}

static void each_is_found_by_its_session(void **state) {
    struct refusal refusal;
    (void)state;
    for (size_t i = 0; i < ASKERS; i++)
        assert_ptr_equal(waitable_handle(asked.semaphore, &asked.askers[i]), asked.handles[i]);
    assert_null(waitable_handle(asked.semaphore, &world.owners));
    struct handle *own = waitable_new_handle(asked.semaphore, &world.owners, OS_FD_NONE, &refusal);
    assert_non_null(own);
    assert_int_equal(waitable_set_handle(asked.semaphore, &world.owners, own, 0), 0);
    assert_ptr_equal(waitable_handle(asked.semaphore, &world.owners), own);
    assert_ptr_equal(waitable_handle(asked.semaphore, &asked.askers[ASKERS / 2]), asked.handles[ASKERS / 2]);
    waitable_end_handle(asked.handles[7]);
    asked.handles[7] = NULL;
    assert_null(waitable_handle(asked.semaphore, &asked.askers[7]));
    assert_ptr_equal(waitable_handle(asked.semaphore, &asked.askers[8]), asked.handles[8]);
    assert_ptr_equal(waitable_handle(asked.semaphore, &world.owners), own);
}

static void they_are_told_in_steps(void **state) {
    struct descriptor *descriptor = waitable_source(asked.semaphore);
    (void)state;
    waitable_end(asked.semaphore, CAUSE_REMOVED);
    descriptor_update(descriptor);
    assert_true(count_ready() < ASKERS);
    assert_true(descriptor_is_passing(descriptor)); /* remove is answered after the last one */
    turn_queue(&asked.other->lane, &asked.task);
    world_turns();
    assert_int_equal(asked.ran, 1);
    assert_in_range(asked.ended_before, 1, ASKERS - 1);
    assert_int_equal(count_ready(), ASKERS);
}

/* A session that ends meanwhile takes its own away, and a new one is told at once. */
static void some_go_meanwhile(void **state) {
    (void)state;
    waitable_end(asked.semaphore, CAUSE_REMOVED);
    for (size_t i = 0; i < ASKERS; i += 2) {
        waitable_end_handle(asked.handles[i]);
        asked.handles[i] = NULL;
    }
    world_turns();
    assert_int_equal(count_ready(), ASKERS / 2);
}

static void they_are_dropped_in_steps(void **state) {
    struct descriptor *descriptor = waitable_source(asked.semaphore);
    uint64_t id = asked.semaphore->object.id, used = world.owner->used[USER_OBJECTS];
    (void)state;
    waitable_end(asked.semaphore, CAUSE_REMOVED);
    descriptor_update(descriptor);
    world_turns();
    assert_int_equal(count_ready(), ASKERS);
    waitable_release(asked.semaphore);
    assert_null(registry_find(&world.registry, id));
    assert_non_null(asked.askers[0].lent); /* not yet */
    assert_int_equal(world.owner->used[USER_OBJECTS], used);
    world_turns();
    assert_int_equal(world.owner->used[USER_OBJECTS], used - 1);
    for (size_t i = 0; i < ASKERS; i++)
        assert_null(asked.askers[i].lent);
}

static size_t used_slots;
static bool its_slots_are_free(void) { return world.fd_table.used == used_slots; }

/* The epoll descriptor that came, and a wakeup; the broker's own user has what makes it ready for ever in any case. */
static void an_attached_one_is_charged(void **state) {
    struct account *account = &asked.askers[0].account;
    const uint64_t used = world.owner->used[USER_DESCRIPTORS], own = account->used[USER_DESCRIPTORS];
    struct refusal refusal;
    (void)state;
    used_slots = world.fd_table.used;
    fd_table_take(&world.fd_table, 1);
    struct handle *handle = handle_new_evt_attached(&asked.askers[0], epoll_create1(EPOLL_CLOEXEC), &refusal);
    assert_non_null(handle);
    assert_int_equal(world.owner->used[USER_DESCRIPTORS], used + 2);
    assert_int_equal(account->used[USER_DESCRIPTORS], own + 2);
    assert_int_equal(world.fd_table.used, used_slots + 2);
    handle_free(handle);
    assert_int_equal(account->used[USER_DESCRIPTORS], own); /* it is its session's no more */
    assert_true(world_until(its_slots_are_free));
    assert_int_equal(world.owner->used[USER_DESCRIPTORS], used);
}

/* The eventfd that came, and nothing else. It is ready only once it is told. */
static void an_attached_one_of_a_semaphore_is_charged(void **state) {
    struct account *account = &asked.askers[0].account;
    const uint64_t used = world.owner->used[USER_DESCRIPTORS], own = account->used[USER_DESCRIPTORS];
    int eventfd_of_client = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    struct pollfd polled = {.fd = eventfd_of_client, .events = POLLIN};
    struct refusal refusal;
    (void)state;
    used_slots = world.fd_table.used;
    fd_table_take(&world.fd_table, 1);
    struct handle *handle = handle_new_semaphore_attached(&asked.askers[0], eventfd_of_client, &refusal);
    assert_non_null(handle);
    assert_int_equal(world.owner->used[USER_DESCRIPTORS], used + 1);
    assert_int_equal(account->used[USER_DESCRIPTORS], own + 1);
    assert_int_equal(world.fd_table.used, used_slots + 1);
    assert_int_equal(poll(&polled, 1, 0), 0);
    handle_free(handle);
    assert_int_equal(account->used[USER_DESCRIPTORS], own);
    assert_true(world_until(its_slots_are_free));
    assert_int_equal(world.owner->used[USER_DESCRIPTORS], used);
}

static bool is_readable(int fd) { return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1; }
static struct handle *last_ended;
static bool the_last_is_ready_for_ever(void) { return last_ended->always_ready; }

/* Whether the kernel polls for who does not wait, and tells an eventfd. */
static bool has_aio(void) {
    int ready = eventfd(1, EFD_CLOEXEC), told = eventfd(0, EFD_CLOEXEC);
    struct iocb poll = {.aio_lio_opcode = IOCB_CMD_POLL,
                        .aio_fildes = (uint32_t)ready,
                        .aio_buf = POLLIN,
                        .aio_flags = IOCB_FLAG_RESFD,
                        .aio_resfd = (uint32_t)told};
    struct iocb *polls[] = {&poll};
    aio_context_t ring = 0;
    bool has = syscall(SYS_io_setup, 1L, &ring) == 0;

    if (has) {
        has = syscall(SYS_io_submit, ring, 1L, polls) == 1;
        (void)syscall(SYS_io_destroy, ring);
    }
    (void)close(ready);
    (void)close(told);
    return has;
}

/* The kernel wakes all watchers within the call that makes a handle readable. */
static void those_of_a_user_with_many_watchers_are_left_to_workers(void **state) {
    enum { NUMBERS = 1000, EPOLLS = 60 };
    int numbers[NUMBERS], epolls[EPOLLS], eventfds[2];
    static struct session_objects session;
    struct handle *handles[2];
    struct refusal refusal;
    struct epoll_event event = {.events = EPOLLIN};
    (void)state;
    used_slots = world.fd_table.used;
    if (!has_aio())
        test_skip("there is no aio, so workers make all handles ready");
    session_objects_init(&session, &world.registry, asked.other, ASKERS + 2, "watcher", 1);
    for (int i = 0; i < 2; i++) {
        eventfds[i] = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
        fd_table_take(&world.fd_table, 1);
        handles[i] = handle_new_semaphore_attached(&session, os_dup(eventfds[i]), &refusal);
        assert_non_null(handles[i]);
    }
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = dup(eventfds[0]);
    for (int e = 0; e < EPOLLS; e++) {
        epolls[e] = epoll_create1(EPOLL_CLOEXEC);
        for (int i = 0; i < NUMBERS; i++)
            assert_int_equal(epoll_ctl(epolls[e], EPOLL_CTL_ADD, numbers[i], &event), 0);
    }
    handle_end(handles[0]);
    assert_true(is_readable(eventfds[0])); /* the first was rung by the loop */
    handle_end(handles[1]);
    assert_false(is_readable(eventfds[1]));
    last_ended = handles[1];
    assert_true(world_until(the_last_is_ready_for_ever));
    assert_true(is_readable(eventfds[1]));
    for (int e = 0; e < EPOLLS; e++)
        os_close(epolls[e]);
    for (int i = 0; i < NUMBERS; i++)
        os_close(numbers[i]);
    for (int i = 0; i < 2; i++) {
        os_close(eventfds[i]);
        handle_free(handles[i]);
    }
    assert_true(world_until(its_slots_are_free));
    world_end(&session);
}

static bool only_spare_ones_have_slots(void) { return world.fd_table.used == used_slots + ALWAYS_READY_IDLE; }

/* Each user has a descriptor of its own that is always ready. Of those not many stay, and nobody has to make a handle for that. */
static void spare_ones_of_many_who_leave_are_closed(void **state) {
    enum { LEAVERS = ALWAYS_READY_IDLE + 20 };
    static struct session_objects leavers[LEAVERS];
    struct user *users[LEAVERS];
    struct handle *handles[LEAVERS];
    struct refusal refusal;

    (void)state;
    used_slots = world.fd_table.used;
    for (unsigned i = 0; i < LEAVERS; i++) {
        users[i] = user_ref(&world.users, world.users.own + 100 + i);
        session_objects_init(&leavers[i], &world.registry, users[i], ASKERS + 2 + i, "leaver", 1);
        fd_table_take(&world.fd_table, 1);
        handles[i] = handle_new_evt_attached(&leavers[i], epoll_create1(EPOLL_CLOEXEC), &refusal);
        assert_non_null(handles[i]);
    }
    for (unsigned i = 0; i < LEAVERS; i++)
        handle_free(handles[i]);
    assert_true(world_until(only_spare_ones_have_slots));
    for (unsigned i = 0; i < LEAVERS; i++) {
        world_end(&leavers[i]);
        user_unref(users[i]);
    }
}

#define HANDLES_CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

TEST_MAIN(HANDLES_CASE(each_is_found_by_its_session), HANDLES_CASE(they_are_told_in_steps),
          HANDLES_CASE(some_go_meanwhile), HANDLES_CASE(they_are_dropped_in_steps),
          HANDLES_CASE(an_attached_one_is_charged), HANDLES_CASE(an_attached_one_of_a_semaphore_is_charged),
          HANDLES_CASE(those_of_a_user_with_many_watchers_are_left_to_workers),
          HANDLES_CASE(spare_ones_of_many_who_leave_are_closed))
