/* closer.h: closes foreign descriptors without blocking the loop.
 *
 * close(2) of a socket with linger blocks for its peer even if the socket is non-blocking; close of a file on a network or FUSE file system
 * may block, too, and so may close of a Unix socket with such a descriptor in its queue. Workers close all of them, and are interrupted
 * after 100 ms (the data still reaches the peer). closer_new allocates one record for each number that the process can have, so the calls
 * below allocate nothing and cannot fail. The number stays in use until done() runs.
 *
 * Discarded descriptors are queued per uid, and a worker closes many sockets of a queue in one call (bin.h): so thousands that linger do
 * not take 100 ms each. To wake a worker for each one would cost more than its close: they wait for others, CLOSER_LATER_MOST in all or for
 * CLOSER_LATER_US, but no longer than until the next closer_close: they may be of the same open file, which is closed with its last descriptor. */
#ifndef CLOSER_H
#define CLOSER_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

struct closer;
struct loop;
struct offload;
struct discard_queue;

enum {
    CLOSER_BINS = 4,              /* at a time */
    CLOSER_OWN = 2 * CLOSER_BINS, /* descriptors that these use */
    CLOSER_BIN_MOST = 512,        /* sockets in one */
    CLOSER_LATER_MOST = 16,
    CLOSER_LATER_US = 2000
};

/* limit: the process's limit of open descriptors. NULL with errno. */
struct closer *closer_new(struct loop *loop, struct offload *offload, size_t limit);

/* Before offload_free. Descriptors that are handed over from now on stay open, with done() called at once. */
void closer_stop(struct closer *closer);

/* After offload_free. Descriptors not closed yet stay open, with done() called: the kernel closes them when the process ends, without
 * lingering. NULL is allowed. */
void closer_free(struct closer *closer);

/* Takes fd. done(context) runs in the loop once the descriptor is closed; done may be NULL. uid: whose job it is (offload.h). */
void closer_close(struct closer *closer, os_fd fd, os_uid uid, void (*done)(void *context), void *context);

/* The same for a descriptor that may be closed in a batch with others of its uid's discard queue. */
void closer_discard(struct closer *closer, struct discard_queue *discard_queue, os_fd fd, os_uid uid,
                    void (*done)(void *context), void *context);

/* Those that wait for others wait no longer. Called before another thread closes what may be of the same open file. */
void closer_hurry(struct closer *closer);

/* Whether a close would wait until there may be a thread again (offload_check). */
bool closer_waits(struct closer *closer, os_uid uid);

/* How many descriptors were handed over and are not closed yet. */
size_t closer_pending(const struct closer *closer);

#endif
