/* pipe_win.h: named pipes, their names and who owns them, for the two files that make them: transport_win.c, which has these functions,
 * and listen_win.c. */
#ifndef PIPE_WIN_H
#define PIPE_WIN_H

#include <wchar.h>

enum { PIPE_NAME_UNITS = 256 };

/* The negative errno that an error of the system means; the one that it has given last. */
int pipe_errno(unsigned long error);
int pipe_errno_now(void);

/* Room for what the system tells of a user. */
struct pipe_owner {
    _Alignas(16) unsigned char bytes[128];
};

/* The SID of whom this process runs as, in `owner`; NULL: the system does not tell. */
void *pipe_owner_of_this(struct pipe_owner *owner);

/* An address as the system takes it. 0 or a negative errno. */
int pipe_name(const char *address, wchar_t name[PIPE_NAME_UNITS]);

#endif
