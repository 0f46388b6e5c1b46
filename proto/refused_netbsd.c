/* refused_netbsd.c: EAGAIN is also said where too many descriptors are in flight. There is room then, so a loop that waits for room would spin. */
#include "socket_unix.h"

#include <errno.h>
#include <poll.h>

int socket_refused(int fd, int error) {
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    return error == -EAGAIN && poll(&room, 1, 0) > 0 && (room.revents & POLLOUT) ? -ETOOMANYREFS : error;
}
