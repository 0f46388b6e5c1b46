/* stream.h: bytes in and out of a foreign descriptor, without waiting for bytes or room and without changing what its holders share.
 *
 * All of it runs on workers: the kernel takes locks for it (of the pipe, the socket, the file's offset) that another holder can keep
 * while his own read or write waits for memory that a server withholds. Nothing is taken from the kernel but what was asked for, and
 * no flag is set. How, by kind (every row is a case in tests/procedures/test_port_io.c):
 *
 *   sockets            recv and send with MSG_DONTWAIT; peek by MSG_PEEK, unless that would move an SO_PEEK_OFF; a
 *                      datagram's real length by MSG_TRUNC
 *   pipes              preadv2 and pwritev2 with RWF_NOWAIT; peek by tee
 *   named fifos        RWF_NOWAIT is refused: poll(2) first; writes in pieces that fit when it says so
 *   regular files      as they are: they never wait for bytes; peek by pread
 *   terminals and all  RWF_NOWAIT where it is taken, else poll(2) first
 *   other kinds
 *
 * Receivers of a Unix or netlink socket that ask who sends are told the client, not the broker, where the process may say so;
 * once his process has ended nothing is sent there.
 *
 * Between poll(2) and the read another holder may be faster: then the worker waits and is interrupted. */
#ifndef STREAM_H
#define STREAM_H

#include "inspect.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity;

enum stream_what {
    STREAM_READ,
    STREAM_PEEK,
    STREAM_WRITE,
    STREAM_SEEK,
    STREAM_SPLICE_READ, /* into a pipe; see stream_splice.h */
    STREAM_SPLICE_WRITE /* out of one */
};

/* A file that answers by who asks, and cannot tell a thread from the broker that it is of (procfs): left to the client. */
enum {
    STREAM_E_PROCESS = 1,
    STREAM_E_GONE = 2, /* the process that receivers would be told has ended: nothing was sent */
    STREAM_E_MORE =
        3, /* of a splice that is not over: it has moved much, and others are to have their turn */
    STREAM_E_OFFSET = 4 /* of a peek: the socket has an offset that it would move for all holders */
};

struct stream_job {
    os_fd fd;
    enum inspect_type type;
    enum stream_what what;
    const struct identity
        *identity;        /* that the thread wears, for what is told to receivers; NULL: the broker's own */
    bool plain;           /* the file is known not to be STREAM_E_PROCESS; to be given to its next job */
    bool set;             /* STREAM_SEEK sets the offset first */
    uint64_t offset;      /* to set; answer */
    unsigned char *bytes; /* room for size, or size bytes to write */
    size_t size;
    os_fd pipe;       /* splice: the client's end */
    size_t least;     /* splice: it is not over before, unless the end or the pipe ends it */
    size_t count;     /* answer: bytes read or written; of a splice all so far: 0 at first */
    size_t truncated; /* answer: real length of a datagram that did not fit, else 0 */
    bool end;         /* answer: end of file */
    int failed;       /* answer of a splice: an errno, behind what was moved */
};

static inline bool stream_splices(enum stream_what what) {
    return what == STREAM_SPLICE_READ || what == STREAM_SPLICE_WRITE;
}

/* Whether it is the descriptor's direction for writing that it needs. */
static inline bool stream_writes(enum stream_what what) {
    return what == STREAM_WRITE || what == STREAM_SPLICE_WRITE;
}

/* What the process needs for it. 0 or a negative errno. */
int stream_init(void);

/* Whether -EAGAIN has an end that poll(2) tells of. False: it may be tried again at once. */
bool stream_waits(enum inspect_type type);

/* Whether moving its bytes waits for nothing but locks: else a server, a disk, or a terminal (or, to splice it, a TCP socket) whose bytes
 * somebody else was faster to read, may take its time. */
bool stream_is_quick(const struct stream_job *job);

/* Only such a descriptor may be asked with STREAM_PEEK. */
bool stream_can_peek(enum inspect_type type);

/* And only such a one be spliced. */
bool stream_can_splice(enum inspect_type type, bool write);

/* On a worker; touches nothing but the job. 0 and the answers; STREAM_E_PROCESS; STREAM_E_GONE; STREAM_E_MORE; STREAM_E_OFFSET; -EAGAIN: not ready, or interrupted;
 * -EBUSY: too many peeks of pipes are under way; or another negative errno. */
int stream_work(struct stream_job *job);

/* shutdown(2), on a worker as well. 0 or a negative errno. */
int stream_shutdown(os_fd fd, bool read, bool write);

struct stream_address {
    const char *family; /* "inet", "inet6", "unix", "other"; NULL: there is none */
    char host[110];
    unsigned port;
};

/* Local and peer address of a socket, on a worker as well: inet sockets are locked for it. 0 or a negative errno. */
int stream_addresses(os_fd fd, struct stream_address *local, struct stream_address *peer);

/* Whether it is open for that. */
bool stream_is_open_for(os_fd fd, bool write);

#endif
