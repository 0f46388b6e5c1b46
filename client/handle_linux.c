/* handle_linux.c: handle.h with an epoll descriptor. */
#include "handle.h"

#include <errno.h>
#include <sys/epoll.h>

int handle_attach(os_fd *attached) {
    *attached = epoll_create1(EPOLL_CLOEXEC);
    return *attached == OS_FD_NONE ? -errno : 0;
}
