/* stream_linux.c: stream.h with Linux's ways of not blocking on a descriptor whose flags belong to others.
 *
 * Peeking a pipe takes a pipe of the broker's own: tee fills it, and it is read out at once, so it is empty
 * between calls. A few are made at the start, so that no call opens a descriptor. A worker that the foreign
 * pipe blocks keeps the own pipe it has taken. */
#define _GNU_SOURCE

#include "daemon/base/cgroup.h"
#include "daemon/loop/identity.h"
#include "stream_calls.h"
#include "stream_now.h"
#include "stream_splice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    OWN_PIPES = 8,
    PIECE = 4096, /* poll(2) reports a pipe as writable when one page is free */
    DIRECT = 4096 /* memory aligned to that suits every O_DIRECT file */
};

static struct {
    int ends[2];
    atomic_flag taken;
} own[OWN_PIPES];

static bool own_made;

int stream_init(void) {
    if (own_made)
        return 0;
    for (size_t i = 0; i < OWN_PIPES; i++)
        if (pipe2(own[i].ends, O_CLOEXEC | O_NONBLOCK))
            return -errno;
    cgroup_init("/proc/self");
    own_made = true;
    return 0;
}

/* An empty message reads like the end of file. It is the end if the peer has hung up and no bytes are left. */
static bool end_of_messages(os_fd fd) {
    int n = 0;
    return stream_look(fd, POLLRDHUP) & (POLLHUP | POLLRDHUP) && (ioctl(fd, FIONREAD, &n) || !n);
}

/* Checks for an SO_PEEK_OFF, which the holders share and a peek would move. One that is set after the check is
 * moved. Returns 0, STREAM_E_OFFSET or a negative errno. */
static int check_peek(os_fd fd) {
    int offset = -1;
    socklen_t size = sizeof offset;
    if (getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &size)) /* some families lack the option */
        return errno == EOPNOTSUPP || errno == ENOPROTOOPT ? 0 : stream_failed();
    return offset >= 0 ? STREAM_E_OFFSET : 0;
}

/* What is written to these sockets are requests to the kernel, which looks up the numbers of descriptors and processes in
 * them where they are written. */
static bool is_control(const struct stream_job *job) {
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    if (job->type == INSPECT_SOCKET)
        (void)getsockopt(job->fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return family == AF_NETLINK || family == AF_KEY;
}

/* Returns the sender's pid to report: the client's, or the broker's if the client's process is unknown. -1 with
 * ESRCH: that process has ended, and its pid may belong to another one. */
static pid_t sender_pid(const struct stream_job *job) {
    struct pollfd process = {.fd = job->identity->process, .events = POLLIN};
    if (process.fd == OS_FD_NONE)
        return getpid();
    int n = poll(&process, 1, 0);
    if (n > 0)
        errno = ESRCH;
    return n == 0 ? (pid_t)job->identity->pid : -1;
}

static ssize_t send_with_credentials(const struct stream_job *job, pid_t pid) {
    struct ucred who = {pid, (uid_t)job->identity->uid, job->identity->gid};
    union {
        struct cmsghdr header;
        unsigned char room[CMSG_SPACE(sizeof who)];
    } control = {
        .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS, .cmsg_len = CMSG_LEN(sizeof who)}};
    struct iovec piece = {job->bytes, job->size};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
    ssize_t n;
    memcpy(CMSG_DATA(&control.header), &who, sizeof who);
    identity_speak(pid != getpid() ? IDENTITY_OTHER_PROCESS : IDENTITY_OTHER_USER);
    n = sendmsg(job->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    int error = errno;
    identity_speak(IDENTITY_SILENT);
    errno = error;
    return n;
}

static ssize_t send_as(const struct stream_job *job) {
    if (!inspect_is_unix(job->type) || !job->identity || !identity_can_speak())
        return send(job->fd, job->bytes, job->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    pid_t pid = sender_pid(job);
    if (pid < 0)
        return -1;
    ssize_t n = send_with_credentials(job, pid);
    /* EPERM: the broker may not report that pid. */
    return n < 0 && errno == EPERM && pid != getpid() ? send_with_credentials(job, getpid()) : n;
}

static int move_socket(struct stream_job *job) {
    bool write = job->what == STREAM_WRITE, datagram = !write && stream_is_datagram(job->fd, job->type);
    int flags = MSG_DONTWAIT | (job->what == STREAM_PEEK ? MSG_PEEK : 0) | (datagram ? MSG_TRUNC : 0);
    int error = job->what == STREAM_PEEK ? check_peek(job->fd) : 0;
    if (write && is_control(job))
        error = STREAM_E_CONTROL;
    if (error)
        return error;
    ssize_t n = write ? send_as(job) : recv(job->fd, job->bytes, job->size, flags);
    if (n < 0 && datagram && errno == EAGAIN && stream_look(job->fd, POLLRDHUP) & POLLRDHUP) {
        n = 0; /* the kernel tells of the socket's own shutdown only where it would wait */
        job->end = true;
    }
    if (n < 0)
        return write && errno == ESRCH ? STREAM_E_GONE : stream_failed();
    job->count = (size_t)n;
    if (datagram && job->count > job->size) {
        job->truncated = job->count;
        job->count = job->size;
    }
    if (!write && n == 0 && !job->end)
        job->end = !datagram || (job->type == INSPECT_UNIX_SEQPACKET && end_of_messages(job->fd));
    return 0;
}

/* A pipe without writers reads as ended even before its first writer has opened it; POLLHUP tells the two apart. */
static int end_of_pipe(struct stream_job *job) {
    if (!(stream_look(job->fd, POLLIN) & POLLHUP))
        return -EAGAIN;
    job->end = true;
    return 0;
}

static int read_own(struct stream_job *job, int from, size_t n) {
    while (job->count < n) {
        ssize_t got = read(from, job->bytes + job->count, n - job->count);
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        job->count += (size_t)got;
    }
    return 0;
}

static int peek_pipe_into(struct stream_job *job, const int ends[2]) {
    ssize_t n = tee(job->fd, ends[1], job->size, SPLICE_F_NONBLOCK);
    if (n < 0)
        return stream_failed();
    return n ? read_own(job, ends[0], (size_t)n) : end_of_pipe(job);
}

static int peek_pipe(struct stream_job *job) {
    for (size_t i = 0; i < OWN_PIPES; i++) {
        if (atomic_flag_test_and_set(&own[i].taken))
            continue;
        int error = peek_pipe_into(job, own[i].ends);
        atomic_flag_clear(&own[i].taken);
        return error;
    }
    return -EBUSY;
}

/* -EOPNOTSUPP: the kernel does not take RWF_NOWAIT for this descriptor. */
static int move_now(struct stream_job *job) {
    struct iovec piece = {job->bytes, job->size};
    bool write = job->what == STREAM_WRITE;
    ssize_t n = write ? stream_write_now(job->fd, &piece) : stream_read_now(job->fd, &piece);
    if (n < 0)
        return errno == EINVAL ? -EOPNOTSUPP : stream_failed();
    job->count = (size_t)n;
    if (write || n)
        return 0;
    if (job->type == INSPECT_PIPE)
        return end_of_pipe(job);
    job->end = true;
    return 0;
}

/* Writes one piece at a time while there is room: a longer write would block until its last byte fits. */
static int write_pieces(struct stream_job *job) {
    while (job->count < job->size && stream_look(job->fd, POLLOUT)) {
        size_t left = job->size - job->count;
        ssize_t n = write(job->fd, job->bytes + job->count, left < PIECE ? left : PIECE);
        if (n < 0)
            return job->count ? 0 : stream_failed();
        job->count += (size_t)n;
    }
    return job->count ? 0 : -EAGAIN;
}

static ssize_t move_once(const struct stream_job *job, void *bytes) {
    off_t here;
    if (job->what == STREAM_WRITE)
        return write(job->fd, bytes, job->size);
    if (job->what == STREAM_READ)
        return read(job->fd, bytes, job->size);
    here = lseek(job->fd, 0, SEEK_CUR);
    return here < 0 ? -1 : pread(job->fd, bytes, job->size, here);
}

/* A file that is open with O_DIRECT takes aligned memory alone. Its size and place are the client's to choose. */
static ssize_t move_aligned(const struct stream_job *job) {
    void *bytes = aligned_alloc(DIRECT, (job->size + DIRECT - 1) / DIRECT * DIRECT);
    ssize_t n;
    int error;
    if (!bytes)
        return -1;
    if (job->what == STREAM_WRITE)
        memcpy(bytes, job->bytes, job->size);
    n = move_once(job, bytes);
    error = errno;
    if (n > 0 && job->what != STREAM_WRITE)
        memcpy(job->bytes, bytes, (size_t)n);
    free(bytes);
    errno = error;
    return n;
}

static ssize_t move_file(const struct stream_job *job) {
    ssize_t n = move_once(job, job->bytes);
    if (n >= 0 || errno != EINVAL || job->type != INSPECT_REGULAR)
        return n;
    if (fcntl(job->fd, F_GETFL) & O_DIRECT)
        return move_aligned(job);
    errno = EINVAL;
    return n;
}

static int move_looking(struct stream_job *job) {
    bool out = job->what == STREAM_WRITE;
    ssize_t n;
    if (job->type == INSPECT_PIPE && out)
        return write_pieces(job);
    if (stream_waits(job) && !stream_look(job->fd, out ? POLLOUT : POLLIN))
        return -EAGAIN;
    n = move_file(job);
    if (n < 0)
        return stream_failed();
    job->count = (size_t)n;
    if (!out && n == 0 && job->type == INSPECT_PIPE)
        return end_of_pipe(job);
    job->end = !out && n == 0;
    return 0;
}

/* Open for writing, and no write is ever possible: poll(2) would not tell that. */
static bool takes_nothing(enum inspect_type type) {
    return type == INSPECT_TIMERFD || type == INSPECT_PIDFD || type == INSPECT_EPOLL;
}

/* A listener has no bytes and fails at once. */
bool stream_waits(const struct stream_job *job) {
    return job->type != INSPECT_REGULAR && job->type != INSPECT_TCP_LISTENER &&
           job->type != INSPECT_UNIX_LISTENER && !(stream_writes(job->what) && takes_nothing(job->type));
}

bool stream_is_quick(const struct stream_job *job) {
    if (job->type == INSPECT_TCP && stream_splices(job->what))
        return false;
    return job->type == INSPECT_PIPE || job->type == INSPECT_EVENTFD || job->type == INSPECT_TIMERFD ||
           inspect_is_socket(job->type);
}

bool stream_can_splice(enum inspect_type type, bool write) {
    return type == INSPECT_PIPE || (!write && (type == INSPECT_TCP || type == INSPECT_UNIX));
}

bool stream_splice_is_charged(enum inspect_type type) { return type == INSPECT_UNIX; }

bool stream_can_peek(enum inspect_type type) {
    return type == INSPECT_PIPE || type == INSPECT_REGULAR || inspect_is_socket(type);
}

static int peek(struct stream_job *job) {
    ssize_t n;
    if (job->type == INSPECT_PIPE)
        return peek_pipe(job);
    n = move_file(job);
    if (n < 0)
        return stream_failed();
    job->count = (size_t)n;
    job->end = n == 0;
    return 0;
}

/* Files of file systems in user space are INSPECT_OTHER or INSPECT_REGULAR; their servers ignore RWF_NOWAIT. */
static bool may_be_now(enum inspect_type type) { return type != INSPECT_REGULAR && type != INSPECT_OTHER; }

int stream_work(struct stream_job *job) {
    int error;
    if (stream_splices(job->what))
        return stream_splice_work(job);
    error = stream_check_plain(job);
    job->count = job->truncated = 0;
    job->end = false;
    if (error)
        return error;
    if (job->what == STREAM_SEEK)
        return stream_seek(job);
    if (inspect_is_socket(job->type))
        return move_socket(job);
    if (job->type == INSPECT_EPOLL || (stream_writes(job->what) && takes_nothing(job->type)))
        return -EINVAL; /* an epoll has no bytes, and only a poller thread may poll it */
    if (job->what == STREAM_PEEK)
        return peek(job);
    error = may_be_now(job->type) ? move_now(job) : -EOPNOTSUPP;
    return error == -EOPNOTSUPP ? move_looking(job) : error;
}
