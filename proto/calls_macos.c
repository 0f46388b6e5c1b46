/* calls_macos.c: calls.h for macOS, with fcntl after each call. Since macOS 12 a send can be told to raise no SIGPIPE, also on a socket that others
 * share; before, the kernel takes no notice of that flag, and only an option of the socket keeps the signal away. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

const int calls_send_flags = MSG_NOSIGNAL, calls_recv_flags = 0;

static int prepare(int fd, bool waits) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    int wanted = waits ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    return flags < 0 || (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0) ? -1 : 0;
}

static void drop(int fd) {
    int error = errno;

    (void)close(fd);
    errno = error;
}

static int prepared_socket(int fd, bool waits) {
    if (fd < 0)
        return -1;
    if (prepare(fd, waits) < 0) {
        drop(fd);
        return -1;
    }
    calls_quiet(fd);
    return fd;
}

int calls_pipe(int ends[2], bool waits) {
    if (pipe(ends) < 0)
        return -1;
    if (prepare(ends[0], waits) == 0 && prepare(ends[1], waits) == 0)
        return 0;
    drop(ends[0]);
    drop(ends[1]);
    return -1;
}

int calls_socket(int type, bool waits) { return prepared_socket(socket(AF_UNIX, type, 0), waits); }

int calls_accept(int listener) { return prepared_socket(accept(listener, NULL, NULL), false); }

/* A socket that cannot send any more refuses the option, and a send on it fails without the signal's help. */
void calls_quiet(int socket) {
    const int on = 1;

    (void)setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
}

void calls_received(int fd) { (void)fcntl(fd, F_SETFD, FD_CLOEXEC); }
