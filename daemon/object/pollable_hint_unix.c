/* pollable_hint_unix.c: the hints of pollable.h, as pairs of stream sockets.
 *
 * Clients poll one end. The broker's own end, the wakeup, makes that readable with a byte, and forever by being closed. The broker
 * takes the byte back from a copy of the clients' end: MSG_DONTWAIT belongs to the call, unlike O_NONBLOCK, which all holders share. (A
 * pipe has no such call.)
 *
 * The clients' end is shut down for writing before anybody gets it. So nobody can put anything into the pair, and no foreign descriptor
 * is in it when it is closed. A holder that reads, or shuts its end down, harms those who have the same handle.
 *
 * A receive takes a lock that a holder can keep, by receiving into memory that is not there. The BSDs and macOS do not wait for it with
 * MSG_DONTWAIT: then the byte stays, and the handle is readable once too often. Linux waits for it; there only tests use this file. */
#include "pollable.h"

#include "proto/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* Some systems look at MSG_DONTWAIT for receives alone, so the wakeup does not wait either way. */
static int prepare(int ends[2]) {
    for (int i = 0; i < 2; i++) {
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0)
            return -1;
        calls_quiet(ends[i]);
    }
    return shutdown(ends[0], SHUT_WR);
}

os_fd pollable_hint_new(os_fd *wakeup) {
    int ends[2];

    *wakeup = OS_FD_NONE;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return OS_FD_NONE;
    if (prepare(ends) < 0) {
        int error = errno;
        os_close(ends[0]);
        os_close(ends[1]);
        errno = error;
        return OS_FD_NONE;
    }
    *wakeup = ends[1];
    return ends[0];
}

/* It is readable as well if it is full, or shut down by a holder. */
bool pollable_hint_ring(os_fd wakeup) {
    ssize_t n;

    do
        n = send(wakeup, "", 1, MSG_DONTWAIT | calls_send_flags);
    while (n < 0 && errno == EINTR);
    return n == 1 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EPIPE;
}

/* One byte at most is in it, unless the lock was kept; then the next time takes the rest. */
void pollable_hint_clear(os_fd handle, os_fd wakeup) {
    char bytes[64];

    (void)wakeup;
    while (recv(handle, bytes, sizeof(bytes), MSG_DONTWAIT) < 0 && errno == EINTR)
        ;
}
