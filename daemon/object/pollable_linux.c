/* pollable_linux.c: pollable.h with eventfds and epolls.
 *
 * A descriptor for ever ready is shared by all handles of events: an eventfd whose count is 1 and which
 * nobody outside can read, since what clients get is the epoll that it lies in. Each such handle has it from
 * the start, switched off, so that switching it on at the end needs no memory and cannot fail. The bell is an
 * eventfd as well: writing to it wakes who polls the epoll through the kernel's wait queues, whose locks
 * nobody keeps. An epoll does not keep what lies in it open. */
#define _GNU_SOURCE

#include "pollable.h"

#include "daemon/readiness/engine.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const uint64_t count_max = UINT64_MAX - 1; /* of an eventfd */

os_fd pollable_semaphore_new(bool fired) {
    os_fd handle = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);

    if (handle != OS_FD_NONE && fired && pollable_semaphore_fire(handle)) {
        int error = errno;
        os_close(handle);
        errno = error;
        return OS_FD_NONE;
    }
    return handle;
}

/* A client may have written to it, so that the largest count does not fit any more. Halving finds one that
 * fits and still cannot be read away, one at a time; if not even 1 fits, the count is at its largest. */
int pollable_semaphore_fire(os_fd handle) {
    for (uint64_t count = count_max; count > 0; count /= 2) {
        ssize_t written;
        do {
            written = write(handle, &count, sizeof(count));
        } while (written < 0 && errno == EINTR);
        if (written > 0)
            return 0;
        if (errno != EAGAIN)
            return -errno;
    }
    return 0;
}

/* The descriptor for ever ready; made once and never closed. */
static os_fd always(void) {
    static os_fd ready = OS_FD_NONE;

    if (ready == OS_FD_NONE)
        ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    return ready;
}

static int change(os_fd handle, int operation, os_fd fd, uint32_t events) {
    struct epoll_event event = {.events = events};

    return epoll_ctl(handle, operation, fd, &event) < 0 ? -errno : 0;
}

int pollable_evt_new(os_fd *handle, os_fd *bell) {
    int error = always() == OS_FD_NONE ? -errno : 0;

    *handle = *bell = OS_FD_NONE;
    if (error)
        return error;
    *handle = epoll_create1(EPOLL_CLOEXEC);
    if (*handle == OS_FD_NONE)
        return -errno;
    *bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    error = *bell == OS_FD_NONE ? -errno : change(*handle, EPOLL_CTL_ADD, *bell, EPOLLIN);
    if (!error)
        error = change(*handle, EPOLL_CTL_ADD, always(), 0);
    if (!error)
        return 0;
    os_close(*handle);
    os_close(*bell);
    *handle = *bell = OS_FD_NONE;
    return error;
}

int pollable_evt_follow(os_fd handle, os_fd target, unsigned direction) {
    return change(handle, EPOLL_CTL_ADD, target, direction == ENGINE_READ ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
}

void pollable_evt_ring(os_fd bell) {
    while (eventfd_write(bell, 1) < 0 && errno == EINTR)
        ;
}

int pollable_evt_end(os_fd handle) { return change(handle, EPOLL_CTL_MOD, always(), EPOLLIN); }

int pollable_init(void) { return always() == OS_FD_NONE ? -errno : 0; }
