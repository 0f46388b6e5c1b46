/* leaving.h: letting go of all descriptors at the end of the process, also when threads of it cannot end.
 *
 * A process whose thread waits for a server in user space that does not answer does not end before that does, whatever signal it gets, and
 * neither does one that closes such a server's file while it ends. All its threads share one table of descriptors, so the listener,
 * addresses and ports would stay taken and nobody at the other ends would see an end. Therefore the table is emptied first: files by threads
 * that nobody waits for, and, if any thread stays behind, everything else as well. */
#ifndef LEAVING_H
#define LEAVING_H

#include <stdbool.h>
#include <stddef.h>

/* The last thing before exit, by the first thread. limit: the process's limit of descriptors; left_behind: a thread is known to be held
 * up. Takes two seconds at most for each of both parts. Afterwards the calling thread has its own copies of the descriptors, but of
 * files: they go with it, and without lingering. */
void leaving_close(size_t limit, bool left_behind);

#endif
