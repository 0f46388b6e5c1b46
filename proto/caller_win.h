/* caller_win.h: the process that opened the client's end of a named pipe, as its server sees it. */
#ifndef CALLER_WIN_H
#define CALLER_WIN_H

#include "os.h"

#include <stdint.h>

enum {
    CALLER_LOOK = 1, /* its user, and its end: what every process may ask of its own user's others */
    CALLER_GIVE = 2  /* also DuplicateHandle from it and into it */
};

/* Opens that process. As long as it is open, its id is no other process's. 0 and *process, or a negative errno; -ESRCH: it has ended and
 * nobody has it open. */
int caller_open(os_fd pipe, unsigned may, os_fd *process);

/* Whether that process, opened before, has the token that the pipe was opened with: the same user, logon session and rights of an
 * administrator. Only after a message was read: before, the system does not tell the token of a pipe. 0, or a negative errno (-EPERM: not the same). */
int caller_prove(os_fd pipe, os_fd process);

/* The number of its user (sid_win.h). 0, or a negative errno. */
int caller_user(os_fd process, os_uid *uid);

#endif
