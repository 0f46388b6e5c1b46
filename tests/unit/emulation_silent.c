/* emulation_silent.c: kevent, by the linker's --wrap, as FreeBSD has it for FIFOs, and NetBSD in part for pipes: a knote for what a pipe's end is not
 * open for is taken, and never fires. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <sys/event.h>

int __real_kevent(int kq, const struct kevent *changes, int n_changes, struct kevent *events, int n_events,
                  const struct timespec *timeout);
int __wrap_kevent(int kq, const struct kevent *changes, int n_changes, struct kevent *events, int n_events,
                  const struct timespec *timeout);

static bool is_silent(const struct kevent *change) {
    int fd = (int)change->ident, mode = fcntl(fd, F_GETFL) & O_ACCMODE;
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
           ((change->filter == EVFILT_READ && mode == O_WRONLY) ||
            (change->filter == EVFILT_WRITE && mode == O_RDONLY));
}

int __wrap_kevent(int kq, const struct kevent *changes, int n_changes, struct kevent *events, int n_events,
                  const struct timespec *timeout) {
    if (n_changes == 1 && changes->flags & EV_ADD && is_silent(changes))
        return 0;
    return __real_kevent(kq, changes, n_changes, events, n_events, timeout);
}
