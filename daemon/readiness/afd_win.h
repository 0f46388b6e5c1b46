/* afd_win.h: polls of the driver of sockets (AFD), which select and WSAPoll are made of. It tells of any socket, whoever made it, and changes
 * nothing about it: not its blocking mode, not the events that its owner has selected, not the completion port it is associated with.
 *
 * A poll is an operation on a handle of the driver, not on the socket. It completes once, at once if the socket is ready. */
#ifndef AFD_WIN_H
#define AFD_WIN_H

#include "nt_win.h"

#include <stddef.h>

struct afd_asked {
    HANDLE socket;
    ULONG events; /* asked for; afterwards those that hold */
    NTSTATUS status;
};

/* A poll of one socket. It must stay where it is until it completes. */
struct afd_poll {
    LARGE_INTEGER timeout;
    ULONG n; /* of asked; afterwards of those that are ready */
    ULONG exclusive;
    struct afd_asked asked[1];
};

/* A handle of the driver: NULL with errno. CloseHandle closes it. */
HANDLE afd_open(void);

/* Starts a poll without a time limit for the interest (ENGINE_READ, ENGINE_WRITE). The completion port of `afd` gets `status` as the OVERLAPPED,
 * also if the socket is ready now. 0 or a negative errno, and then nothing is told; -EBADF: it is no socket. */
int afd_start(HANDLE afd, struct afd_poll *poll, IO_STATUS_BLOCK *status, HANDLE socket, unsigned interest);

/* The poll then completes, with these or those events or with none. The socket's handle may be closed already. */
void afd_cancel(HANDLE afd, IO_STATUS_BLOCK *status);

/* What a poll that has completed tells: ENGINE_READ to ENGINE_ERROR. */
unsigned afd_events(const struct afd_poll *poll, const IO_STATUS_BLOCK *status);

/* Asks n sockets for the events that hold now, of those that `asked` has (afd_wanted). Sets events and status of each. 0; -EBADF: one of them is no socket,
 * and nothing is told of any; or another negative errno. At most ENGINE_PROBES. */
int afd_look(struct afd_asked *asked, size_t n);

/* The driver's events for an interest, and the meaning of those it tells. */
ULONG afd_wanted(unsigned interest);
unsigned afd_meaning(ULONG events);

#endif
