/* transport.h: the byte stream with attached descriptors between a client and the broker. Implementations: transport_unix.c (AF_UNIX stream,
 * SCM_RIGHTS) and transport_win.c (named pipe).
 *
 * Calls do not block except where stated. Errors are negative errno values; -EAGAIN: the call would block. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One end of a connection: on Unix a socket, on Windows a pipe. Passed by value. */
struct transport {
    os_fd end; /* private to the implementation */
};

static inline struct transport transport_none(void) { return (struct transport){.end = OS_FD_NONE}; }

static inline bool transport_is_none(struct transport transport) { return transport.end == OS_FD_NONE; }

/* The descriptor to poll: readable when there is something to receive, writable when there is room to send. Borrowed. */
os_fd transport_pollable(struct transport transport);

/* The descriptor for the calls of peer.h and socket.h, and for engine_probe, which tells by it whether the peer has closed. Borrowed. */
os_fd transport_peer(struct transport transport);

/* Closes it; transport_none() is allowed. May block, for descriptors in its receive queue. */
void transport_close(struct transport transport);

/* Frees everything but the descriptor, which the caller owns and closes. */
os_fd transport_take(struct transport transport);

/* Identifies the socket file that this process created, to tell it from one that another process creates at the path later. */
struct transport_file {
    uint64_t device, inode; /* 0: no file */
    os_fd lock;             /* held while the file is hidden */
};

/* Listens at an address (address.h); mode: the file mode of the socket. Replaces a stale socket file. -EADDRINUSE: a process listens there;
 * -EEXIST: the path is not a socket; -EPERM: the lock file PATH.lock is another user's; -ENOTEMPTY: it is not an empty file; -EBUSY: another
 * broker has been starting or stopping there for five seconds, for which this blocks. *file is for the calls below; file may be NULL. */
int transport_listen(const char *address, unsigned mode, os_fd *listener, struct transport_file *file);

/* Hides the socket file, so that no new client connects, and keeps other brokers from listening there. 0 (also if there is no file, or not
 * ours), or a negative errno: nothing was done. */
int transport_hide(const char *address, struct transport_file *file);

/* Restores a hidden file. */
void transport_show(const char *address, struct transport_file *file);

/* Removes the file, hidden or not, if it is still ours. */
void transport_unlink(const char *address, struct transport_file *file);

/* Shuts the listener down: new connections are refused. Not for a listener that other processes share, since it is permanent. */
void transport_refuse(os_fd listener);

/* Whether a connection waits to be accepted. */
bool transport_waits(os_fd listener);

/* Whether the listener was shut down: then it polls as ready for ever and accepts nothing. False on systems that do not report it. */
bool transport_is_shut(os_fd listener);

/* 0 and *transport (close-on-exec, non-blocking); -EAGAIN: none waits; -ECONNABORTED: the client has gone; or another negative errno: clients
 * may still wait. The connection inherits the listener's options: call socket_ask_plainly before the first receive. */
int transport_accept(os_fd listener, struct transport *transport);

/* Connects, without waiting until the broker accepts. 0 and *transport, or a negative errno; -EAGAIN: the queue of the listener is full (where
 * socket_full_refuses, that is -ECONNREFUSED). */
int transport_connect(const char *address, struct transport *transport);

/* The same, but blocks while the queue is full, until the deadline (os_now_us; INT64_MAX: without limit), and then -EAGAIN. */
int transport_connect_by(const char *address, int64_t deadline, struct transport *transport);

/* Prepares an inherited listener or connection: close-on-exec; a listener also non-blocking, and a connection where a send
 * would block else (socket_send_may_be_told). 0 or a negative errno. */
int transport_adopt(os_fd fd);

/* Whether fd is a listener. */
bool transport_listens(os_fd fd);

/* Whether every user can connect: neither a file mode nor an access list restricts it. */
bool transport_is_open(os_fd listener);

/* Shuts down both directions; the peer sees end of file after the bytes it has not read yet. */
void transport_shutdown(struct transport transport);

/* Whether its receive queue is empty; false if unknown. After transport_shutdown an empty queue stays empty. */
bool transport_is_empty(struct transport transport);

/* Sends bytes, with n_fds descriptors attached to the first byte. Returns the bytes sent (> 0) or a negative errno. Never raises SIGPIPE. fds
 * are borrowed. -ETOOMANYREFS: too many descriptors are in flight; -EMSGSIZE: the system does not pass so many at once; -EPERM: the peer's socket takes
 * none. What was not sent is sent by the next call or never: it begins with the same bytes and descriptors (a pipe may have taken them). */
ptrdiff_t transport_send(struct transport transport, const void *bytes, size_t size, const os_fd *fds,
                         size_t n_fds);

/* Whether what the last transport_send could not send is on its way all the same: a pipe sends it as soon as there is room, and the peer may have the
 * descriptors already. So it is sent, or the connection ends. */
bool transport_has_begun(struct transport transport);

/* Allows transport_recv to sleep. Only for a connection from transport_connect that no other process shares, since it changes the file status
 * flags and the receive timeout. 0 or a negative errno; -EOPNOTSUPP: the system cannot. */
int transport_sleep_begin(struct transport transport);

/* Limits each later sleep of transport_recv, in us, rounded up to the kernel's ticks (up to 10 ms); below 0: no limit. 0 or a negative errno. */
int transport_sleep_limit(struct transport transport, int64_t us);

/* Takes a descriptor to close it, at once or in a thread that may block. */
typedef void transport_discard(void *context, os_fd fd);

/* Where transport_recv puts descriptors. */
struct transport_fds {
    os_fd *fds; /* room for so many */
    size_t room;
    transport_discard *
        discard; /* takes those that have no room, which a kernel that passes more than FRAME_FDS_ROOM can bring */
    void *context;
    size_t n;       /* the caller owns these (close-on-exec) */
    bool truncated; /* some were lost, or discarded */
};

/* Reads once. fds sets n and truncated anew; NULL: no descriptors are expected, which is cheaper, and the kernel closes those that come.
 * sleep (after transport_sleep_begin): blocks until there is something; then -EAGAIN: the limit has passed, or a signal handler has run.
 * Returns the bytes (> 0); 0: the peer has closed; or a negative errno. */
ptrdiff_t transport_recv(struct transport transport, void *bytes, size_t size, struct transport_fds *fds,
                         bool sleep);

#endif
