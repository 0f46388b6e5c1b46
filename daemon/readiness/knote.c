/* knote.c: see knote.h.
 *
 * sockets    the end of reading is the peer's half-close, or our own: what is left can be read. The end of writing is our half-close, or the
 *            peer is gone, and a write fails at once; both ends together are a hang-up. fflags is the socket's error, and stays its error.
 * pipes      the end of either is the other end's close. What is left can be read (data counts it).
 * terminals  the end is the hang-up of the line.
 * files      FreeBSD and macOS call a file readable when its position is not at the end, NetBSD always; poll(2) and the contract say always. */
#define _GNU_SOURCE

#include "knote.h"

#include "engine.h"

#include <errno.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/stat.h>

int knote_type(os_fd fd) {
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISSOCK(status.st_mode))
        return KNOTE_SOCKET;
    if (S_ISFIFO(status.st_mode))
        return KNOTE_PIPE;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
        return KNOTE_FILE;
    return KNOTE_OTHER;
}

static unsigned end_of_socket(const struct kevent *event) {
    unsigned events = event->filter == EVFILT_READ ? ENGINE_READ | ENGINE_HALF_CLOSE : ENGINE_WRITE;

    return event->fflags ? events | ENGINE_ERROR : events;
}

static unsigned end_of_pipe(const struct kevent *event) {
    return event->filter == EVFILT_READ && event->data > 0 ? ENGINE_READ | ENGINE_HANG_UP : ENGINE_HANG_UP;
}

unsigned knote_events(enum knote_type type, const struct kevent *event) {
    if (!(event->flags & EV_EOF))
        return event->filter == EVFILT_READ ? ENGINE_READ : ENGINE_WRITE;
    return type == KNOTE_SOCKET ? end_of_socket(event) : end_of_pipe(event);
}

/* EINVAL: a device without kqueue support; on macOS some terminals (/dev/tty), too. ENODEV, EOPNOTSUPP: the same on the BSDs. EPERM: an
 * emulation on Linux, where epoll says so. */
bool knote_is_unsupported(int error) {
    return error == EINVAL || error == ENODEV || error == EOPNOTSUPP || error == EPERM;
}

/* EPIPE: FreeBSD, macOS. EBADF: NetBSD. */
bool knote_is_dead_end(int error) { return error == EPIPE || error == EBADF; }
