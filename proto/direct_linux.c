/* direct_linux.c: calls syscall(2). */
#define _GNU_SOURCE
#include "direct_unix.h"

#include <sys/syscall.h>
#include <unistd.h>

/* The thread sanitizer must intercept these calls: it delivers signals only in those. */
#ifdef __SANITIZE_THREAD__
#undef SYS_sendto
#undef SYS_sendmsg
#undef SYS_recvmsg
#undef SYS_recvfrom
#undef SYS_poll
#endif

ssize_t direct_send(int fd, const void *bytes, size_t size, int flags) {
#ifdef SYS_sendto
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
#else
    return send(fd, bytes, size, flags);
#endif
}

ssize_t direct_sendmsg(int fd, const struct msghdr *message, int flags) {
#ifdef SYS_sendmsg
    return syscall(SYS_sendmsg, fd, message, flags);
#else
    return sendmsg(fd, message, flags);
#endif
}

ssize_t direct_recvmsg(int fd, struct msghdr *message, int flags) {
#ifdef SYS_recvmsg
    return syscall(SYS_recvmsg, fd, message, flags);
#else
    return recvmsg(fd, message, flags);
#endif
}

ssize_t direct_recv(int fd, void *bytes, size_t size, int flags) {
#ifdef SYS_recvfrom
    return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
#else
    return recv(fd, bytes, size, flags);
#endif
}

int direct_poll(struct pollfd *fds, nfds_t n, int timeout_ms) {
#ifdef SYS_poll
    return (int)syscall(SYS_poll, fds, n, timeout_ms);
#else
    return poll(fds, n, timeout_ms);
#endif
}
