/* bell_unix.c: bell.h with a pipe. */
#define _GNU_SOURCE

#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

int bell_open(struct bell *bell) {
    int ends[2];

    *bell = (struct bell){OS_FD_NONE, OS_FD_NONE};
    if (pipe(ends) < 0)
        return -errno;
    *bell = (struct bell){ends[0], ends[1]};
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0) {
            int error = errno;
            bell_close(bell);
            return -error;
        }
    return 0;
}

void bell_close(struct bell *bell) {
    os_close(bell->readable);
    os_close(bell->rope);
    *bell = (struct bell){OS_FD_NONE, OS_FD_NONE};
}

void bell_wait(const struct bell *bell, int timeout_ms) {
    (void)poll(&(struct pollfd){.fd = bell->readable, .events = POLLIN}, 1, timeout_ms);
}

/* A full pipe is rung already. */
void bell_ring(const struct bell *bell) {
    while (write(bell->rope, "", 1) < 0 && errno == EINTR)
        ;
}

void bell_silence(const struct bell *bell) {
    char rung[64];

    while (read(bell->readable, rung, sizeof(rung)) == (ssize_t)sizeof(rung))
        ;
}
