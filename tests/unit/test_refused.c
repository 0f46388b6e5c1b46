/* test_refused.c: transport_send where the kernel refuses descriptors as NetBSD and OpenBSD do. Their kernels are played here (the linker's --wrap). */
#include "tests/support/test.h"

#include "proto/frame.h"
#include "tests/support/on_socket.h"

#include <sys/socket.h>

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static int refusals, refused_with; /* so many calls, with that errno */

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    if (refusals == 0)
        return __real_sendmsg(fd, message, flags);
    refusals--;
    errno = refused_with;
    return -1;
}

static ptrdiff_t send_after(const int pair[2], int n, int error) {
    refusals = n;
    refused_with = error;
    ptrdiff_t sent = on_socket_send(pair[0], "x", 1, pair, 1);
    refusals = 0;
    return sent;
}

static void the_kernels_refusals_are_told_apart(void **state) {
    bool netbsd = strcmp(TEST_NAME, "refused_netbsd") == 0;
    int pair[2];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), errno);
    assert_int_equal(send_after(pair, 1, EMFILE), netbsd ? -EMFILE : -ETOOMANYREFS);
    assert_int_equal(send_after(pair, 1, E2BIG), netbsd ? -E2BIG : -EMSGSIZE);
    assert_int_equal(send_after(pair, 1, EPIPE), -EPIPE);
    assert_int_equal(send_after(pair, 2, EAGAIN), netbsd ? -ETOOMANYREFS : -EAGAIN);
    assert_int_equal(send_after(pair, 1, EAGAIN), netbsd ? 1 : -EAGAIN); /* there was none, and is now */
    while (on_socket_send(pair[0], "x", 1, NULL, 0) == 1)
        continue;
    assert_int_equal(send_after(pair, 0, 0), -EAGAIN); /* there is none */
    os_close(pair[0]);
    os_close(pair[1]);
}

TEST_MAIN(TEST_CASE(the_kernels_refusals_are_told_apart))
