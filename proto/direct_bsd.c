/* direct_bsd.c: with the ordinary functions: numbers of calls are no interface there. */
#include "direct_unix.h"

ssize_t direct_send(int fd, const void *bytes, size_t size, int flags) {
    return send(fd, bytes, size, flags);
}

ssize_t direct_sendmsg(int fd, const struct msghdr *message, int flags) {
    return sendmsg(fd, message, flags);
}

ssize_t direct_recvmsg(int fd, struct msghdr *message, int flags) { return recvmsg(fd, message, flags); }

ssize_t direct_recv(int fd, void *bytes, size_t size, int flags) { return recv(fd, bytes, size, flags); }

int direct_poll(struct pollfd *fds, nfds_t n, int timeout_ms) { return poll(fds, n, timeout_ms); }
