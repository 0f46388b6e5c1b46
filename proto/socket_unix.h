/* socket_unix.h: AF_UNIX sockets and their addresses, for transport_unix.c, which has these functions, and listen_unix.c. */
#ifndef SOCKET_UNIX_H
#define SOCKET_UNIX_H

#include "address.h"
#include "os.h"

#include <stdbool.h>
#include <stddef.h>

struct sockaddr_un;
struct transport_file;

/* A new socket of that type, close-on-exec, non-blocking and above the standard streams, or a negative errno. */
int socket_new(int type);

/* listen_unix.c: as transport_listen, for a socket of that type; one that is no stream does not listen. prepare: is called before the socket has its
 * address, and returns 0 or a negative errno; NULL: nothing is. */
struct socket_kind {
    int type;
    int (*prepare)(int fd);
};
int socket_bind_at(const char *address, const struct socket_kind *kind, unsigned mode, os_fd *bound,
                   struct transport_file *file);

/* The socket address of a path or an abstract name ("@name"). 0 or -ENAMETOOLONG. */
int socket_address(const struct address *address, struct sockaddr_un *name);

/* The size of the address in bytes: an abstract name ends at it, a path at its NUL. */
size_t socket_address_size(const struct sockaddr_un *name);

/* refused_*.c: what this negative errno of a send with descriptors means, as transport_send says it. */
int socket_refused(int fd, int error);

/* Adopts an inherited descriptor (transport_adopt) as a listener or a connection. 0 and *result, or a negative errno; -EINVAL: it is the other. */
int socket_adopt_as(int fd, bool listener, os_fd *result);

#endif
