/* bin_unix.c: bin.h with a Unix socket pair. */
#include "bin.h"

#include "proto/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>

#include <sys/socket.h>
#include <sys/uio.h>

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
    for (int i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        calls_quiet(ends[i]);
    }
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) { /* some systems look at MSG_DONTWAIT for receives alone */
        int error = errno;
        os_close(ends[0]);
        os_close(ends[1]);
        return -error;
    }
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
                             .msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);

    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(item), fds, n * sizeof(int));
    return sendmsg(bin->in, &message, MSG_DONTWAIT | calls_send_flags) == 1;
}

void bin_close(struct bin *bin) {
    os_close(bin->in);
    os_close(bin->out);
}
