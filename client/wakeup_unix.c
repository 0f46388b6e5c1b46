/* wakeup_unix.c: poll(2) on the connection and a descriptor that is written to. */
#define _GNU_SOURCE

#include "wakeup.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

int wakeup_init(struct wakeup *wakeup) { return wakeup_make(wakeup); }

void wakeup_deinit(struct wakeup *wakeup) {
    if (wakeup->writable != wakeup->handle)
        os_close(wakeup->writable);
    os_close(wakeup->handle);
    wakeup->handle = wakeup->writable = OS_FD_NONE;
}

/* May run in a signal handler. The write fails only when nothing more fits: then the wakeup is raised. */
void wakeup_raise(const struct wakeup *wakeup) {
    int error = errno;
    const uint64_t one = 1;
    ssize_t written = write(wakeup->writable, &one, sizeof(one));

    (void)written;
    errno = error;
}

void wakeup_take(const struct wakeup *wakeup) {
    uint64_t raises[8];

    while (read(wakeup->handle, raises, sizeof(raises)) == (ssize_t)sizeof(raises))
        ;
}

/* Rounded up: a sleep that ends early would only have to be repeated. */
static int milliseconds(int64_t us) {
    if (us < 0)
        return -1;
    return us > (int64_t)INT_MAX * 1000 - 999 ? INT_MAX : (int)((us + 999) / 1000);
}

int wakeup_poll(const struct wakeup *wakeup, os_fd connection, unsigned events, int64_t timeout_us) {
    struct pollfd fds[2] = {
        {.fd = connection, .events = (short)(events & WAKEUP_WRITE ? POLLIN | POLLOUT : POLLIN)},
        {.fd = wakeup->handle, .events = POLLIN},
    };
    int found = 0;

    if (poll(fds, 2, milliseconds(timeout_us)) < 0)
        return -errno;
    if (fds[0].revents & ~POLLOUT)
        found |= WAKEUP_READ;
    if (fds[0].revents & POLLOUT)
        found |= WAKEUP_WRITE;
    if (fds[1].revents)
        found |= WAKEUP_RAISED;
    return found;
}
