/* transport.h: contract of the byte stream with attached descriptors between a client and the broker. Two
 * implementations: transport_unix.c (AF_UNIX stream, SCM_RIGHTS) and transport_win.c (named pipe).
 *
 * Nothing here blocks except where it says so. Errors are negative errno values, -EAGAIN when it would block. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One end of a connection: on Unix the number of its socket, elsewhere whatever says where its state is. Passed by value, it is as cheap as a
 * number. */
struct transport {
    os_fd end; /* for the implementation alone */
};

static inline struct transport transport_none(void) { return (struct transport){.end = OS_FD_NONE}; }

static inline bool transport_is_none(struct transport transport) { return transport.end == OS_FD_NONE; }

/* What tells when there is something to receive, and, watched for writing, when there is room to send. Borrowed. */
os_fd transport_pollable(struct transport transport);

/* What peer.h and socket.h ask about. Borrowed. */
os_fd transport_peer(struct transport transport);

/* Closes it; none is allowed. It may have to wait, for what lies in its queue. */
void transport_close(struct transport transport);

/* Gives up all but the descriptor with which it is closed: the caller's. */
os_fd transport_take(struct transport transport);

/* The file of a listener that this process made, so that it is told from one that another process has made at that place. */
struct transport_file {
    uint64_t device, inode; /* 0: there is none */
    os_fd lock;             /* while it is hidden */
};

/* Listens at an address (see address.h). A stale socket file (nobody listens) is replaced, a live one is
 * -EADDRINUSE, anything else at the path is left alone and -EEXIST. -EPERM: the lock file PATH.lock is somebody else's; -EBUSY: another
 * broker that is about to begin or end there does not get on (it waits for that, at most five seconds). mode is the file mode of the
 * socket. *file (NULL: nobody asks) is what the other calls want. */
int transport_listen(const char *address, unsigned mode, os_fd *listener, struct transport_file *file);

/* Takes the file away, so that nobody comes any more, and keeps others from listening there. 0 (also when there is no file, or not
 * ours), or a negative errno: nothing was done. */
int transport_hide(const char *address, struct transport_file *file);

/* Puts a hidden file back. */
void transport_show(const char *address, struct transport_file *file);

/* Removes the file, hidden or not, if it is still ours. */
void transport_unlink(const char *address, struct transport_file *file);

/* Whoever comes now is told that nobody listens. Not for a listener that is shared with others: they cannot undo it. */
void transport_refuse(os_fd listener);

/* Somebody waits to be accepted. */
bool transport_waits(os_fd listener);

/* Whether the listener was shut down, so that it is ready for ever and nobody can come; false where that is not told. */
bool transport_is_shut(os_fd listener);

/* 0 and *transport (close-on-exec, not blocking), -EAGAIN, -ECONNABORTED: who came has gone again, or another negative errno, after
 * which those who wait may still be there. It has inherited from the listener: socket_ask_plainly comes before the first receive. */
int transport_accept(os_fd listener, struct transport *transport);

/* Connects without waiting for the broker to accept. */
int transport_connect(const char *address, struct transport *transport);

/* Prepares a descriptor that somebody else made (inherited listener or connection): close-on-exec, not blocking. */
int transport_adopt(os_fd fd);

/* Whether connections can be accepted from it. */
bool transport_listens(os_fd fd);

/* Whether everybody can connect to it: no file's mode, nor a list of its own, says who may. */
bool transport_is_open(os_fd listener);

/* Nothing more is sent or received; the other end sees that, after what it has not read. */
void transport_shutdown(struct transport transport);

/* Whether nothing that was sent lies unread in it; false if that is not told. After transport_shutdown it stays so. */
bool transport_is_empty(struct transport transport);

/* Sends bytes, with n_fds descriptors attached to the first of them. Returns the bytes taken (> 0) or a negative errno.
 * Never raises SIGPIPE. The descriptors stay the caller's. */
ptrdiff_t transport_send(struct transport transport, const void *bytes, size_t size, const os_fd *fds,
                         size_t n_fds);

/* Lets transport_recv sleep. For a connection that transport_connect made and that no other process shares: its file status flags and its
 * receive timeout change. 0, or a negative errno: -EOPNOTSUPP where a read cannot sleep. */
int transport_sleep_begin(struct transport transport);

/* The longest that transport_recv sleeps from now on; below 0: without end. 0 or a negative errno. Rounded up to the system's ticks, of up to
 * 10 ms. */
int transport_sleep_limit(struct transport transport, int64_t us);

/* One read. fds has room for FRAME_FDS_ROOM; NULL: no descriptor can come, which makes the call cheaper, and one that comes all the same
 * is closed by the system. `sleep` (after transport_sleep_begin): waits until there is something; -EAGAIN also when the limit has passed or
 * a signal handler has run. Returns the bytes (> 0), 0 when the other end has closed, or a negative errno. *n_fds descriptors
 * (close-on-exec) are the caller's; *truncated: some were lost on the way. */
ptrdiff_t transport_recv(struct transport transport, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                         bool *truncated, bool sleep);

#endif
