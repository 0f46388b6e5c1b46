/* test_rearmed.c: what the broker watches for whom, when that changes: while a thread of it is still arming what was asked for before, and
 * when one of several that wait has been told or leaves. */
#include "tests/procedures/ports.h"

#include "tests/support/fuse_silent.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

/* Waits on an epoll descriptor into memory that a file server withholds: the kernel keeps its lock meanwhile (test_held_locks.c). */
static struct fuse_silent fuse;

static int hold_body(void *data) {
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fuse.fd, 0);

    if (page == MAP_FAILED)
        return 2;
    (void)epoll_wait(*(int *)data, (struct epoll_event *)(void *)page, 1, -1);
    return 0;
}

static pid_t begin_hold(int *epoll) {
    pid_t child = fixture_fork(hold_body, epoll);

    if (fuse_silent_await(&fuse))
        return child;
    fuse_silent_end(&fuse);
    fail_msg("nobody asks for the page");
    return -1;
}

static void end_hold(pid_t child) {
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_in_range(fixture_reap(child), 0, 1 << 10);
}

/* The thread that arms is held up at another descriptor. Somebody waits to read and then somebody else to write; both are watched for
 * when it goes on. */
static void what_is_asked_for_while_it_is_armed(void **state) {
    portd_client *c = fixture_client(NULL);
    struct epoll_event event = {.events = EPOLLIN};
    int ends[2], pty[2], epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
    portd_ready ready;
    char byte;

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    make_blocking_pipe(ends);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    make_pty(pty);
    portd_id held = ask_evt(c, epoll, READ), in = ask_evt(c, pty[0], READ), out = ask_evt(c, pty[0], WRITE);
    fd_say(ends[1], "a");
    pid_t child = begin_hold(&epoll);
    int looked = portd_wait(c, &held, 1, 0, portd_now(), &ready); /* the thread is stuck */
    struct parked *reader = ask_park_one(c, in, 0), *writer = ask_park_one(c, out, 0);
    /* A look behind theirs is answered once they are armed, as far as the loop is concerned. */
    int behind = portd_wait(c, &in, 1, 0, portd_now(), &ready);
    end_hold(child);
    assert_int_equal(looked, 0);
    assert_int_equal(behind, 0);
    assert_answer(writer, out, READY);
    assert_true(ask_still_parked(reader));
    fd_say(pty[1], "x");
    assert_answer(reader, in, READY);
    assert_int_equal(read(pty[0], &byte, 1), 1);
}

/* What a wait for all was told of and is gone again does not count. */
static void what_was_told_counts_for_all_only_while_it_is_so(void **state) {
    static const unsigned flags[] = {PORTD_WAIT_ALL, PORTD_WAIT_ALL | PORTD_WAIT_ONE};
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id ids[2] = {ask_evt(c, p[0], READ), ask_evt(c, q[0], READ)};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct parked *all = ask_park(c, ids, 2, flags[i]);
        struct parked *first = ask_park_one(c, ids[0], 0), *second = ask_park_one(c, ids[1], 0);
        put(p[1]);
        assert_answer(first, ids[0], READY);
        (void)drain(p[0]);
        put(q[1]);
        assert_answer(second, ids[1], READY);
        assert_true(ask_still_parked(all));
        first = ask_park_one(c, ids[0], 0);
        put(p[1]);
        assert_answer(first, ids[0], READY);
        assert_int_equal(ask_answer(all), 2);
        (void)drain(p[0]);
        (void)drain(q[0]);
    }
}

TEST_MAIN(FIXTURE_CASE(what_is_asked_for_while_it_is_armed),
          FIXTURE_CASE(what_was_told_counts_for_all_only_while_it_is_so))
