/* test_pollable.c: handles as a client sees them: a copy that it polls, reads and writes as it likes. */
#include "tests/support/test.h"

#include "daemon/object/pollable.h"
#include "daemon/readiness/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

static os_fd no_wakeup; /* an eventfd needs none */

static bool readable(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLIN};

    assert_in_range(poll(&look, 1, 0), 0, 1);
    return look.revents & POLLIN;
}

static void assert_readable_for_ever(int handle) {
    uint64_t count;

    for (size_t i = 0; i < 1000; i++) {
        assert_true(readable(handle));
        if (read(handle, &count, sizeof(count)) > 0)
            assert_int_equal(count, 1);
    }
    assert_true(readable(handle));
}

static void a_semaphore_is_readable_once_fired(void **state) {
    int handle = pollable_semaphore_new(false, &no_wakeup);

    (void)state;
    assert_true(handle >= 0);
    assert_int_equal(fcntl(handle, F_GETFD), FD_CLOEXEC);
    assert_false(readable(handle));
    if (pollable_semaphore_ring(handle, OS_FD_NONE)) /* not every kernel can */
        assert_true(readable(handle));
    assert_int_equal(pollable_semaphore_end(handle), 0);
    assert_readable_for_ever(handle);
    assert_int_equal(pollable_semaphore_end(handle), 0); /* again is harmless */
    assert_readable_for_ever(handle);
    close(handle);
}

/* What the kernel has told of is taken back before there is no room for more. */
static void a_semaphore_can_be_rung_again_and_again(void **state) {
    int handle = pollable_semaphore_new(false, &no_wakeup);
    uint64_t count;

    (void)state;
    for (size_t i = 0; i < 1000 && pollable_semaphore_ring(handle, OS_FD_NONE); i++) {
        assert_true(readable(handle));
        assert_int_equal(read(handle, &count, sizeof(count)), sizeof(count));
        assert_false(readable(handle));
    }
    close(handle);
}

static void a_semaphore_that_fired_before_is_readable_at_once(void **state) {
    int handle = pollable_semaphore_new(true, &no_wakeup);

    (void)state;
    assert_true(handle >= 0);
    assert_readable_for_ever(handle);
    close(handle);
}

/* Whatever a client wrote to its handle, firing neither blocks nor leaves it drainable. */
static void writing_to_a_semaphore_does_not_keep_it_from_firing(void **state) {
    static const uint64_t counts[] = {1, 1000, UINT64_MAX / 2, UINT64_MAX - 2, UINT64_MAX - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        int handle = pollable_semaphore_new(false, &no_wakeup);
        uint64_t count;
        assert_int_equal(eventfd_write(handle, counts[i]), 0);
        (void)pollable_semaphore_ring(handle, OS_FD_NONE);
        assert_int_equal(pollable_semaphore_end(handle), 0);
        for (size_t turn = 0; turn < 2000; turn++)
            assert_int_equal(read(handle, &count, sizeof(count)), sizeof(count));
        assert_true(readable(handle));
        close(handle);
    }
}

static void on_alarm(int number) { (void)number; }

/* The flags are everybody's: without O_NONBLOCK a full one makes its writer wait. Ringing does not; ending goes on when it is
 * interrupted, as workers are. */
static void a_full_semaphore_that_blocks_holds_nobody_up(void **state) {
    static const uint64_t counts[] = {1, UINT64_MAX / 2, UINT64_MAX - 1};
    struct itimerval soon = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct sigaction interrupt = {.sa_handler = on_alarm}, before;

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &interrupt, &before), 0);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        int handle = pollable_semaphore_new(false, &no_wakeup);
        uint64_t count;
        assert_int_equal(fcntl(handle, F_SETFL, 0), 0);
        assert_int_equal(eventfd_write(handle, counts[i]), 0);
        (void)pollable_semaphore_ring(handle, OS_FD_NONE);
        assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
        int error = pollable_semaphore_end(handle);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(error, 0);
        for (size_t turn = 0; turn < 2000; turn++)
            assert_int_equal(read(handle, &count, sizeof(count)), sizeof(count));
        assert_true(readable(handle));
        close(handle);
    }
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

static void a_semaphore_does_not_fire_when_its_maker_closes_it(void **state) {
    int handle = pollable_semaphore_new(false, &no_wakeup);
    int copy = dup(handle); /* as if it had been passed */

    (void)state;
    close(handle);
    assert_false(readable(copy));
    close(copy);
}

static void what_is_no_handle_cannot_fire(void **state) {
    (void)state;
    assert_false(pollable_semaphore_ring(1000, OS_FD_NONE));
    assert_int_equal(pollable_semaphore_end(1000), -EBADF);
}

static void nonblocking_pair(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

/* One that follows the target; its wakeup stays open. */
static int event_new(int target, unsigned direction, int *wakeup) {
    int handle = pollable_evt_new();

    *wakeup = pollable_wakeup_new();
    assert_int_equal(pollable_evt_fill(handle, *wakeup, pollable_always()), 0);
    assert_int_equal(pollable_evt_follow(handle, target, direction), 0);
    return handle;
}

static void an_event_follows_idle_ready_drained_and_removed(void **state) {
    int ends[2], wakeup;
    char byte;

    (void)state;
    nonblocking_pair(ends);
    int handle = event_new(ends[0], ENGINE_READ, &wakeup);
    assert_int_equal(fcntl(handle, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(wakeup, F_GETFD), FD_CLOEXEC);
    for (size_t turn = 0; turn < 3; turn++) {
        assert_false(readable(handle));
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_true(readable(handle));
        assert_true(readable(handle));
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    assert_false(readable(handle));
    pollable_evt_ring(wakeup);
    assert_readable_for_ever(handle);
    assert_int_equal(pollable_evt_end(handle, pollable_always()), 0);
    close(wakeup);
    assert_readable_for_ever(handle);
    close(ends[0]);
    close(ends[1]);
    assert_readable_for_ever(handle);
    close(handle);
}

/* An epoll is one handle at most; what has been taken back may be filled anew, and cannot be made ready any more. */
static void an_event_is_filled_once(void **state) {
    int handle = pollable_evt_new(), wakeups[2] = {pollable_wakeup_new(), pollable_wakeup_new()};

    (void)state;
    assert_int_equal(pollable_evt_fill(handle, wakeups[0], pollable_always()), 0);
    assert_int_equal(pollable_evt_fill(handle, wakeups[1], pollable_always()), -EEXIST);
    pollable_evt_ring(wakeups[1]);
    assert_false(readable(handle)); /* that wakeup is not in it */
    pollable_evt_clear(handle, wakeups[0], pollable_always());
    pollable_evt_ring(wakeups[0]);
    assert_false(readable(handle));
    assert_int_equal(pollable_evt_end(handle, pollable_always()), 0);
    assert_false(readable(handle));
    assert_int_equal(pollable_evt_fill(handle, wakeups[1], pollable_always()), 0);
    assert_true(readable(handle));
    close(wakeups[0]);
    close(wakeups[1]);
    assert_false(readable(handle));
    assert_int_equal(pollable_evt_end(handle, pollable_always()), 0);
    assert_readable_for_ever(handle);
    close(handle);
}

static void what_is_no_epoll_is_not_filled(void **state) {
    int wakeup = pollable_wakeup_new(), other = pollable_wakeup_new();

    (void)state;
    assert_int_equal(pollable_evt_fill(other, wakeup, pollable_always()), -EINVAL);
    assert_int_equal(pollable_evt_end(other, pollable_always()), -EINVAL);
    close(wakeup);
    close(other);
}

static void an_event_of_writing_follows_room(void **state) {
    static char bytes[4096];
    int ends[2], wakeup;

    (void)state;
    nonblocking_pair(ends);
    int handle = event_new(ends[0], ENGINE_WRITE, &wakeup);
    assert_true(readable(handle));
    while (write(ends[0], bytes, sizeof(bytes)) > 0)
        ;
    assert_false(readable(handle));
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0); /* half-close is a matter of reading */
    assert_false(readable(handle));
    while (read(ends[1], bytes, sizeof(bytes)) > 0)
        ;
    assert_true(readable(handle));
    close(wakeup);
    close(handle);
    close(ends[0]);
    close(ends[1]);
}

static void an_event_tells_a_hang_up_whatever_its_direction(void **state) {
    int ends[2], wakeup;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int handle = event_new(ends[0], ENGINE_WRITE, &wakeup);
    assert_false(readable(handle));
    close(ends[1]);
    assert_true(readable(handle));
    close(wakeup);
    close(handle);
    close(ends[0]);
}

static void what_cannot_be_watched_is_told(void **state) {
    char path[] = "/tmp/test_pollable.XXXXXX";
    int targets[] = {open("/dev/null", O_RDONLY | O_CLOEXEC), mkstemp(path)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int handle = pollable_evt_new(), wakeup = pollable_wakeup_new();
        assert_int_equal(pollable_evt_fill(handle, wakeup, pollable_always()), 0);
        assert_int_equal(pollable_evt_follow(handle, targets[i], ENGINE_READ), -EPERM);
        assert_false(readable(handle));
        close(handle);
        close(wakeup);
        close(targets[i]);
    }
    assert_int_equal(unlink(path), 0);
}

static void a_cycle_is_refused(void **state) {
    struct epoll_event event = {.events = EPOLLIN};
    int chain[8], handle = pollable_evt_new(), wakeup = pollable_wakeup_new();
    size_t deep = 0;

    (void)state;
    /* As deep as the kernel allows: one level more, and the handle would be it, is ELOOP. */
    chain[0] = epoll_create1(EPOLL_CLOEXEC);
    for (deep = 1; deep < 8; deep++) {
        chain[deep] = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ctl(chain[deep], EPOLL_CTL_ADD, chain[deep - 1], &event) < 0)
            break;
    }
    assert_in_range(deep, 2, 7);
    assert_int_equal(pollable_evt_fill(handle, wakeup, pollable_always()), 0);
    assert_int_equal(pollable_evt_follow(handle, chain[deep - 1], ENGINE_READ), -ELOOP);
    close(handle);
    close(wakeup);
    for (size_t i = 0; i <= deep; i++)
        close(chain[i]);
}

/* The handle is of the kernel: it goes on when the process that made it is gone. */
static void an_event_outlives_its_maker(void **state) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {
        .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec byte = {.iov_base = (char[1]){'x'}, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)};
    int ends[2], wire[2], handle, status;

    (void)state;
    nonblocking_pair(ends);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int made = pollable_evt_new();
        int error = pollable_evt_fill(made, pollable_wakeup_new(), pollable_always()) ||
                    pollable_evt_follow(made, ends[0], ENGINE_READ);
        memcpy(CMSG_DATA(&control.header), &made, sizeof(made));
        _exit(error || sendmsg(wire[1], &message, 0) != 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(recvmsg(wire[0], &message, MSG_CMSG_CLOEXEC), 1);
    memcpy(&handle, CMSG_DATA(&control.header), sizeof(handle));
    assert_false(readable(handle));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(readable(handle));
    int all[] = {ends[0], ends[1], wire[0], wire[1], handle};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
}

/* The descriptor that is always ready belongs to the process for good: made before the cases are counted. */
static int make_what_stays(void) { return pollable_init(); }

int main(void) {
    struct CMUnitTest cases[] = {
        TEST_CASE(a_semaphore_is_readable_once_fired),
        TEST_CASE(a_semaphore_can_be_rung_again_and_again),
        TEST_CASE(a_semaphore_that_fired_before_is_readable_at_once),
        TEST_CASE(writing_to_a_semaphore_does_not_keep_it_from_firing),
        TEST_CASE(a_full_semaphore_that_blocks_holds_nobody_up),
        TEST_CASE(a_semaphore_does_not_fire_when_its_maker_closes_it),
        TEST_CASE(what_is_no_handle_cannot_fire),
        TEST_CASE(an_event_follows_idle_ready_drained_and_removed),
        TEST_CASE(an_event_is_filled_once),
        TEST_CASE(what_is_no_epoll_is_not_filled),
        TEST_CASE(an_event_of_writing_follows_room),
        TEST_CASE(an_event_tells_a_hang_up_whatever_its_direction),
        TEST_CASE(what_cannot_be_watched_is_told),
        TEST_CASE(a_cycle_is_refused),
        TEST_CASE(an_event_outlives_its_maker),
    };

    if (make_what_stays())
        return EXIT_FAILURE;
    return TEST_RUN(cases);
}
