/* taker.c: polls what may be polled, and answers for the rest. */
#include "taker.h"

#include "daemon/readiness/engine.h"
#include "inspect.h"
#include "pollable.h"

#include <errno.h>

static bool is_left_out(os_fd fd, uint8_t type) {
    return type == INSPECT_EPOLL ? taker_find(fd) != 0 : type == INSPECT_REGULAR && taker_is(fd);
}

/* poll(2) passes over negative numbers. */
int taker_probe(struct engine_probe *probes, const uint8_t *types, size_t n) {
    int error;
    for (size_t i = 0; i < n; i++)
        if (is_left_out(probes[i].fd, types[i]))
            probes[i].fd = ~probes[i].fd;
    error = engine_probe(probes, n);
    for (size_t i = 0; i < n; i++) {
        struct engine_probe *probe = &probes[i];
        if (probe->fd >= 0)
            continue;
        probe->fd = ~probe->fd;
        probe->events = (uint8_t)(types[i] == INSPECT_EPOLL ? 0 : probe->interest & taker_ready(probe->fd));
    }
    return error;
}

/* The worker may be unable to look into an epoll descriptor with the rights of the client; it was looked into when its event was made. */
int taker_follow(os_fd handle, os_fd target, unsigned interest, bool epoll) {
    if (epoll && taker_find(target) == TAKER_E_INSIDE)
        return -EOPNOTSUPP;
    if (!epoll && taker_is(target))
        return interest & taker_ready(target) ? -EPERM : 0;
    return pollable_evt_follow(handle, target, interest);
}
