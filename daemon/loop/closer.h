/* closer.h: closes descriptors of others without ever making the loop wait.
 *
 * close(2) of a socket with linger waits for its peer even when the socket is non-blocking; so may that of a
 * file on a network or FUSE file system, and that of a Unix socket in whose queue such a descriptor lies. All
 * of them go to workers, which are interrupted after 100 ms (the data still reaches the peer). One record for
 * each number that the process can have is set aside at the start, so handing over a descriptor needs no
 * memory and cannot fail. The number stays taken until done() runs.
 *
 * What is only thrown away lies on a discard queue of its uid, and whoever closes one socket of it closes many others with it (bin.h): so thousands
 * that linger do not take 100 ms each. */
#ifndef CLOSER_H
#define CLOSER_H

#include "proto/os.h"

#include <stddef.h>

struct closer;
struct offload;
struct discard_queue;

enum {
    CLOSER_BINS = 4,              /* at a time */
    CLOSER_OWN = 2 * CLOSER_BINS, /* numbers that these may take */
    CLOSER_BIN_MOST = 512
};

/* limit: the process's limit of descriptors. NULL with errno. */
struct closer *closer_new(struct offload *offload, size_t limit);

/* After offload_free. What was handed over and not closed stays open: the kernel closes it when the process
 * ends, and does not linger then. NULL is allowed. */
void closer_free(struct closer *closer);

/* Takes fd. done may be NULL; else it runs in the loop once the descriptor is closed. uid: on whose account
 * the worker is. */
void closer_close(struct closer *closer, os_fd fd, os_uid uid, void (*done)(void *context), void *context);

/* The same for one that nobody waits for, on its uid's discard queue: it may be closed together with others of that. */
void closer_discard(struct closer *closer, struct discard_queue *discard_queue, os_fd fd, os_uid uid,
                    void (*done)(void *context), void *context);

/* Descriptors handed over and not closed yet. */
size_t closer_pending(const struct closer *closer);

#endif
