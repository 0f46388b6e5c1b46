/* process.h: what a client has to know about processes: whether it is still in the one that made it, and who another
 * one is. */
#ifndef PROCESS_H
#define PROCESS_H

#include "proto/os.h"

#include <stdbool.h>
#include <stdint.h>

/* Tells a forked child from the process that made the mark. Asking costs one read of memory where the system can
 * empty a page at fork, else one getpid. */
struct process_mark {
    uint32_t *page; /* not 0 in the process that made it; NULL: compare pid */
    int64_t pid;
};

void process_mark_init(struct process_mark *mark);
void process_mark_deinit(struct process_mark *mark);
bool process_is_child(const struct process_mark *mark);

/* A descriptor that stands for that process, for the broker to watch: 0 and *process, -ENOSYS where the system has no
 * such thing, or another negative errno (-ESRCH: there is no such process). */
int process_open(uint32_t pid, os_fd *process);

/* For the child of a process with threads: closes all descriptors from `first` on. Without a call of the system for that it closes those that
 * are there, one by one, and not each number that could be. 0 or -1: it is not known which there are. */
int process_close_from(int first);

#endif
