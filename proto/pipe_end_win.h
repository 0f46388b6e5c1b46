/* pipe_end_win.h: one end of a connection by named pipe: what transport_win.c, pipe_read_win.c and pipe_write_win.c share.
 *
 * An end has one event for all its operations, which each of them clears when it begins and sets when it completes. So afterwards, and before
 * anybody waits, it is set to what it means: that there is something to receive, or that a write in flight has completed. */
#ifndef PIPE_END_WIN_H
#define PIPE_END_WIN_H

#include "message_win.h"

#include <windows.h>

struct pledge;
struct flight;
struct taking;

struct pipe_end {
    HANDLE pipe;
    HANDLE event;
    bool server, shut;
    HANDLE process; /* server: the client's; NULL: it cannot be opened */
    bool gives;     /* server: that can be copied from and into */
    bool proved;    /* server: it has the token of the pipe */
    HANDLE port;    /* client: nothing comes there, but what a thread has begun goes on when that ends */
    /* Messages with values that the receiver has finished with: server: as it tells its client; client: as it was told, and of those the ones whose
     * copies are closed. */
    uint32_t taken, redeemed;
    struct pledge *pledges, **last_pledge; /* client */
    struct flight *flight;                 /* a write that is not over, or not reported */
    size_t left;                           /* bytes of the message in progress */
    DWORD ended; /* the error after which no read is standing; 0: one is, or a message is in progress */
    struct taking *taking; /* server: the descriptors of the message in progress; NULL: none, or handed out */
    int fault;             /* a negative errno for the next read; 0: none */
    OVERLAPPED read;       /* the standing read */
    struct message_head in; /* and its buffer */
};

/* ---- pipe_work_win.c ---- */

/* The event for an OVERLAPPED: its low bit is set, so that no packet comes to a completion port. */
HANDLE pipe_work_event(const struct pipe_end *end);

bool pipe_work_is_over(const OVERLAPPED *work);

/* Of one that is over: its error (ERROR_SUCCESS: none), and *n bytes. */
DWORD pipe_work_error(const struct pipe_end *end, OVERLAPPED *work, DWORD *n);

/* Cancels one unless it is over, and waits until it is, which for a pipe is at once. Result as above. */
DWORD pipe_work_cancel(const struct pipe_end *end, OVERLAPPED *work, DWORD *n);

/* ---- pipe_read_win.c ---- */

/* Begins the standing read. */
void pipe_read_begin(struct pipe_end *end);

/* Whether pipe_read has something to do. */
bool pipe_read_is_due(const struct pipe_end *end);

/* Gives up what came and was not handed out. No read is standing. */
void pipe_read_free(struct pipe_end *end);

/* As transport_recv. After an error there is nothing more to read. */
ptrdiff_t pipe_read(struct pipe_end *end, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                    bool *truncated);

/* Of a client that leaves: closes the descriptors of the messages that have come. */
void pipe_read_rest(struct pipe_end *end);

/* ---- pipe_write_win.c ---- */

/* As transport_send. */
ptrdiff_t pipe_write(struct pipe_end *end, const uint8_t *bytes, size_t size, const os_fd *fds, size_t n_fds);

/* Whether the write in flight has completed, and nobody knows. */
bool pipe_write_is_due(const struct pipe_end *end);

/* Closes the copies that the broker has finished with (end->taken). */
void pipe_write_redeem(struct pipe_end *end);

/* Cancels the write in flight. */
void pipe_write_end(struct pipe_end *end);

/* Closes all copies. No write is in flight. */
void pipe_write_free(struct pipe_end *end);

#endif
