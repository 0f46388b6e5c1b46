/* taker_bsd.c: taker.h where polling a descriptor takes nothing from other holders. */
#include "daemon/readiness/engine.h"
#include "taker.h"

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
