/* deadline_bsd.c: deadline.h with a kqueue of its own that has one timer. It is deleted and added again: one that has fired and was not
 * fetched would keep the kqueue readable. */
#include "deadline.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>

enum { TIMER = 1 };

static const int64_t never_us = (int64_t)10 * 365 * 24 * 3600 * 1000 * 1000;

static int set(os_fd fd, int64_t us) {
    struct kevent change;

    EV_SET(&change, TIMER, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
    (void)kevent(fd, &change, 1, NULL, 0, NULL); /* ENOENT: it is not there yet */
    EV_SET(&change, TIMER, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, us, NULL);
    return kevent(fd, &change, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

int deadline_open(os_fd *fd) {
    int error;

    *fd = kqueue();
    if (*fd < 0)
        return -errno;
    error = fcntl(*fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : set(*fd, never_us);
    if (error)
        os_close(*fd);
    return error;
}

/* A microsecond more: the clock may be read between two of them. */
void deadline_set(os_fd fd, int64_t when) {
    int64_t now = os_now_us();
    int64_t us = when == INT64_MAX || when - now > never_us ? never_us : when <= now ? 1 : when - now + 1;
    int error = set(fd, us);

    assert(!error);
    (void)error;
}
