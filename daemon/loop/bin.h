/* bin.h: closes many sockets in one system call.
 *
 * close(2) of a socket with linger blocks until a signal arrives, for each socket anew. But closing a socket also closes the descriptors in
 * its receive queue, and one signal ends all waits of that call. So sockets are queued in a Unix socket, which keeps them open after their
 * numbers are closed, and that socket is closed: thousands take no longer than one. */
#ifndef BIN_H
#define BIN_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

enum { BIN_MESSAGE = 64 };

struct bin {
    os_fd in, out;
};

/* Whether fd may be put into a bin: only sockets, since close of some other files blocks even if it is not the last. Never blocks. */
bool bin_takes(os_fd fd);

/* Opens two descriptors. 0 or a negative errno. */
int bin_open(struct bin *bin);

/* Queues n fds (at most BIN_MESSAGE), all or none: whether it did. The caller keeps the fds; closing them does not block from then on. */
bool bin_put(struct bin *bin, const os_fd *fds, size_t n);

/* May block until a signal arrives. */
void bin_close(struct bin *bin);

#endif
