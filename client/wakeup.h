/* wakeup.h: sleeping until the connection is ready or another thread raises the wakeup.
 *
 * Other threads and signal handlers may only call wakeup_raise: one system call on a descriptor that does not change between
 * init and deinit. Any number of raises is one, and it is kept until wakeup_take. */
#ifndef WAKEUP_H
#define WAKEUP_H

#include "proto/os.h"

#include <stdint.h>

struct wakeup {
    os_fd handle;
    os_fd writable; /* the same where one descriptor does for both */
};

enum { WAKEUP_READ = 1, WAKEUP_WRITE = 2, WAKEUP_RAISED = 4 };

/* 0 or a negative errno. */
int wakeup_init(struct wakeup *wakeup);
void wakeup_deinit(struct wakeup *wakeup);

/* What a wakeup is made of: close-on-exec, not blocking. 0 or a negative errno. */
int wakeup_make(struct wakeup *wakeup);

void wakeup_raise(const struct wakeup *wakeup);
void wakeup_take(const struct wakeup *wakeup);

/* Sleeps until the connection is readable (or lost), with WAKEUP_WRITE in `events` also until it is writable, or until
 * a raise; at most timeout_us, without limit if that is negative. Returns WAKEUP_* bits, 0 at the timeout, or a negative
 * errno (-EINTR: a signal handler ran). With handle OS_FD_NONE (no wakeup_init) there are no raises. */
int wakeup_poll(const struct wakeup *wakeup, os_fd connection, unsigned events, int64_t timeout_us);

#endif
