/* handle.h: what a client attaches when it asks for a pollable handle of an event. */
#ifndef HANDLE_H
#define HANDLE_H

#include "proto/os.h"

/* An epoll descriptor, for the broker to make the handle of: whatever is put into it is charged to who makes it. 0 and *attached, which is
 * OS_FD_NONE where the system has no such thing, or a negative errno. */
int handle_attach(os_fd *attached);

#endif
