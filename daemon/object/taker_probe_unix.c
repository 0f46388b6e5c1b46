/* taker_probe_unix.c: taker.h; polls what may be polled, and answers for the rest. */
#include "taker.h"

#include "daemon/readiness/engine.h"
#include "inspect.h"
#include "pollable.h"

#include <errno.h>

enum { PLACES = 64, FEW = 32 };

/* Polls that may do without a look. An epoll descriptor that loses its place to another one is looked into again. */
static _Thread_local struct {
    os_fd epoll;
    size_t polls;
} looked[PLACES];

int taker_look(os_fd epoll) {
    size_t place = (size_t)epoll % PLACES, n = 0;
    int error;
    if (looked[place].epoll == epoll && looked[place].polls) {
        looked[place].polls--;
        return 0;
    }
    error = taker_find(epoll, &n);
    looked[place].epoll = epoll;
    looked[place].polls = error ? 0 : n / FEW;
    return error;
}

void taker_forget(os_fd epoll) { looked[(size_t)epoll % PLACES].polls = 0; }

static bool is_left_out(os_fd fd, uint8_t type) {
    return type == INSPECT_EPOLL ? taker_look(fd) != 0 : type == INSPECT_REGULAR && taker_is(fd);
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
        probe->events =
            (uint8_t)(types[i] == INSPECT_EPOLL ? TAKER_UNKNOWN : probe->interest & taker_ready(probe->fd));
    }
    return error;
}

/* The worker may be unable to look into an epoll descriptor with the rights of the client; it was looked into when its event was made. */
int taker_follow(os_fd handle, os_fd target, unsigned interest, bool epoll) {
    size_t n;
    if (epoll && taker_find(target, &n) == TAKER_E_INSIDE)
        return -EOPNOTSUPP;
    if (!epoll && taker_is(target))
        return interest & taker_ready(target) ? -EPERM : 0;
    return pollable_evt_follow(handle, target, interest);
}
