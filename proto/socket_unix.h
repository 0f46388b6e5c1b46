/* socket_unix.h: sockets of the family AF_UNIX and their addresses, for the two files that make them: transport_unix.c, which has these
 * functions, and listen_unix.c. */
#ifndef SOCKET_UNIX_H
#define SOCKET_UNIX_H

#include "address.h"
#include "os.h"

#include <stdbool.h>
#include <stddef.h>

struct sockaddr_un;

/* A stream socket, close-on-exec and not blocking, or a negative errno. */
int socket_new(void);

/* A path or a name ("@name") as the kernel takes it. 0, or -ENAMETOOLONG. */
int socket_address(const struct address *address, struct sockaddr_un *name);

/* A path ends with its zero, a name where the address does. */
size_t socket_address_size(const struct sockaddr_un *name);

/* An inherited descriptor in the role that the address was given for. 0 and *result, or a negative errno. */
int socket_adopt_as(int fd, bool listener, os_fd *result);

#endif
