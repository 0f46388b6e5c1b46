/* pollable_evt_none.c: the part of pollable.h for systems on which no descriptor follows another: handles of events are hints, and what makes exact ones is
 * never called. What the broker makes is charged to nobody else. */
#include "pollable.h"

#include <errno.h>

os_fd pollable_evt_new(void) {
    errno = ENOTSUP;
    return OS_FD_NONE;
}

os_fd pollable_wakeup_new(void) {
    errno = ENOTSUP;
    return OS_FD_NONE;
}

bool pollable_evt_is_full(void) { return false; }

bool pollable_semaphore_is_full(void) { return false; }

int pollable_evt_fill(os_fd handle, os_fd wakeup, os_fd always) {
    (void)handle;
    (void)wakeup;
    (void)always;
    return -ENOTSUP;
}

int pollable_evt_follow(os_fd handle, os_fd target, unsigned direction) {
    (void)handle;
    (void)target;
    (void)direction;
    return -ENOTSUP;
}

void pollable_evt_clear(os_fd handle, os_fd wakeup, os_fd always) {
    (void)handle;
    (void)wakeup;
    (void)always;
}

void pollable_evt_ring(os_fd wakeup) { (void)wakeup; }

int pollable_evt_end(os_fd handle, os_fd always) {
    (void)handle;
    (void)always;
    return -ENOTSUP;
}

int pollable_evt_end_moved(os_fd handle, os_fd always) {
    (void)handle;
    (void)always;
    return -ENOTSUP;
}
