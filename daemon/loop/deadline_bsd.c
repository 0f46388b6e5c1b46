/* deadline_bsd.c: there is no such descriptor: the loop's own sleep ends in time. A timer in a kqueue (EVFILT_TIMER) is one of 4096 that all users of
 * FreeBSD and OpenBSD share: whoever takes the rest would stop the timers of the broker. */
#include "deadline.h"

int deadline_open(os_fd *fd) {
    *fd = OS_FD_NONE;
    return 0;
}

bool deadline_set(os_fd fd, int64_t when) {
    (void)fd;
    (void)when;
    return false;
}
