/* stream_splice_linux.c: stream_splice.h with splice(2), which takes no byte from one end without putting it
 * into the other. */
#define _GNU_SOURCE

#include "stream_calls.h"
#include "stream_splice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Bytes and calls for which one try keeps a worker, about a millisecond. */
enum { TRIP = 1 << 20, CALLS = 64 };

static bool reads(const struct stream_job *job) { return job->what == STREAM_SPLICE_READ; }

/* splice(2) of a TCP socket without data blocks even if its error queue, which poll(2) reports as an error, is
 * filled. So only POLLIN counts. */
static ssize_t move(const struct stream_job *job, size_t n) {
    if (job->type == INSPECT_TCP && !(stream_look(job->fd, POLLIN) & POLLIN)) {
        errno = EAGAIN;
        return -1;
    }
    return splice(reads(job) ? job->fd : job->pipe, NULL, reads(job) ? job->pipe : job->fd, NULL, n,
                  SPLICE_F_NONBLOCK);
}

/* Answers the bytes that were moved, with the error that followed them. EOPNOTSUPP is left out: the next splice
 * meets it again. */
static int failed(struct stream_job *job, int error) {
    if (!job->count)
        return -error;
    job->failed = error == EOPNOTSUPP ? 0 : error;
    return 0;
}

/* Receives 0 bytes, so nothing is taken; a peek would move the holders' SO_PEEK_OFF. Not for Unix sockets: it
 * would lose descriptors that were sent. */
static int pending_error(const struct stream_job *job) {
    char none;
    if (job->type != INSPECT_TCP || recv(job->fd, &none, 0, MSG_DONTWAIT) >= 0)
        return 0;
    return errno == EINTR ? EAGAIN : errno;
}

/* Finds out why nothing came from a socket: an error, no data, the end (only if `ended` says so too), or data
 * that cannot be spliced, behind an urgent byte. Other data has come since, or is less than SO_RCVLOWAT. */
static int look_again(struct stream_job *job, bool ended) {
    int error = pending_error(job), n = 0;
    short events;
    if (error)
        return error == EAGAIN ? -EAGAIN : failed(job, error);
    events = stream_look(job->fd, POLLIN | POLLRDHUP);
    if (events & POLLIN && job->type == INSPECT_TCP && sockatmark(job->fd) == 1)
        return failed(job, EOPNOTSUPP);
    if (!ended || !(events & POLLRDHUP))
        return -EAGAIN;
    if (ioctl(job->fd, FIONREAD, &n) || n)
        return failed(job, EOPNOTSUPP); /* a read shows what it is */
    job->end = true;
    return 0;
}

static int stopped(struct stream_job *job, int error) {
    if (error == EINTR)
        return -EAGAIN;
    if (error != EAGAIN)
        return failed(job, error == EINVAL ? EOPNOTSUPP : error);
    if (!stream_look(job->pipe, reads(job) ? POLLOUT : POLLIN))
        return 0;
    return job->type == INSPECT_TCP ? look_again(job, false) : -EAGAIN;
}

/* A pipe without writers reads as ended even before its first writer has opened it. */
static int ended(struct stream_job *job) {
    if (!reads(job))
        return 0;
    if (job->type != INSPECT_PIPE)
        return look_again(job, true);
    job->end = stream_look(job->fd, POLLIN) & POLLHUP;
    return job->end ? 0 : -EAGAIN;
}

int stream_splice_work(struct stream_job *job) {
    size_t before = job->count;
    for (int calls = 1;; calls++) {
        size_t left = job->size - job->count;
        ssize_t n = move(job, left < TRIP ? left : TRIP);
        if (n < 0)
            return stopped(job, errno);
        if (n == 0)
            return ended(job);
        job->count += (size_t)n;
        if (job->count >= job->least)
            return 0;
        if (job->count - before >= TRIP || calls == CALLS)
            return STREAM_E_MORE;
    }
}
