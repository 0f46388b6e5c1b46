/* deadline.h: a descriptor that becomes readable at a given time.
 *
 * A timeout of epoll_wait that is shorter than the kernel's tick reprograms the timer hardware in each call, which can cost as much as the
 * request; a deadline is set once. */
#ifndef DEADLINE_H
#define DEADLINE_H

#include "proto/os.h"

#include <stdbool.h>

/* OS_FD_NONE where the system has none (macOS, the BSDs). The caller closes it. 0 or a negative errno. */
int deadline_open(os_fd *fd);

/* Makes fd readable from `when` (os_now_us) on, not before; INT64_MAX: never. Replaces the earlier time. False: nothing tells that time (fd is
 * OS_FD_NONE, or the system has refused it), so the caller must not sleep beyond it. */
bool deadline_set(os_fd fd, int64_t when);

#endif
