/* taker_win.c: taker.h for Windows. What a look would take something from (events that reset themselves, semaphores, mutexes) is never waited for:
 * inspect_tells_ready. */
#include "daemon/readiness/engine.h"
#include "taker.h"

#include <errno.h>

void taker_init(void) {}

bool taker_is(os_fd fd) {
    (void)fd;
    return false;
}

unsigned taker_ready(os_fd fd) {
    (void)fd;
    return ENGINE_READ | ENGINE_WRITE;
}

int taker_find(os_fd epoll, size_t *n) {
    (void)epoll;
    *n = 0;
    return 0;
}

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
