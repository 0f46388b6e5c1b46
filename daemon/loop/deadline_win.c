/* deadline_win.c: deadline.h with a waitable timer, manual-reset: it stays signalled until it is set again. It is always set for some time,
 * since a timer that is cancelled stays signalled, too.
 *
 * The time is relative, since an absolute one would follow the wall clock. Windows may then count from its last tick, so the timer can be early by one:
 * who is woken looks at the clock. */
#include "deadline.h"

#include <errno.h>
#include <windows.h>

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 2 /* later than the tool chain's headers */
#endif

static const int64_t never_us = (int64_t)10 * 365 * 24 * 3600 * 1000 * 1000;

static bool set(HANDLE timer, int64_t us) {
    LARGE_INTEGER due = {.QuadPart = -us * 10};

    return SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE);
}

/* Without high resolution (before Windows 10 1803) it is as exact as a tick, some 16 ms. */
int deadline_open(os_fd *fd) {
    HANDLE timer = CreateWaitableTimerExW(
        NULL, NULL, CREATE_WAITABLE_TIMER_MANUAL_RESET | CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
        TIMER_ALL_ACCESS);

    if (!timer)
        timer = CreateWaitableTimerW(NULL, TRUE, NULL);
    *fd = timer ? timer : OS_FD_NONE;
    if (!timer)
        return -ENOMEM;
    if (set(timer, never_us))
        return 0;
    os_close(timer);
    *fd = OS_FD_NONE;
    return -ENOMEM;
}

/* A microsecond more: the clock may be read between two of them. */
bool deadline_set(os_fd fd, int64_t when) {
    int64_t now = os_now_us();
    int64_t us = when <= now ? 1 : when - now > never_us ? never_us : when - now + 1;

    return set(fd, us);
}
