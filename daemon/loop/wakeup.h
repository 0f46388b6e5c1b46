/* wakeup.h: wakes a thread that sleeps in poll(2) or in an engine.
 *
 * After wakeup_send `readable` is readable until wakeup_clear. Any thread may call both; neither blocks. */
#ifndef WAKEUP_H
#define WAKEUP_H

#include "proto/os.h"

enum { WAKEUP_FDS = 2 };

struct wakeup {
    os_fd readable;
    os_fd writable;
};

/* 0 or a negative errno. */
int wakeup_open(struct wakeup *wakeup);
void wakeup_close(struct wakeup *wakeup); /* fds of OS_FD_NONE are allowed */

/* Waits for a wakeup, timeout_ms at most (below 0: for ever), or until a signal arrives. */
void wakeup_wait(const struct wakeup *wakeup, int timeout_ms);

void wakeup_send(const struct wakeup *wakeup);
void wakeup_clear(const struct wakeup *wakeup); /* clears all wakeups sent so far */

#endif
