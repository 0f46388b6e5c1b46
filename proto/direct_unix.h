/* direct_unix.h: system calls of the hot path, made directly.
 *
 * Once a process has had a second thread, glibc surrounds each of these calls with what pthread_cancel needs, which nobody here uses and
 * which costs more than the rest of the wrapper. Where the system has no such number, the ordinary function is called. errno is set
 * as ever. */
#ifndef DIRECT_UNIX_H
#define DIRECT_UNIX_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline ssize_t direct_send(int fd, const void *bytes, size_t size, int flags) {
#ifdef SYS_sendto
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
#else
    return send(fd, bytes, size, flags);
#endif
}

static inline ssize_t direct_sendmsg(int fd, const struct msghdr *message, int flags) {
#ifdef SYS_sendmsg
    return syscall(SYS_sendmsg, fd, message, flags);
#else
    return sendmsg(fd, message, flags);
#endif
}

static inline ssize_t direct_recvmsg(int fd, struct msghdr *message, int flags) {
#ifdef SYS_recvmsg
    return syscall(SYS_recvmsg, fd, message, flags);
#else
    return recvmsg(fd, message, flags);
#endif
}

static inline int direct_poll(struct pollfd *fds, nfds_t n, int timeout_ms) {
#ifdef SYS_poll
    return (int)syscall(SYS_poll, fds, n, timeout_ms);
#else
    return poll(fds, n, timeout_ms);
#endif
}

#endif
