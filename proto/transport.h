/* transport.h: contract of the byte stream with attached descriptors between a client and the broker. Two
 * implementations: transport_unix.c (AF_UNIX stream, SCM_RIGHTS) and transport_win.c (named pipe).
 *
 * Nothing here blocks except where it says so. Errors are negative errno values, -EAGAIN when it would block. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Listens at an address (see address.h). A stale socket file (nobody listens) is replaced, a live one is
 * -EADDRINUSE, anything else at the path is left alone and -EEXIST. mode is the file mode of the socket. */
int transport_listen(const char *address, unsigned mode, os_fd *listener);

/* Removes the socket file of an address that this process listens at. */
void transport_unlink(const char *address);

/* 0 and *connection (close-on-exec, not blocking), -EAGAIN, or another negative errno. */
int transport_accept(os_fd listener, os_fd *connection);

/* Connects without waiting for the broker to accept. */
int transport_connect(const char *address, os_fd *connection);

/* Prepares a descriptor that somebody else made (inherited listener or connection): close-on-exec, not blocking. */
int transport_adopt(os_fd fd);

/* Whether connections can be accepted from it. */
bool transport_listens(os_fd fd);

/* Whether everybody can connect to it: no file's mode, nor a list of its own, says who may. */
bool transport_is_open(os_fd listener);

/* Sends bytes, with n_fds descriptors attached to the first of them. Returns the bytes taken (> 0) or a negative errno.
 * Never raises SIGPIPE. The descriptors stay the caller's. */
ptrdiff_t transport_send(os_fd connection, const void *bytes, size_t size, const os_fd *fds, size_t n_fds);

/* One read. fds has room for FRAME_FDS_ROOM. Returns the bytes (> 0), 0 when the other end has closed, or a negative
 * errno. *n_fds descriptors (close-on-exec) are the caller's; *truncated: some were lost on the way. */
ptrdiff_t transport_recv(os_fd connection, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                         bool *truncated);

#endif
