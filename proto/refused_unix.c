/* refused_unix.c: the kernel's errors say what they mean: ETOOMANYREFS on Linux, and macOS and FreeBSD have no such limits. */
#include "socket_unix.h"

int socket_refused(int fd, int error) {
    (void)fd;
    return error;
}
