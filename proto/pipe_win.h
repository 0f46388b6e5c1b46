/* pipe_win.h: names and access of named pipes, for both ends. */
#ifndef PIPE_WIN_H
#define PIPE_WIN_H

#include "os.h"

#include <stdbool.h>
#include <wchar.h>

enum { PIPE_NAME_UNITS = 256 };

/* The negative errno for an error of the system; for GetLastError(). */
int pipe_errno(unsigned long error);
int pipe_errno_now(void);

/* The full pipe name of an address. 0 or a negative errno. */
int pipe_name(const char *address, wchar_t name[PIPE_NAME_UNITS]);

/* The full name of the pipe that this process listens at (transport_listen). 0, or -ENOENT: the handle is no listener. */
int pipe_listened(os_fd listener, wchar_t name[PIPE_NAME_UNITS]);

/* The security descriptor of a pipe of this process: its user may do everything (as the system's broker: the system and administrators),
 * the system and administrators may connect, everybody who is logged on at this machine if others is true, and nobody through the
 * network. users: it is the user's own, so that he may connect without elevation, too, where this process has it. The caller frees it by LocalFree. NULL: it cannot be made. */
void *pipe_access(bool users, bool others);

/* Opens the client's end, in message mode. 0 and *pipe, or a negative errno; -EAGAIN: no instance is free; -EPERM: whoever made the pipe is
 * neither this user nor the system nor an administrator. */
int pipe_open(const wchar_t *name, os_fd *pipe);

#endif
