/* stream.h: bytes in and out of a foreign descriptor, without waiting for bytes or room and without changing what its holders share.
 * What is done in the loop can still wait for a lock of the kernel that another holder keeps (SECURITY.md).
 *
 * Nothing is taken from the kernel but what was asked for, and no flag is set. How, by kind (every row is a case in tests/procedures/test_port_io.c):
 *
 *   sockets            recv and send with MSG_DONTWAIT; peek by MSG_PEEK; a datagram's real length by MSG_TRUNC
 *   pipes              preadv2 and pwritev2 with RWF_NOWAIT
 *   named fifos        splice through a pipe of our own with SPLICE_F_NONBLOCK; peek of both by tee
 *   regular files      a worker: another holder's read that waits for a server keeps the offset locked, also against lseek;
 *                      peek by pread
 *   terminals and all  a worker that looks first and is interrupted if another holder was faster
 *   other kinds        (poll, then read, may wait: never in the loop)
 */
#ifndef STREAM_H
#define STREAM_H

#include "inspect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STREAM_E_WORKER = 1 }; /* only a worker may do this: stream_work */

struct stream_job {
    os_fd fd;
    enum inspect_type type;
    bool write, peek;
    bool seek; /* no bytes: only the offset, which is set first with `set` */
    bool set;
    uint64_t offset;      /* to set; answer */
    unsigned char *bytes; /* room for size, or size bytes to write */
    size_t size;
    size_t count;     /* answer: bytes read or written */
    size_t truncated; /* answer: real length of a datagram that did not fit, else 0 */
    bool end;         /* answer: end of file */
};

/* What the process needs for it. 0 or a negative errno. */
int stream_init(void);

/* Whether -EAGAIN has an end that poll(2) tells of. False: a worker may be asked at once. */
bool stream_waits(enum inspect_type type);

/* 0 and the answers; -EAGAIN: not ready; STREAM_E_WORKER; -EOPNOTSUPP: cannot be peeked; or another negative errno. */
int stream_try(struct stream_job *job);

/* The same on a worker; touches nothing but the job. -EAGAIN also after an interruption. */
int stream_work(struct stream_job *job);

/* shutdown(2). 0 or a negative errno. */
int stream_shutdown(os_fd fd, bool read, bool write);

struct stream_address {
    const char *family; /* "inet", "inet6", "unix", "other"; NULL: there is none */
    char host[110];
    unsigned port;
};

/* Local and peer address of a socket. 0 or a negative errno. */
int stream_addresses(os_fd fd, struct stream_address *local, struct stream_address *peer);

/* Whether it is open for that. */
bool stream_is_open_for(os_fd fd, bool write);

#endif
