/* transport_unix.c: an AF_UNIX stream socket, with descriptors as SCM_RIGHTS.
 *
 * Each call on a connection passes MSG_DONTWAIT and raises no signal (calls.h), so nothing depends on the flags of the open file, which other
 * processes may share. Where a send does not heed that (socket_send_may_be_told), every connection has O_NONBLOCK. Every recvmsg offers room for all descriptors that one message can bring: the kernel closes those that do not fit, inside
 * the call, and closing a foreign descriptor may take seconds.
 *
 * listen_unix.c binds listeners. */
#define _GNU_SOURCE

#include "transport.h"

#include "direct_unix.h"

#include "address.h"
#include "calls.h"
#include "frame.h"
#include "socket.h"
#include "socket_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* CONTROL_STRAY: room for credentials, a label and other messages before or after the descriptors. */
enum { CONTROL_STRAY = 512, CONTROL_SIZE = CMSG_SPACE(FRAME_FDS_ROOM * sizeof(int)) + CONTROL_STRAY };

/* Do not zero it as a whole: it has more than 1 KB, and each message uses one. */
union control {
    struct cmsghdr align;
    unsigned char bytes[CONTROL_SIZE];
};

int socket_new(int type) {
    int fd = os_above_standard(calls_socket(type, false));

    return fd < 0 ? -errno : fd;
}

int socket_address(const struct address *address, struct sockaddr_un *name) {
    size_t length = strlen(address->path);

    if (length >= sizeof(name->sun_path))
        return -ENAMETOOLONG;
    memset(name, 0, sizeof(*name));
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, address->path, length + 1);
    if (name->sun_path[0] == '@')
        name->sun_path[0] = '\0';
    return 0;
}

size_t socket_address_size(const struct sockaddr_un *name) {
    if (name->sun_path[0])
        return sizeof(*name);
    return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name->sun_path + 1);
}

/* Limits sends or receives that sleep, in us; below 0: no limit. 0 or a negative errno. */
static int socket_limit(int fd, int option, int64_t us) {
    const int64_t longest = INT64_C(1000000) * INT32_MAX; /* 68 years: the most that 32 bits can say */
    struct timeval limit = {0};                           /* no limit */

    if (us == 0)
        us = 1;
    if (us > longest)
        us = longest;
    if (us > 0) {
        limit.tv_sec = (time_t)(us / 1000000);
        limit.tv_usec = (suseconds_t)(us % 1000000);
    }
    return setsockopt(fd, SOL_SOCKET, option, &limit, sizeof(limit)) == 0 ? 0 : -errno;
}

static int socket_try(int fd, const struct sockaddr_un *name) {
    return connect(fd, (const struct sockaddr *)name, (socklen_t)socket_address_size(name)) < 0 ? -errno : 0;
}

/* Sleeps in connect: there the kernel wakes those that wait in their order, while who retries comes too late again and again. */
static int socket_wait(int fd, const struct sockaddr_un *name, int64_t deadline) {
    int flags = fcntl(fd, F_GETFL);
    int64_t left;
    int r = flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : -EINTR;

    while (r == -EINTR) {
        left = deadline - os_now_us();
        r = left > 0 ? socket_limit(fd, SO_SNDTIMEO, left) : -EAGAIN;
        if (r == 0)
            r = socket_try(fd, name);
    }
    if (r == 0)
        r = socket_limit(fd, SO_SNDTIMEO, -1);
    if (r == 0 && fcntl(fd, F_SETFL, flags) < 0)
        r = -errno;
    return r;
}

static int socket_connect(const struct sockaddr_un *name, int64_t deadline) {
    int fd = socket_new(SOCK_STREAM);

    if (fd < 0)
        return fd;
    int r = socket_try(fd, name);
    if (r == -EAGAIN && deadline > 0)
        r = socket_wait(fd, name, deadline);
    if (r < 0) {
        os_close(fd);
        return r;
    }
    return fd;
}

bool transport_listens(int fd) {
    int listens = 0;
    socklen_t size = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

bool transport_is_open(int fd) {
    struct sockaddr_un name;
    socklen_t size = sizeof(name);

    return getsockname(fd, (struct sockaddr *)&name, &size) == 0 &&
           size > offsetof(struct sockaddr_un, sun_path) && !name.sun_path[0];
}

int socket_adopt_as(int fd, bool listener, os_fd *result) {
    int r = transport_adopt(fd);

    if (r < 0)
        return r;
    if (transport_listens(fd) != listener)
        return -EINVAL;
    *result = fd;
    return 0;
}

os_fd transport_pollable(struct transport transport) { return transport.end; }

os_fd transport_peer(struct transport transport) { return transport.end; }

void transport_close(struct transport transport) { os_close(transport.end); }

os_fd transport_take(struct transport transport) { return transport.end; }

int transport_accept(os_fd listener, struct transport *transport) {
    int fd;

    do
        fd = calls_accept(listener);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    transport->end = fd;
    return 0;
}

int transport_connect(const char *address, struct transport *transport) {
    return transport_connect_by(address, 0, transport);
}

int transport_connect_by(const char *address, int64_t deadline, struct transport *transport) {
    struct address parsed;
    struct sockaddr_un name;

    if (address_parse(address, &parsed))
        return -EINVAL;
    if (parsed.kind == ADDRESS_FD)
        return socket_adopt_as(parsed.fd, false, &transport->end);
    if (parsed.kind != ADDRESS_UNIX)
        return -EAFNOSUPPORT;
    int r = socket_address(&parsed, &name);
    if (r < 0)
        return r;
    int fd = socket_connect(&name, deadline);
    if (fd < 0)
        return fd;
    transport->end = fd;
    return 0;
}

int transport_adopt(os_fd fd) {
    struct sockaddr_storage name;
    socklen_t name_size = sizeof(name);
    int type = 0;
    socklen_t type_size = sizeof(type);

    if (getsockname(fd, (struct sockaddr *)&name, &name_size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0)
        return -errno;
    if (name.ss_family != AF_UNIX || type != SOCK_STREAM)
        return -EAFNOSUPPORT;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    bool listens = transport_listens(fd);
    if (!listens)
        socket_ask_plainly(fd);
    /* Each call on a connection passes MSG_DONTWAIT, so the flags of the open file, which other processes may share, need not change where a send heeds it. */
    if (!listens && socket_send_may_be_told())
        return 0;
    /* accept has no such flag. The loop polls the listener first, but another process that shares it may accept the connection in between, and
     * then accept would block. */
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    return (flags & O_NONBLOCK) || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : -errno;
}

void transport_shutdown(struct transport transport) { (void)shutdown(transport.end, SHUT_RDWR); }

bool transport_is_empty(struct transport transport) {
    int unread; /* with out-of-band bytes, which recv would not return */
    return ioctl(transport.end, FIONREAD, &unread) == 0 && unread == 0;
}

static ssize_t send_fds(int connection, const void *bytes, size_t size, const os_fd *fds, size_t n_fds,
                        int flags) {
    union control control;
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    size_t fds_size = n_fds * sizeof(*fds);
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = (socklen_t)CMSG_SPACE(fds_size)};
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);

    /* As a whole: the kernel reads the padding that some C libraries have in it as a part of the length. */
    *item = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = (socklen_t)CMSG_LEN(fds_size)};
    memcpy(CMSG_DATA(item), fds, fds_size);
    memset(CMSG_DATA(item) + fds_size, 0, CMSG_SPACE(fds_size) - CMSG_LEN(fds_size)); /* unused padding */
    return direct_sendmsg(connection, &message, flags);
}

static ssize_t send_once(os_fd connection, const void *bytes, size_t size, const os_fd *fds, size_t n_fds) {
    const int flags = calls_send_flags | MSG_DONTWAIT;
    ssize_t sent;

    do /* for frames without descriptors, the most frequent, send is measurably cheaper */
        sent = n_fds > 0 ? send_fds(connection, bytes, size, fds, n_fds, flags)
                         : direct_send(connection, bytes, size, flags);
    while (sent < 0 && errno == EINTR);
    return sent;
}

ptrdiff_t transport_send(struct transport transport, const void *bytes, size_t size, const os_fd *fds,
                         size_t n_fds) {
    if (n_fds > FRAME_FDS_ROOM)
        return n_fds > FRAME_FDS_MAX ? -EINVAL : -EMSGSIZE;
    for (bool again = false;; again = true) {
        ssize_t sent = send_once(transport.end, bytes, size, fds, n_fds);
        if (sent >= 0)
            return sent;
        int error = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        int refused = n_fds > 0 ? socket_refused(transport.end, error) : error;
        /* EAGAIN that means something else: or there is room since. */
        if (error != -EAGAIN || refused == error || again)
            return refused;
    }
}

/* Appends the descriptors of one control message. Those that do not fit are not closed here: that could block. */
static void recv_fds(const struct cmsghdr *item, struct transport_fds *fds) {
    size_t n = (item->cmsg_len - CMSG_LEN(0)) / sizeof(*fds->fds);

    for (size_t i = 0; i < n; i++) {
        os_fd fd;
        memcpy(&fd, CMSG_DATA(item) + i * sizeof(fd), sizeof(fd));
        calls_received(fd);
        if (fds->n < fds->room) {
            fds->fds[fds->n++] = fd;
        } else {
            fds->discard(fds->context, fd);
            fds->truncated = true;
        }
    }
}

int transport_sleep_begin(struct transport transport) {
    int flags = fcntl(transport.end, F_GETFL);

    if (!socket_send_may_be_told())
        return -EOPNOTSUPP; /* a send would sleep as well */

    return flags >= 0 && fcntl(transport.end, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : -errno;
}

int transport_sleep_limit(struct transport transport, int64_t us) {
    return socket_limit(transport.end, SO_RCVTIMEO, us);
}

/* An interrupted sleep is not repeated, since its limit would begin anew. */
static bool recv_again(bool sleep) { return errno == EINTR && !sleep; }

static ptrdiff_t recv_error(void) { return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno; }

static ptrdiff_t recv_bytes(os_fd connection, void *bytes, size_t size, bool sleep) {
    ssize_t got;

    do
        got = direct_recv(connection, bytes, size, sleep ? 0 : MSG_DONTWAIT);
    while (got < 0 && recv_again(sleep));
    return got < 0 ? recv_error() : got;
}

/* A socket takes bytes and descriptors or none. */
bool transport_has_begun(struct transport transport) {
    (void)transport;
    return false;
}

ptrdiff_t transport_recv(struct transport transport, void *bytes, size_t size, struct transport_fds *fds,
                         bool sleep) {
    union control control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    ssize_t got;

    if (!fds)
        return recv_bytes(transport.end, bytes, size, sleep);
    fds->n = 0;
    fds->truncated = false;
    do {
        message.msg_controllen = sizeof(control.bytes);
        got = direct_recvmsg(transport.end, &message, calls_recv_flags | (sleep ? 0 : MSG_DONTWAIT));
    } while (got < 0 && recv_again(sleep));
    if (got < 0)
        return recv_error();
    fds->truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item))
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS)
            recv_fds(item, fds);
        else
            socket_close_stray(item);
    return got;
}
