/* taker_probe_win.c: the part of taker.h that polls. There are no epoll descriptors, and none of the other files is polled. */
#include "daemon/readiness/engine.h"
#include "taker.h"

#include <errno.h>

int taker_look(os_fd epoll) {
    (void)epoll;
    return 0;
}

void taker_forget(os_fd epoll) { (void)epoll; }

int taker_probe(struct engine_probe *probes, const uint8_t *types, size_t n) {
    (void)types;
    return engine_probe(probes, n);
}

int taker_follow(os_fd handle, os_fd target, unsigned interest, bool epoll) {
    (void)handle;
    (void)target;
    (void)interest;
    (void)epoll;
    return -EOPNOTSUPP;
}
