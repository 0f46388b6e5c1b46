/* pollable_bsd.c: pollable.h with pipes, and hints for events.
 *
 * A semaphore's handle is the read end of a pipe. The loop makes it ready with a byte, which does not wait: the write end is the broker's
 * alone. A worker closes the write end, by which it stays ready whatever is read. So it is ready also when the broker has died.
 *
 * Nothing that can be passed on follows another descriptor: kqueues cannot be passed. So the handles of events are hints
 * (pollable_hint_unix.c). */
#include "pollable.h"

#include "proto/calls.h"

#include <errno.h>
#include <unistd.h>

enum pollable_form pollable_semaphore_form(void) { return POLLABLE_PIPE; }

enum pollable_form pollable_evt_form(void) { return POLLABLE_HINT; }

size_t pollable_semaphore_fds(void) { return 2; }

os_fd pollable_semaphore_new(bool fired, os_fd *wakeup) {
    int ends[2];

    *wakeup = OS_FD_NONE;
    if (calls_pipe(ends, false) < 0)
        return OS_FD_NONE;
    if (fired)
        os_close(ends[1]);
    else
        *wakeup = ends[1];
    return ends[0];
}

os_fd pollable_always_new(void) {
    os_fd wakeup;

    return pollable_semaphore_new(true, &wakeup);
}

os_fd pollable_always(void) {
    static os_fd ready = OS_FD_NONE;

    if (ready == OS_FD_NONE)
        ready = pollable_always_new();
    return ready;
}

bool pollable_semaphore_blocks(os_fd handle) {
    (void)handle;
    return false;
}

/* The worker closes the wakeup. */
bool pollable_semaphore_fire(os_fd handle) {
    (void)handle;
    return false;
}

/* A full pipe is readable. A handle without a wakeup has been ready from the start. */
bool pollable_semaphore_ring(os_fd handle, os_fd wakeup) {
    (void)handle;
    while (wakeup != OS_FD_NONE && write(wakeup, "", 1) < 0 && errno == EINTR)
        ;
    return true;
}

int pollable_semaphore_end(os_fd handle) {
    (void)handle;
    return 0;
}

int pollable_init(void) { return pollable_always() == OS_FD_NONE ? -errno : 0; }
