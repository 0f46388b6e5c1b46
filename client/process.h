/* process.h: detecting that a client is used in a forked child, and opening other processes. */
#ifndef PROCESS_H
#define PROCESS_H

#include "proto/os.h"

#include <stdbool.h>
#include <stdint.h>

/* Tells a forked child from the process that made the mark. The check costs one memory read where the system can zero a
 * page at fork, else one getpid. */
struct process_mark {
    uint32_t *page; /* nonzero in the process that made it; NULL: compare pid */
    int64_t pid;
};

void process_mark_init(struct process_mark *mark);
void process_mark_deinit(struct process_mark *mark);
bool process_is_child(const struct process_mark *mark);

/* Opens a pidfd for the broker to watch: 0 and *process (the caller's), -ENOSYS where the system has none, or another
 * negative errno (-ESRCH: there is no such process). */
int process_open(uint32_t pid, os_fd *process);

/* Closes all descriptors from `first` on; safe in the child of a process with threads. Without close_range(2) it closes
 * the open ones one by one. 0, or -1: the open descriptors cannot be listed. */
int process_close_from(int first);

#endif
