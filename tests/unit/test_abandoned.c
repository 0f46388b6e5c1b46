/* test_abandoned.c: whether a descriptor of this process holds others, and that nobody can delay the answer. */
#define _GNU_SOURCE

#include "tests/support/test.h"

#include "daemon/session/abandoned.h"
#include "proto/os.h"
#include "tests/support/fuse_silent.h"
#include "tests/support/on_socket.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_MS = 10000 /* the server ends later */ };

static void queues_are_found(void **state) {
    uint8_t byte = 0;
    int ends[2], fd = STDIN_FILENO;

    (void)state;
    assert_false(abandoned_inside());
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(on_socket_send(ends[0], &byte, 1, NULL, 0), 1);
    assert_false(abandoned_inside());
    assert_int_equal(on_socket_send(ends[0], &byte, 1, &fd, 1), 1);
    assert_true(abandoned_inside());
    os_close(ends[0]);
    assert_true(abandoned_inside());
    os_close(ends[1]);
    assert_false(abandoned_inside());
}

/* They are told before the number of descriptors in the queue. */
static void a_socket_with_locks_keeps_nobody(void **state) {
    struct flock one = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_false(abandoned_inside());
    for (one.l_start = 0; one.l_start < 80; one.l_start += 2)
        assert_int_equal(fcntl(ends[0], F_OFD_SETLK, &one), 0);
    assert_true(abandoned_inside());
    os_close(ends[0]);
    assert_false(abandoned_inside());
    os_close(ends[1]);
}

static void io_urings_are_assumed_to_hold_some(void **state) {
    struct io_uring_params parameters = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);

    (void)state;
    if (ring < 0)
        test_skip("there is no io_uring here");
    assert_true(abandoned_inside());
    os_close(ring);
}

/* Waits for the epoll into memory that is withheld: the kernel keeps its lock meanwhile. */
static pid_t hold(int epoll, const struct fuse_silent *fuse) {
    pid_t child = fork();

    if (child != 0)
        return child;
    _exit(!fuse_silent_keep_lock(fuse, epoll));
}

/* In a child, since it may be delayed; what it writes is the answer. Its exit waits for the file server. */
static pid_t ask(int *answered) {
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        bool inside = abandoned_inside();
        _exit(write(ends[1], &inside, sizeof inside) != sizeof inside);
    }
    os_close(ends[1]);
    *answered = ends[0];
    return child;
}

static void locks_that_others_hold_are_not_taken(void **state) {
    int status = -1;
    bool inside = true;
    struct epoll_event event = {.events = EPOLLIN};
    struct fuse_silent fuse;

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    int epoll = epoll_create1(EPOLL_CLOEXEC), ready = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ready, &event), 0);
    pid_t holder = hold(epoll, &fuse);
    bool held = fuse_silent_await(&fuse);
    struct pollfd end = {.events = POLLIN};
    pid_t child = ask(&end.fd);
    int in_time = poll(&end, 1, LIMIT_MS);
    ssize_t got = in_time == 1 ? read(end.fd, &inside, sizeof inside) : 0;
    fuse_silent_end(&fuse);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    os_close(end.fd);
    os_close(fuse.fd);
    os_close(epoll);
    os_close(ready);
    assert_true(held);
    assert_int_equal(in_time, 1);
    assert_int_equal(got, sizeof inside);
    assert_false(inside);
    assert_int_equal(status, 0);
}

TEST_MAIN(TEST_CASE(queues_are_found), TEST_CASE(a_socket_with_locks_keeps_nobody),
          TEST_CASE(io_urings_are_assumed_to_hold_some), TEST_CASE(locks_that_others_hold_are_not_taken))
