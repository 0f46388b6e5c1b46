/* pollable_linux.c: pollable.h with eventfds and epolls.
 *
 * The loop adds one to an eventfd with a kernel aio request that completes at once and signals completion
 * through the eventfd (aio_resfd). Unlike write(2) that ignores the eventfd's flags and its free room. If the
 * kernel or a sandbox does not provide aio, workers do everything.
 *
 * Many event handles of one user share an always-ready descriptor (always_ready.h): an eventfd whose count is
 * 1. Clients get only the epoll that contains it, so they cannot read it. It is in the epoll from the start,
 * switched off, so that switching it on at the end needs no memory and cannot fail. The wakeup is an eventfd
 * too: a write to it wakes pollers of the epoll through the kernel's wait queues, whose locks nobody can keep.
 * An epoll does not keep the files in it open. */
#define _GNU_SOURCE

#include "pollable.h"

#include "daemon/base/cgroup.h"
#include "daemon/readiness/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RINGS = 64,    /* completed requests that the kernel can hold */
    ENTRIES = 640, /* bytes that the kernel charges for the three entries of a handle, of 200 on 64 bits */
    EVENTFD = 800  /* and for an eventfd, at most */
};

static aio_context_t rings; /* 0: not available */

enum pollable_form pollable_semaphore_form(void) { return POLLABLE_EVENTFD; }

enum pollable_form pollable_evt_form(void) { return POLLABLE_EPOLL; }

size_t pollable_semaphore_fds(void) { return 1; }

os_fd pollable_semaphore_new(bool fired, os_fd *wakeup) {
    *wakeup = OS_FD_NONE;
    os_fd handle = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);

    /* This cannot block: no other process has the handle yet. */
    if (handle == OS_FD_NONE || !fired || !pollable_semaphore_end(handle))
        return handle;
    *wakeup = handle;
    return OS_FD_NONE;
}

os_fd pollable_always_new(void) { return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); }

os_fd pollable_always(void) {
    static os_fd ready = OS_FD_NONE;

    if (ready == OS_FD_NONE)
        ready = pollable_always_new();
    return ready;
}

/* The kernel keeps each completed request until it is collected. */
static void take_back(void) {
    struct io_event told[RINGS];

    (void)syscall(SYS_io_getevents, rings, 0L, (long)RINGS, told, NULL);
}

bool pollable_semaphore_ring(os_fd handle, os_fd wakeup) {
    (void)wakeup;
    struct iocb request = {.aio_lio_opcode = IOCB_CMD_POLL,
                           .aio_fildes = (uint32_t)pollable_always(),
                           .aio_buf = POLLIN,
                           .aio_flags = IOCB_FLAG_RESFD,
                           .aio_resfd = (uint32_t)handle};
    struct iocb *requests[] = {&request};

    if (!rings)
        return false;
    if (syscall(SYS_io_submit, rings, 1L, requests) == 1)
        return true;
    take_back();
    return syscall(SYS_io_submit, rings, 1L, requests) == 1;
}

bool pollable_semaphore_blocks(os_fd handle) {
    int flags = fcntl(handle, F_GETFL);

    return flags < 0 || !(flags & O_NONBLOCK);
}

bool pollable_semaphore_fire(os_fd handle) {
    return !pollable_semaphore_blocks(handle) && !pollable_semaphore_end(handle);
}

/* A quarter of the largest count, which reads that take one cannot drain, fits whether the eventfd was rung before or not. If it does not, a client has
 * written more than three quarters. Without O_NONBLOCK only the interrupt shows that. */
int pollable_semaphore_end(os_fd handle) {
    static const uint64_t count = UINT64_MAX / 4;

    return write(handle, &count, sizeof(count)) > 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static int change(os_fd handle, int operation, os_fd fd, uint32_t events) {
    struct epoll_event event = {.events = events};

    return epoll_ctl(handle, operation, fd, &event) < 0 ? -errno : 0;
}

os_fd pollable_evt_new(void) { return epoll_create1(EPOLL_CLOEXEC); }

os_fd pollable_wakeup_new(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

bool pollable_evt_is_full(void) { return cgroup_is_full(ENTRIES); }

bool pollable_semaphore_is_full(void) { return cgroup_is_full(EVENTFD); }

int pollable_evt_fill(os_fd handle, os_fd wakeup, os_fd always) {
    int error = change(handle, EPOLL_CTL_ADD, wakeup, EPOLLIN);

    if (error)
        return error;
    error = change(handle, EPOLL_CTL_ADD, always, 0);
    if (error)
        (void)change(handle, EPOLL_CTL_DEL, wakeup, 0);
    return error;
}

void pollable_evt_clear(os_fd handle, os_fd wakeup, os_fd always) {
    (void)change(handle, EPOLL_CTL_DEL, wakeup, 0);
    (void)change(handle, EPOLL_CTL_DEL, always, 0);
}

int pollable_evt_follow(os_fd handle, os_fd target, unsigned direction) {
    return change(handle, EPOLL_CTL_ADD, target, direction == ENGINE_READ ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
}

void pollable_evt_ring(os_fd wakeup) {
    while (eventfd_write(wakeup, 1) < 0 && errno == EINTR)
        ;
}

int pollable_evt_end(os_fd handle, os_fd always) {
    int error = change(handle, EPOLL_CTL_MOD, always, EPOLLIN);

    return error == -ENOENT ? 0 : error; /* its holder removed `always`, and harms only itself */
}

int pollable_evt_end_moved(os_fd handle, os_fd always) {
    int error = change(handle, EPOLL_CTL_ADD, always, EPOLLIN);

    return error == -EEXIST ? 0 : error;
}

int pollable_init(void) {
    if (pollable_always() == OS_FD_NONE)
        return -errno;
    if (!rings && syscall(SYS_io_setup, (long)RINGS, &rings) < 0)
        rings = 0;
    return 0;
}
