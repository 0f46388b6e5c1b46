/* refused_openbsd.c: EMFILE is said where a tenth of the system's open files are in flight, E2BIG of more than 127 descriptors. */
#include "socket_unix.h"

#include <errno.h>

int socket_refused(int fd, int error) {
    (void)fd;
    return error == -EMFILE ? -ETOOMANYREFS : error == -E2BIG ? -EMSGSIZE : error;
}
