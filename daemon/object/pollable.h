/* pollable.h: what the system gives to be polled instead of asking; handle.h has its life.
 *
 * Of a semaphore: an eventfd that reading cannot drain, since it is posted with the largest count and read
 * one at a time. It does not fire by itself when the broker dies. Of an event: an epoll descriptor with the
 * target in it, which the kernel keeps exact, and which goes on following the target after the broker's
 * death.
 *
 * Whoever has the epoll can keep its lock while he waits for it, and then nothing in it can be changed. So
 * it has a bell in it, which makes it ready without that lock, for as long as the bell is not closed; a worker
 * makes it ready for ever. */
#ifndef POLLABLE_H
#define POLLABLE_H

#include "proto/os.h"

#include <stdbool.h>

/* Once, at the start: what is ready for ever, so that no handle needs one more descriptor. 0 or a negative errno. */
int pollable_init(void);

/* OS_FD_NONE with errno. */
os_fd pollable_semaphore_new(bool fired);

/* From now on readable for ever. Never blocks. 0 or a negative errno. */
int pollable_semaphore_fire(os_fd handle);

/* An epoll that is never ready yet, and its bell. 0 or a negative errno. */
int pollable_evt_new(os_fd *handle, os_fd *bell);

/* It follows the target: ENGINE_READ or ENGINE_WRITE. 0, -EPERM (cannot be watched: ready for ever), -ELOOP (a cycle) or
 * another negative errno. */
int pollable_evt_follow(os_fd handle, os_fd target, unsigned direction);

/* Readable while the bell is open. Never blocks, cannot fail. */
void pollable_evt_ring(os_fd bell);

/* On a worker: readable for ever. 0 or a negative errno. */
int pollable_evt_end(os_fd handle);

#endif
