/* deadline_linux.c: deadline.h with a timerfd. */
#define _GNU_SOURCE

#include "deadline.h"

#include <assert.h>
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

int deadline_open(os_fd *fd) {
    *fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return *fd < 0 ? -errno : 0;
}

/* An it_value of 0 would disarm the timer, so a time in the past becomes the first nanosecond. */
void deadline_set(os_fd fd, int64_t when) {
    struct itimerspec time = {{0, 0}, {0, 0}};
    if (when != INT64_MAX && when > 0)
        time.it_value = (struct timespec){when / 1000000, when % 1000000 * 1000};
    else if (when <= 0)
        time.it_value.tv_nsec = 1;
    int result = timerfd_settime(fd, TFD_TIMER_ABSTIME, &time, NULL);
    assert(result == 0);
    (void)result;
}
