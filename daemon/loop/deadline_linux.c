/* deadline_linux.c: deadline.h with a timerfd. */
#define _GNU_SOURCE

#include "deadline.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

int deadline_open(os_fd *fd) {
    *fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return *fd < 0 ? -errno : 0;
}

/* What is further than 68 years away counts as this: the most that 32 bits can say. */
static const int64_t longest_us = INT64_C(1000000) * INT32_MAX;

/* An it_value of 0 would disarm the timer, so a time in the past becomes the first nanosecond. */
bool deadline_set(os_fd fd, int64_t when) {
    struct itimerspec time = {{0, 0}, {0, 0}};
    if (when != INT64_MAX && when > 0) {
        int64_t at = when < longest_us ? when : longest_us;
        time.it_value = (struct timespec){(time_t)(at / 1000000), (long)(at % 1000000) * 1000};
    } else if (when <= 0) {
        time.it_value.tv_nsec = 1;
    }
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &time, NULL) == 0;
}
