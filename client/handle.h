/* handle.h: what a client attaches when it asks for a pollable handle. */
#ifndef HANDLE_H
#define HANDLE_H

#include "proto/os.h"

#include <stdbool.h>

/* What the broker makes the handle of: an eventfd for a semaphore, else an epoll descriptor. The kernel charges it, and whatever is put into it, to who
 * makes it. 0 and *attached, which is OS_FD_NONE where the system has no such thing, or a negative errno. */
int handle_attach(bool semaphore, os_fd *attached);

#endif
