/* bin.h: sockets that are closed together, in one call of the kernel.
 *
 * A socket with linger is waited for when it is closed, until a signal comes, and then the next one is. But what lies in the queue of a socket is
 * closed with that, and a signal that has come once ends all the waiting of that call. So sockets are put into a queue, where they
 * outlast their numbers, and the queue is closed: thousands take no longer than the first one. */
#ifndef BIN_H
#define BIN_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

enum { BIN_MESSAGE = 64 };

struct bin {
    os_fd in, out;
};

/* Whether it may be put into a bin: of all else some wait already when a number of theirs is closed. Waits for nobody. */
bool bin_takes(os_fd fd);

/* Takes two numbers. 0 or a negative errno. */
int bin_open(struct bin *bin);

/* n of them at most BIN_MESSAGE, all or none. Their numbers stay the caller's, who can now close them without waiting. */
bool bin_put(struct bin *bin, const os_fd *fds, size_t n);

/* May wait, until a signal comes. */
void bin_close(struct bin *bin);

#endif
