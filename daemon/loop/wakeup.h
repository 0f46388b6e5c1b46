/* wakeup.h: how a thread wakes another one that sleeps in poll(2) or in an engine.
 *
 * Sent once or often, it is readable until cleared. Both may be done by any thread, and neither waits. */
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
void wakeup_close(struct wakeup *wakeup); /* once or never opened: a wakeup of OS_FD_NONE is allowed */

/* Until one is sent, for timeout_ms at most (below 0: for ever), or until a signal comes. */
void wakeup_wait(const struct wakeup *wakeup, int timeout_ms);

void wakeup_send(const struct wakeup *wakeup);
void wakeup_clear(const struct wakeup *wakeup);

#endif
