/* inspect_socket_unix.c: see inspect_socket.h. */
#include "inspect_socket.h"

#include <sys/socket.h>

int inspect_option(os_fd fd, int name) {
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

/* Linux says 1, a BSD the option's bit. */
bool inspect_listens(os_fd fd) { return inspect_option(fd, SO_ACCEPTCONN) > 0; }

enum inspect_type inspect_unix_type(os_fd fd, int type) {
    switch (type) {
    case SOCK_STREAM:
        return inspect_listens(fd) ? INSPECT_UNIX_LISTENER : INSPECT_UNIX;
    case SOCK_DGRAM:
        return INSPECT_UNIX_DGRAM;
    case SOCK_SEQPACKET:
        return INSPECT_UNIX_SEQPACKET;
    default:
        return INSPECT_SOCKET;
    }
}
