/* stream_linux.c: stream.h with the ways that Linux has of not waiting on a descriptor whose flags are not ours.
 *
 * The pipe of our own is empty between calls: what is spliced or teed into it is read out at once. It is made at the start, so that no
 * call needs a descriptor. */
#define _GNU_SOURCE

#include "stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int own[2] = {-1, -1};

int stream_init(void) {
    if (own[0] >= 0)
        return 0;
    return pipe2(own, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;
}

static int failed(void) { return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno; }

static short look(os_fd fd, short events) {
    struct pollfd poll_fd = {.fd = fd, .events = events};
    return poll(&poll_fd, 1, 0) > 0 ? poll_fd.revents : 0;
}

static bool is_datagram(os_fd fd, enum inspect_type type) {
    int kind = SOCK_STREAM;
    socklen_t size = sizeof kind;
    if (type == INSPECT_TCP || type == INSPECT_UNIX)
        return false;
    (void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size);
    return kind != SOCK_STREAM;
}

/* An empty message reads as the end does. It is the end if the other side has hung up and left nothing behind. */
static bool end_of_messages(os_fd fd) {
    char byte;
    return look(fd, POLLRDHUP) & (POLLHUP | POLLRDHUP) && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

static int try_socket(struct stream_job *job) {
    bool datagram = !job->write && is_datagram(job->fd, job->type);
    int flags = MSG_DONTWAIT | (job->peek ? MSG_PEEK : 0) | (datagram ? MSG_TRUNC : 0);
    ssize_t n = job->write ? send(job->fd, job->bytes, job->size, MSG_DONTWAIT | MSG_NOSIGNAL)
                           : recv(job->fd, job->bytes, job->size, flags);
    if (n < 0)
        return failed();
    job->count = (size_t)n;
    if (datagram && job->count > job->size) {
        job->truncated = job->count;
        job->count = job->size;
    }
    if (!job->write && n == 0)
        job->end = !datagram || (job->type == INSPECT_UNIX_SEQPACKET && end_of_messages(job->fd));
    return 0;
}

/* A pipe without a writer reads as ended also when no writer has come yet; only the first is told by a hang-up. */
static int end_of_pipe(struct stream_job *job) {
    if (!(look(job->fd, POLLIN) & POLLHUP))
        return -EAGAIN;
    job->end = true;
    return 0;
}

static int read_own(struct stream_job *job, size_t n) {
    job->count = 0;
    while (job->count < n) {
        ssize_t got = read(own[0], job->bytes + job->count, n - job->count);
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        job->count += (size_t)got;
    }
    return 0;
}

static int splice_read(struct stream_job *job) {
    ssize_t n = job->peek ? tee(job->fd, own[1], job->size, SPLICE_F_NONBLOCK)
                          : splice(job->fd, NULL, own[1], NULL, job->size, SPLICE_F_NONBLOCK);
    if (n < 0)
        return failed();
    return n ? read_own(job, (size_t)n) : end_of_pipe(job);
}

static void drain_own(size_t n) {
    char waste[4096];
    while (n) {
        ssize_t got = read(own[0], waste, n < sizeof waste ? n : sizeof waste);
        if (got <= 0)
            return;
        n -= (size_t)got;
    }
}

static int splice_write(struct stream_job *job) {
    ssize_t lying = write(own[1], job->bytes, job->size), n;
    int error;
    if (lying < 0)
        return failed();
    n = splice(own[0], NULL, job->fd, NULL, (size_t)lying, SPLICE_F_NONBLOCK);
    error = n < 0 ? failed() : 0;
    drain_own((size_t)(n < 0 ? lying : lying - n));
    if (error)
        return error;
    if (n == 0)
        return -EAGAIN;
    job->count = (size_t)n;
    return 0;
}

static int try_now(struct stream_job *job) {
    struct iovec piece = {job->bytes, job->size};
    ssize_t n = job->write ? pwritev2(job->fd, &piece, 1, -1, RWF_NOWAIT)
                           : preadv2(job->fd, &piece, 1, -1, RWF_NOWAIT);
    if (n < 0)
        return errno == EINVAL ? -EOPNOTSUPP : failed();
    job->count = (size_t)n;
    if (job->write || n)
        return 0;
    if (job->type == INSPECT_PIPE)
        return end_of_pipe(job);
    job->end = true;
    return 0;
}

int stream_try(struct stream_job *job) {
    int error;
    job->count = job->truncated = 0;
    job->end = false;
    if (inspect_is_socket(job->type))
        return try_socket(job);
    if (job->type == INSPECT_PIPE && job->peek)
        return splice_read(job);
    if (job->type == INSPECT_REGULAR)
        return STREAM_E_WORKER;
    if (job->peek)
        return -EOPNOTSUPP;
    if (job->type == INSPECT_OTHER)
        return STREAM_E_WORKER;
    error = try_now(job);
    if (job->type == INSPECT_PIPE)
        return error != -EOPNOTSUPP ? error : job->write ? splice_write(job) : splice_read(job);
    return error == -EOPNOTSUPP ? STREAM_E_WORKER : error;
}

bool stream_waits(enum inspect_type type) { return type != INSPECT_REGULAR; }

static int seek(struct stream_job *job) {
    off_t here;
    if (job->set && job->offset > INT64_MAX)
        return -EINVAL;
    here = job->set ? lseek(job->fd, (off_t)job->offset, SEEK_SET) : lseek(job->fd, 0, SEEK_CUR);
    if (here < 0)
        return -errno;
    job->offset = (uint64_t)here;
    return 0;
}

int stream_work(struct stream_job *job) {
    off_t here;
    ssize_t n;
    job->count = job->truncated = 0;
    job->end = false;
    if (job->seek)
        return seek(job);
    if (stream_waits(job->type) && !look(job->fd, job->write ? POLLOUT : POLLIN))
        return -EAGAIN;
    if (job->peek) {
        here = lseek(job->fd, 0, SEEK_CUR);
        n = here < 0 ? -1 : pread(job->fd, job->bytes, job->size, here);
    } else {
        n = job->write ? write(job->fd, job->bytes, job->size) : read(job->fd, job->bytes, job->size);
    }
    if (n < 0)
        return failed();
    job->count = (size_t)n;
    job->end = !job->write && n == 0;
    return 0;
}

int stream_shutdown(os_fd fd, bool read, bool write) {
    return shutdown(fd, read && write ? SHUT_RDWR : read ? SHUT_RD : SHUT_WR) ? -errno : 0;
}

static void write_unix(const struct sockaddr_un *from, socklen_t size, struct stream_address *to) {
    size_t length =
        size > offsetof(struct sockaddr_un, sun_path) ? size - offsetof(struct sockaddr_un, sun_path) : 0;
    to->family = "unix";
    if (!length)
        return;
    if (!from->sun_path[0])
        snprintf(to->host, sizeof to->host, "@%.*s", (int)(length - 1), from->sun_path + 1);
    else
        snprintf(to->host, sizeof to->host, "%.*s", (int)length, from->sun_path);
}

static void write_address(const struct sockaddr_storage *from, socklen_t size, struct stream_address *to) {
    const struct sockaddr_in *in = (const void *)from;
    const struct sockaddr_in6 *in6 = (const void *)from;
    if (from->ss_family == AF_INET) {
        to->family = "inet";
        to->port = ntohs(in->sin_port);
        inet_ntop(AF_INET, &in->sin_addr, to->host, sizeof to->host);
    } else if (from->ss_family == AF_INET6) {
        to->family = "inet6";
        to->port = ntohs(in6->sin6_port);
        inet_ntop(AF_INET6, &in6->sin6_addr, to->host, sizeof to->host);
    } else if (from->ss_family == AF_UNIX) {
        write_unix((const void *)from, size, to);
    } else {
        to->family = "other";
    }
}

int stream_addresses(os_fd fd, struct stream_address *local, struct stream_address *peer) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    *local = *peer = (struct stream_address){0};
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return -errno;
    write_address(&address, size, local);
    address = (struct sockaddr_storage){0};
    size = sizeof address;
    if (!getpeername(fd, (struct sockaddr *)&address, &size))
        write_address(&address, size, peer);
    return 0;
}

bool stream_is_open_for(os_fd fd, bool write) {
    int flags = fcntl(fd, F_GETFL);
    int mode = flags & O_ACCMODE;
    return flags >= 0 && (mode == O_RDWR || mode == (write ? O_WRONLY : O_RDONLY));
}
