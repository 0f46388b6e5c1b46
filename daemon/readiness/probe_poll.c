/* probe_poll.c: engine_probe by poll(2), where poll tells a half-close from a hang-up (POLLRDHUP: Linux, FreeBSD). */
#define _GNU_SOURCE

#include "engine.h"

#include "proto/direct_unix.h"

#include <errno.h>
#include <poll.h>

static short to_poll(unsigned interest) {
    return (short)((interest & ENGINE_READ ? POLLIN | POLLRDHUP : 0) |
                   (interest & ENGINE_WRITE ? POLLOUT : 0));
}

static uint8_t from_poll(short found) {
    return (uint8_t)((found & POLLIN ? ENGINE_READ : 0) | (found & POLLOUT ? ENGINE_WRITE : 0) |
                     (found & POLLRDHUP ? ENGINE_HALF_CLOSE : 0) | (found & POLLHUP ? ENGINE_HANG_UP : 0) |
                     (found & (POLLERR | POLLNVAL) ? ENGINE_ERROR : 0));
}

int engine_probe(struct engine_probe *probes, size_t n) {
    struct pollfd polls[ENGINE_PROBES];
    int result;

    if (n > ENGINE_PROBES)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        polls[i] = (struct pollfd){.fd = probes[i].fd, .events = to_poll(probes[i].interest)};
    do {
        result = direct_poll(polls, (nfds_t)n, 0);
    } while (result < 0 && errno == EINTR);
    if (result < 0)
        return -errno;
    for (size_t i = 0; i < n; i++)
        probes[i].events = from_poll(polls[i].revents);
    return 0;
}
