/* pipe_win.h: names and owners of named pipes, for transport_win.c, which has these functions, and listen_win.c. */
#ifndef PIPE_WIN_H
#define PIPE_WIN_H

#include <wchar.h>

enum { PIPE_NAME_UNITS = 256 };

/* The negative errno for GetLastError(). */
int pipe_errno_now(void);

/* Room for a TOKEN_USER with its SID. */
struct pipe_owner {
    _Alignas(16) unsigned char bytes[128];
};

/* The SID of this process's user, stored in `owner`; NULL: it is not available. */
void *pipe_owner_of_this(struct pipe_owner *owner);

/* The full pipe name of an address. 0 or a negative errno. */
int pipe_name(const char *address, wchar_t name[PIPE_NAME_UNITS]);

#endif
