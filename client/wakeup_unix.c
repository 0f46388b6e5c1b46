/* wakeup_unix.c: poll(2) on the connection and an eventfd. */
#define _GNU_SOURCE

#include "wakeup.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int wakeup_init(struct wakeup *wakeup) {
    wakeup->handle = os_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return wakeup->handle < 0 ? -errno : 0;
}

void wakeup_deinit(struct wakeup *wakeup) {
    os_close(wakeup->handle);
    wakeup->handle = OS_FD_NONE;
}

/* May run in a signal handler. The write fails only when the counter is at its maximum: then the wakeup is raised. */
void wakeup_raise(const struct wakeup *wakeup) {
    int error = errno;
    const uint64_t one = 1;
    ssize_t written = write(wakeup->handle, &one, sizeof(one));

    (void)written;
    errno = error;
}

void wakeup_take(const struct wakeup *wakeup) {
    uint64_t raises;
    ssize_t got = read(wakeup->handle, &raises, sizeof(raises));

    (void)got;
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
