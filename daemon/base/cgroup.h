/* cgroup.h: how full the broker's control group is.
 *
 * Pages that the kernel keeps for what a worker has written (in a pipe, in a socket's queue) are charged to the broker's control group until
 * somebody reads them, and where a group is full the kernel ends a process in it. So there is a line at three quarters of the least limit of the
 * group and those that contain it. What files on disks have in the page cache does not count, since the kernel takes that back; but what is not on the disk
 * yet does: where that fills the group, the kernel lets each thread that needs memory sleep until it has been written.
 *
 * The files are opened once, at the start, and looked at again when CGROUP_LOOK_MS have passed, or when a sixteenth of the limit (64 MiB at most) may
 * have been written.
 * A process that is moved to another group later still goes by the first. Without a limit nothing is full. */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CGROUP_LOOK_MS = 100 };

/* process: the folder of the process in /proc. Whatever fails counts as no limit. A second call takes the place of the first. */
void cgroup_init(const char *process);

/* From any thread, before so many bytes are written, or read from a file. */
bool cgroup_is_full(size_t bytes);

/* From any thread, before something takes so many bytes for a moment: whether they stay below the line, with what is lent to others. True: the caller
 * must call cgroup_give. */
bool cgroup_lend(uint64_t bytes);
void cgroup_give(uint64_t bytes);

#endif
