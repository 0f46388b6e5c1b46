/* direct_unix.h: direct system calls for the hot path.
 *
 * Once a process has had a second thread, glibc makes each of these calls a cancellation point, which costs more than the rest of the wrapper
 * and is not used here. Systems without the call's number get the ordinary function. errno is set as usual. */
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
