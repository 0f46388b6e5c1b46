/* wakeup.h: sleeping until the connection has something, and being woken by another thread.
 *
 * wakeup_raise is all that another thread or a signal handler may do with a client: one system call on a descriptor
 * that never changes between init and deinit. A raise is kept until wakeup_take, however often it was repeated. */
#ifndef WAKEUP_H
#define WAKEUP_H

#include "proto/os.h"

#include <stdint.h>

struct wakeup {
    os_fd handle;
};

enum { WAKEUP_READ = 1, WAKEUP_WRITE = 2, WAKEUP_RAISED = 4 };

/* 0 or a negative errno. */
int wakeup_init(struct wakeup *wakeup);
void wakeup_deinit(struct wakeup *wakeup);

void wakeup_raise(const struct wakeup *wakeup);
void wakeup_take(const struct wakeup *wakeup);

/* Without wakeup_init (handle OS_FD_NONE) there are no raises.
 *
 * Sleeps until the connection is readable (or lost), with WAKEUP_WRITE in `events` also until it is writable, or until
 * a raise; at most timeout_us, without end if that is negative. Returns what there is, 0 when the time is up, or a
 * negative errno (-EINTR: a signal came). */
int wakeup_poll(const struct wakeup *wakeup, os_fd connection, unsigned events, int64_t timeout_us);

#endif
