/* direct_unix.h: system calls of the hot path, made directly.
 *
 * Once a process has had a second thread, glibc surrounds each of these calls with what pthread_cancel needs, which nobody here uses and
 * which costs more than the rest of the wrapper. Where the system has no such number, the ordinary function is called. errno is set
 * as ever. */
#ifndef DIRECT_UNIX_H
#define DIRECT_UNIX_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

ssize_t direct_send(int fd, const void *bytes, size_t size, int flags);
ssize_t direct_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t direct_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t direct_recv(int fd, void *bytes, size_t size, int flags);
int direct_poll(struct pollfd *fds, nfds_t n, int timeout_ms);

#endif
