/* engine_system.c: what the tests of engine.h ask of Unix. */
#include "engine_case.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

void excite_by_writing(struct pair *pair) { assert_int_equal(write(pair->other, "12345678", 8), 8); }

void pair_close(struct pair *pair) {
    close(pair->fd);
    if (pair->other >= 0)
        close(pair->other);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

void fd_close(os_fd fd) { close(fd); }

unsigned fd_flags(os_fd fd) { return (unsigned)fcntl(fd, F_GETFL); }

void fds_forbid(bool forbid) {
    static struct rlimit before;
    struct rlimit none;

    if (forbid)
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = forbid ? 1 : before.rlim_cur;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

void fd_await(os_fd fd) { (void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1); }

unsigned told_again(void) { return told(); }
