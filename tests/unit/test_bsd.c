/* Files for the BSDs and macOS that call nothing but POSIX: they run here as they would there. pollable_bsd.c, wakeup_make_bsd.c, direct_bsd.c,
 * calls_unix.c. */
#include "client/wakeup.h"
#include "daemon/object/pollable.h"
#include "proto/calls.h"
#include "proto/direct_unix.h"
#include "proto/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_ready(os_fd fd) { return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1; }

static void drain(os_fd fd) {
    char bytes[64];

    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
}

static void semaphore_rings_then_stays_ready(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup);

    (void)state;
    assert_int_equal(pollable_semaphore_fds(), 2);
    assert_true(handle != OS_FD_NONE && wakeup != OS_FD_NONE);
    assert_false(is_ready(handle));
    assert_false(pollable_semaphore_fire(handle)); /* a worker does it */
    assert_true(pollable_semaphore_ring(handle, wakeup));
    assert_true(is_ready(handle));
    drain(handle);
    assert_false(is_ready(handle));
    assert_int_equal(pollable_semaphore_end(handle), 0);
    os_close(wakeup);
    assert_true(is_ready(handle));
    drain(handle);
    assert_true(is_ready(handle));
    os_close(handle);
}

static void semaphore_that_has_fired_is_ready(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(true, &wakeup);

    (void)state;
    assert_int_equal(wakeup, OS_FD_NONE);
    assert_true(is_ready(handle));
    assert_true(pollable_semaphore_ring(handle, wakeup));
    os_close(handle);
}

/* A holder that never reads cannot make the loop wait. */
static void full_semaphore_does_not_wait(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup);

    (void)state;
    for (int i = 0; i < 100 * 1000; i++)
        assert_true(pollable_semaphore_ring(handle, wakeup));
    assert_true(is_ready(handle));
    os_close(wakeup);
    os_close(handle);
}

static void nothing_follows_a_descriptor(void **state) {
    (void)state;
    assert_int_equal(pollable_init(), 0);
    assert_true(is_ready(pollable_always()));
    assert_int_equal(pollable_semaphore_form(), POLLABLE_PIPE);
    assert_int_equal(pollable_evt_form(), POLLABLE_NONE);
    assert_int_equal(pollable_evt_new(), OS_FD_NONE);
    assert_int_equal(pollable_evt_follow(0, 1, 1), -ENOTSUP);
}

static void wakeup_is_taken_whole(void **state) {
    struct wakeup wakeup;

    (void)state;
    assert_int_equal(wakeup_init(&wakeup), 0);
    assert_int_not_equal(wakeup.handle, wakeup.writable);
    for (int i = 0; i < 100; i++)
        wakeup_raise(&wakeup);
    assert_true(is_ready(wakeup.handle));
    wakeup_take(&wakeup);
    assert_false(is_ready(wakeup.handle));
    for (int i = 0; i < 100 * 1000; i++)
        wakeup_raise(&wakeup);
    wakeup_take(&wakeup);
    assert_false(is_ready(wakeup.handle));
    os_fd was = wakeup.writable;
    wakeup_deinit(&wakeup);
    assert_int_equal(fcntl(was, F_GETFD), -1);
}

static void calls_are_the_systems(void **state) {
    int ends[2];
    char byte = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(direct_send(ends[0], "a", 1, calls_send_flags), 1);
    assert_int_equal(direct_recv(ends[1], &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(byte, 'a');
    os_close(ends[1]);
    assert_int_equal(direct_send(ends[0], "a", 1, calls_send_flags), -1);
    assert_int_equal(errno, EPIPE);
    os_close(ends[0]);
    assert_int_equal(calls_pipe(ends, true), 0);
    assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    os_close(ends[0]);
    os_close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(semaphore_rings_then_stays_ready),
                                       cmocka_unit_test(semaphore_that_has_fired_is_ready),
                                       cmocka_unit_test(full_semaphore_does_not_wait),
                                       cmocka_unit_test(nothing_follows_a_descriptor),
                                       cmocka_unit_test(wakeup_is_taken_whole),
                                       cmocka_unit_test(calls_are_the_systems)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
