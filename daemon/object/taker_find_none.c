/* taker_find_none.c: the part of taker.h for systems on which polling a descriptor takes nothing from other holders. On Windows what a look would take something
 * from (events that reset themselves, semaphores, mutexes) is never waited for: inspect_tells_ready. */
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
