/* receive_bsd.c: packet.h's calls where the kernel tells only that a packet did not fit. */
#include "packet.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

int64_t packet_receive(portd_native from, void *bytes, size_t size, bool waits) {
    struct iovec piece = {bytes, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t n = recvmsg((int)from, &message, waits ? 0 : MSG_DONTWAIT);

    return n >= 0 && (message.msg_flags & MSG_TRUNC) != 0 ? (int64_t)size + 1 : n;
}

bool packet_is_shut(portd_native from) {
    struct pollfd socket = {(int)from, POLLIN, 0};

    return poll(&socket, 1, 0) > 0 && (socket.revents & POLLHUP) != 0;
}
