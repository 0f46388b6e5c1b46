/* stream_calls_unix.c: see stream_calls.h. */
#include "stream_calls.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

int stream_failed(void) { return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno; }

short stream_look(os_fd fd, short events) {
    struct pollfd poll_fd = {.fd = fd, .events = events};
    return poll(&poll_fd, 1, 0) > 0 ? poll_fd.revents : 0;
}

bool stream_is_datagram(os_fd fd, enum inspect_type type) {
    int kind = SOCK_STREAM;
    socklen_t size = sizeof kind;
    if (type == INSPECT_TCP || type == INSPECT_UNIX)
        return false;
    (void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size);
    return kind != SOCK_STREAM;
}
