/* stream.h: reads and writes a foreign descriptor without waiting for bytes or room, and without changing what
 * its holders share.
 *
 * All of it runs on workers: these calls take kernel locks (of the pipe, the socket, the file offset) that
 * another holder can keep while its own read or write waits for memory that a server withholds. A call takes no
 * more from the kernel than was requested, and sets no flag. By kind of descriptor on Linux (every row is a case in
 * tests/procedures/test_port_io.c; stream_bsd.c tells the ways of the BSDs and macOS, stream_win.c those of Windows):
 *
 *   sockets            recv and send with MSG_DONTWAIT; peek by MSG_PEEK, unless that would move an SO_PEEK_OFF; a
 *                      datagram's real length by MSG_TRUNC
 *   pipes              preadv2 and pwritev2 with RWF_NOWAIT; peek by tee
 *   named fifos        refuse RWF_NOWAIT: poll(2) first; then writes in pieces that fit
 *   regular files      plain read and write: they never wait for bytes; peek by pread; with aligned memory if the
 *                      file is open with O_DIRECT and takes no other
 *   terminals and all  RWF_NOWAIT if the kernel takes it, else poll(2) first
 *   other kinds
 *
 * Receivers on a Unix socket that ask for the sender are told the client, not the broker, if the broker is allowed to
 * name it. Once the client's process has ended, nothing is sent there (STREAM_E_GONE).
 *
 * Another holder may read the bytes between poll(2) and the read. The worker then blocks, and is interrupted. */
#ifndef STREAM_H
#define STREAM_H

#include "inspect.h"
#include "proto/os.h"
#include "unix_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity;

enum stream_what {
    STREAM_READ,
    STREAM_PEEK,
    STREAM_WRITE,
    STREAM_SEEK,
    STREAM_SPLICE_READ, /* into a pipe (stream_splice.h) */
    STREAM_SPLICE_WRITE /* out of a pipe */
};

enum {
    /* The file's contents depend on the process that reads it, and there a thread counts as the whole broker
     * (procfs). The client must read it itself. */
    STREAM_E_PROCESS = 1,
    /* The process that receivers would be told has ended. Nothing was sent. */
    STREAM_E_GONE = 2,
    /* An unfinished splice has moved much; others are to have their turn. */
    STREAM_E_MORE = 3,
    /* The socket has a peek offset, and a peek would move it for all holders. */
    STREAM_E_OFFSET = 4,
    /* The broker cannot act with the client's rights here (IDENTITY_CANNOT). */
    STREAM_E_RIGHTS = 5,
    /* The file or socket is for requests to the kernel, which it answers for the process that makes them. */
    STREAM_E_CONTROL = 6,
    /* The file is in memory, and pages made for another user would be charged to the broker for ever. */
    STREAM_E_MEMORY = 7,
    /* What a pipe, a socket or the page cache would keep of it is charged to the broker, whose control group is full (cgroup.h). */
    STREAM_E_FULL = 8,
    /* Windows: a write to this pipe would keep its other holders waiting. */
    STREAM_E_PLAIN = 9,
    /* Windows: the file has no position. */
    STREAM_E_POSITION = 10,
    /* Windows: it has no bytes, or the system does not let the broker read and write it. */
    STREAM_E_KIND = 11,
    /* Windows: the message is longer than the pipe keeps. */
    STREAM_E_MESSAGE = 12
};

struct stream_job {
    os_fd fd;
    enum inspect_type type;
    enum stream_what what;
    /* The identity that the thread wears, for what receivers are told. NULL: the broker's own. */
    const struct identity *identity;
    bool plain;           /* no file whose file system matters; pass this on to the descriptor's next job */
    bool set;             /* STREAM_SEEK: set the offset first */
    uint64_t offset;      /* STREAM_SEEK: to set; answer: the offset now */
    unsigned char *bytes; /* room for size, or size bytes to write */
    size_t size;
    os_fd pipe;       /* splice: the client's end */
    size_t least;     /* splice: bytes to move, unless the end of file or the pipe stops it before */
    size_t count;     /* answer: bytes read or written; for a splice the sum over its tries, 0 at first */
    size_t truncated; /* answer: real length of a datagram that did not fit, else 0 */
    bool end;         /* answer: end of file */
    int failed;       /* splice, answer: the errno that followed the moved bytes */
};

static inline bool stream_splices(enum stream_what what) {
    return what == STREAM_SPLICE_READ || what == STREAM_SPLICE_WRITE;
}

/* True if the job needs the descriptor's write direction. */
static inline bool stream_writes(enum stream_what what) {
    return what == STREAM_WRITE || what == STREAM_SPLICE_WRITE;
}

/* Makes what the process needs for peeking, and finds its control group. Returns 0 or a negative errno. */
int stream_init(void);

/* True if poll(2) reports when the job is possible, so it waits for that. False: it may be tried at once, and again at once or after a pause. */
bool stream_waits(const struct stream_job *job);

/* True if the job can wait for locks only. Others may have to wait for a server, for a disk, or for more bytes,
 * if another holder was faster to read those of a terminal (or of a TCP socket that is spliced). */
bool stream_is_quick(const struct stream_job *job);

/* True if STREAM_PEEK is possible for that type. */
bool stream_can_peek(enum inspect_type type);

/* True if a splice in that direction is possible for that type. */
bool stream_can_splice(enum inspect_type type, bool write);

/* True if a splice makes memory that is charged to the broker until the pipe's holders have read it. */
bool stream_splice_is_charged(enum inspect_type type);

/* Runs on a worker; touches the job only. Returns 0, with the answers in the job; STREAM_E_*; -EAGAIN: not
 * ready, or interrupted; -EBUSY: too many peeks of pipes are under way; or another negative errno. */
int stream_work(struct stream_job *job);

/* For stream_work: 0, STREAM_E_PROCESS, _CONTROL, _MEMORY or _FULL, or -EAGAIN: interrupted. Asks the file system, unless the job
 * is plain, so it runs on a worker. */
int stream_check_plain(struct stream_job *job);

/* STREAM_SEEK; runs on a worker. Returns 0, STREAM_E_POSITION or a negative errno. */
int stream_seek(struct stream_job *job);

/* shutdown(2); runs on a worker. Returns 0 or a negative errno. */
int stream_shutdown(os_fd fd, bool read, bool write);

struct stream_address {
    const char *family;        /* "inet", "inet6", "unix", "other"; NULL: no address */
    char host[UNIX_NAME_TEXT]; /* of a Unix socket: unix_name.h */
    unsigned port;
};

/* Gets the local and the peer address of a socket. Runs on a worker, because the kernel locks inet sockets for
 * it. Returns 0 or a negative errno. */
int stream_addresses(os_fd fd, struct stream_address *local, struct stream_address *peer);

/* True if the descriptor is open for writing, or for reading. */
bool stream_is_open_for(os_fd fd, bool write);

#endif
