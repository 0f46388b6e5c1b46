/* bin_unix.c: bin.h with a Unix socket pair. */
#include "bin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

bool bin_takes(os_fd fd) {
    int type;
    socklen_t size = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

int bin_open(struct bin *bin) {
    enum { ROOM = 1024 * 1024 };
    int ends[2], room = ROOM;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room); /* the system may allow less */
    *bin = (struct bin){.in = ends[0], .out = ends[1]};
    return 0;
}

bool bin_put(struct bin *bin, const os_fd *fds, size_t n) {
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(BIN_MESSAGE * sizeof(int))];
    } control = {0};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);

    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(item), fds, n * sizeof(int));
    return sendmsg(bin->in, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

void bin_close(struct bin *bin) {
    os_close(bin->in);
    os_close(bin->out);
}
