/* stream_bsd.c: stream.h for the BSDs and macOS.
 *
 * Reads of sockets carry MSG_DONTWAIT. For everything else, and for writes to sockets (macOS looks at that flag for receives alone), poll(2)
 * is asked first, and writes go in pieces that fit where poll(2) reports room: another holder may be faster, then the worker blocks and is
 * interrupted. A pipe cannot be peeked at. */
#define _GNU_SOURCE

#include "stream.h"
#include "stream_calls.h"

#include "proto/calls.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* PIECE: what a pipe takes whole if poll(2) reports room, and less than a socket's low-water mark. MESSAGE: few datagrams are longer. */
enum { PIECE = 512, MESSAGE = 65536 };

int stream_init(void) { return 0; }

/* A write after the other end has gone raises SIGPIPE, which the broker ignores. */
static ssize_t put(const struct stream_job *job, const unsigned char *at, size_t size) {
    return inspect_is_socket(job->type) ? send(job->fd, at, size, MSG_DONTWAIT | calls_send_flags)
                                        : write(job->fd, at, size);
}

static int write_pieces(struct stream_job *job) {
    while (job->count < job->size && stream_look(job->fd, POLLOUT)) {
        size_t left = job->size - job->count;
        ssize_t n = put(job, job->bytes + job->count, left < PIECE ? left : PIECE);
        if (n < 0)
            return job->count ? 0 : stream_failed();
        job->count += (size_t)n;
    }
    return job->count ? 0 : -EAGAIN;
}

static int write_whole(struct stream_job *job) {
    if (stream_waits(job->type, true) && !stream_look(job->fd, POLLOUT))
        return -EAGAIN;
    ssize_t n = put(job, job->bytes, job->size);
    if (n < 0)
        return stream_failed();
    job->count = (size_t)n;
    return 0;
}

static int write_job(struct stream_job *job) {
    bool bytes = job->type == INSPECT_PIPE ||
                 (inspect_is_socket(job->type) && !stream_is_datagram(job->fd, job->type));
    return bytes && job->size ? write_pieces(job) : write_whole(job);
}

/* An empty message reads like the end of file. It is the end if the peer has hung up and no bytes are left. */
static bool end_of_messages(os_fd fd) {
    int n = 0;
    return stream_look(fd, POLLIN) & POLLHUP && (ioctl(fd, FIONREAD, &n) || !n);
}

/* The real length is told by a look at the whole: another holder may take that message in between. Of one that is longer than MESSAGE it is
 * told that it did not fit. */
static int read_datagram(struct stream_job *job, int flags) {
    unsigned char whole[MESSAGE];
    struct iovec piece = {job->bytes, job->size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t length = recv(job->fd, whole, sizeof whole, MSG_DONTWAIT | MSG_PEEK);
    ssize_t n = length < 0 ? -1 : recvmsg(job->fd, &message, flags);
    if (n < 0)
        return stream_failed();
    job->count = (size_t)n;
    if (job->count == job->size && (size_t)length > job->size)
        job->truncated = (size_t)length;
    else if (message.msg_flags & MSG_TRUNC)
        job->truncated = job->size + 1;
    job->end = n == 0 && job->type == INSPECT_UNIX_SEQPACKET && end_of_messages(job->fd);
    return 0;
}

static int read_socket(struct stream_job *job) {
    int flags = MSG_DONTWAIT | (job->what == STREAM_PEEK ? MSG_PEEK : 0);
    if (stream_is_datagram(job->fd, job->type))
        return read_datagram(job, flags);
    ssize_t n = recv(job->fd, job->bytes, job->size, flags);
    if (n < 0)
        return stream_failed();
    job->count = (size_t)n;
    job->end = n == 0;
    return 0;
}

/* A pipe without writers reads as ended even before its first writer has opened it; POLLHUP tells the two apart. */
static int read_file(struct stream_job *job) {
    if (stream_waits(job->type, false) && !stream_look(job->fd, POLLIN))
        return -EAGAIN;
    ssize_t n = read(job->fd, job->bytes, job->size);
    if (n < 0)
        return stream_failed();
    if (n == 0 && job->type == INSPECT_PIPE && !(stream_look(job->fd, POLLIN) & POLLHUP))
        return -EAGAIN;
    job->count = (size_t)n;
    job->end = n == 0;
    return 0;
}

static int peek_file(struct stream_job *job) {
    off_t here = lseek(job->fd, 0, SEEK_CUR);
    ssize_t n = here < 0 ? -1 : pread(job->fd, job->bytes, job->size, here);
    if (n < 0)
        return stream_failed();
    job->count = (size_t)n;
    job->end = n == 0;
    return 0;
}

/* A listener has no bytes and fails at once. */
bool stream_waits(enum inspect_type type, bool write) {
    (void)write;
    return type != INSPECT_REGULAR && type != INSPECT_TCP_LISTENER && type != INSPECT_UNIX_LISTENER;
}

bool stream_is_quick(const struct stream_job *job) {
    return inspect_is_socket(job->type) && !stream_writes(job->what);
}

bool stream_can_splice(enum inspect_type type, bool write) {
    (void)type;
    (void)write;
    return false;
}

bool stream_splice_is_charged(enum inspect_type type) {
    (void)type;
    return false;
}

bool stream_can_peek(enum inspect_type type) { return type == INSPECT_REGULAR || inspect_is_socket(type); }

int stream_work(struct stream_job *job) {
    int error = stream_check_plain(job);
    job->count = job->truncated = 0;
    job->end = false;
    if (error)
        return error;
    switch (job->what) {
    case STREAM_SEEK:
        return stream_seek(job);
    case STREAM_WRITE:
        return write_job(job);
    case STREAM_READ:
        return inspect_is_socket(job->type) ? read_socket(job) : read_file(job);
    case STREAM_PEEK:
        return inspect_is_socket(job->type) ? read_socket(job) : peek_file(job);
    default:
        return -EOPNOTSUPP;
    }
}
