/* pollable.h: handles that a client can poll instead of asking.
 *
 * Of a semaphore: an eventfd that reading cannot drain, since it is posted with the largest count and read
 * one at a time. It does not fire by itself when the broker dies. Of an event: an epoll descriptor with the
 * target in it, which the kernel keeps exact, and which goes on following the target after the broker's
 * death. */
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

/* target OS_FD_NONE, or one that cannot be watched: readable for ever. ENGINE_READ or ENGINE_WRITE.
 * OS_FD_NONE with errno (ELOOP: a cycle). */
os_fd pollable_evt_new(os_fd target, unsigned direction);

/* Takes the target out before it is closed; from now on readable for ever. 0 or a negative errno. */
int pollable_evt_end(os_fd handle, os_fd target);

#endif
