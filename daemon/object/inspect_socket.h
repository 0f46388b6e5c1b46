/* inspect_socket.h: what inspect.h asks of sockets alike on all Unixes. */
#ifndef INSPECT_SOCKET_H
#define INSPECT_SOCKET_H

#include "inspect.h"

/* An option of the level SOL_SOCKET. -1: this is no socket, or has no such option. */
int inspect_option(os_fd fd, int name);

bool inspect_listens(os_fd fd);

/* Of a Unix socket whose SO_TYPE is `type`. */
enum inspect_type inspect_unix_type(os_fd fd, int type);

#endif
