/* wakeup_unix.c: wakeup.h with a pipe. */
#define _GNU_SOURCE

#include "wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

int wakeup_open(struct wakeup *wakeup) {
    int ends[2];

    *wakeup = (struct wakeup){OS_FD_NONE, OS_FD_NONE};
    if (pipe(ends) < 0)
        return -errno;
    *wakeup = (struct wakeup){ends[0], ends[1]};
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0) {
            int error = errno;
            wakeup_close(wakeup);
            return -error;
        }
    return 0;
}

void wakeup_close(struct wakeup *wakeup) {
    os_close(wakeup->readable);
    os_close(wakeup->writable);
    *wakeup = (struct wakeup){OS_FD_NONE, OS_FD_NONE};
}

void wakeup_wait(const struct wakeup *wakeup, int timeout_ms) {
    (void)poll(&(struct pollfd){.fd = wakeup->readable, .events = POLLIN}, 1, timeout_ms);
}

/* A full pipe is readable already. */
void wakeup_send(const struct wakeup *wakeup) {
    while (write(wakeup->writable, "", 1) < 0 && errno == EINTR)
        ;
}

void wakeup_clear(const struct wakeup *wakeup) {
    char bytes[64];

    while (read(wakeup->readable, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
        ;
}
