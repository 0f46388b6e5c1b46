/* handle_linux.c: handle.h with an eventfd, which reads of others cannot drain, and an epoll descriptor. */
#include "handle.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

int handle_attach(bool semaphore, os_fd *attached) {
    *attached =
        semaphore ? eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK) : epoll_create1(EPOLL_CLOEXEC);
    return *attached == OS_FD_NONE ? -errno : 0;
}
