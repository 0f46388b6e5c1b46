/* client_raw_unix.c: client_raw_native.h on a Unix socket. */
#define _GNU_SOURCE

#include "client_raw_native.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t raw_native_now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int raw_native_connect(const char *address, int *fd) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    if (strncmp(address, "unix:", 5) != 0 || strlen(address + 5) >= sizeof(name.sun_path))
        return -EINVAL;
    memcpy(name.sun_path, address + 5, strlen(address + 5));
    /* Connecting waits while the queue of the listener is full; only afterwards nothing may wait. */
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return -errno;
    if (connect(made, (struct sockaddr *)&name, sizeof(name)) == 0) {
        *fd = made;
        return 0;
    }
    int error = -errno;
    raw_native_close(made);
    return error;
}

void raw_native_close(int fd) { (void)close(fd); }

/* 0 once one of the events is there, or only trying can show it. */
static int await(int fd, short events, int64_t deadline) {
    struct pollfd one = {.fd = fd, .events = events};

    for (;;) {
        int64_t left = deadline - raw_native_now_ms();
        int n = left > 0 ? poll(&one, 1, (int)left) : 0;
        if (n > 0)
            return 0;
        if (n == 0)
            return -EAGAIN;
        if (errno != EINTR)
            return -errno;
    }
}

ssize_t raw_native_send(int connection, const void *bytes, size_t size, const int *fds, size_t n,
                        int64_t deadline) {
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE((RAW_FDS_MAX + 1) * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (n > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(*fds));
        struct cmsghdr *item = CMSG_FIRSTHDR(&message);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(*fds));
        memcpy(CMSG_DATA(item), fds, n * sizeof(*fds));
    }
    for (;;) {
        ssize_t sent = syscall(SYS_sendmsg, connection, &message,
                               MSG_NOSIGNAL | MSG_DONTWAIT); /* musl's function takes less */
        if (sent >= 0)
            return sent;
        int error = -errno;
        if (error == -EAGAIN && deadline > 0)
            error = await(connection, POLLOUT, deadline);
        if (error && error != -EINTR)
            return error;
    }
}

static void take_fds(struct raw *raw, struct msghdr *message) {
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && raw->n_waiting < RAW_FDS_MAX; i++)
            memcpy(&raw->waiting[raw->n_waiting++], CMSG_DATA(item) + i * sizeof(int), sizeof(int));
    }
}

ssize_t raw_native_receive(struct raw *raw, void *bytes, size_t size, int64_t deadline) {
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(RAW_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};

    for (;;) {
        message.msg_controllen = sizeof(control.bytes);
        ssize_t got = recvmsg(raw->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (got >= 0) {
            take_fds(raw, &message);
            return got;
        }
        int error = -errno;
        if (error == -EAGAIN && deadline > 0)
            error = await(raw->fd, POLLIN, deadline);
        if (error && error != -EINTR)
            return error;
    }
}
