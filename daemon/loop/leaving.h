/* leaving.h: closes all descriptors before the process exits, even if some of its threads cannot end.
 *
 * A process with a thread that waits for an unresponsive file server in user space (FUSE) does not end before the server answers, whatever
 * signal it gets; nor does a process that closes such a server's file while it exits. Its threads share one fd table, so the listener,
 * addresses and ports would stay in use, and no peer would see an end of file. So the table is emptied first: detached threads close the
 * files; then, if any descriptor has locks, those without (the close of each number that has a million locks takes 60 ms); and everything else only if a thread is stuck. */
#ifndef LEAVING_H
#define LEAVING_H

#include <stdbool.h>
#include <stddef.h>

/* The last call before exit, from the main thread. limit: the process's limit of open descriptors; left_behind: a thread is stuck. Each of
 * the four parts takes three seconds at most. If everything is closed, the calling thread keeps an fd table of its own, without files: it
 * is closed by exit, without lingering. Returns whether a thread stays; then the process must end by _Exit, as that thread can neither be joined nor
 * stopped, and may use what a function of atexit frees. */
bool leaving_close(size_t limit, bool left_behind);

#endif
