/* message_win.h: one message of a named pipe, as it is in PROTOCOL.md: a head, a value for each descriptor, what opens those
 * that are sockets (to a client), the bytes. */
#ifndef MESSAGE_WIN_H
#define MESSAGE_WIN_H

#include "frame.h"
#include "os.h"
#include "winsock_win.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_BYTES = FRAME_HEADER + FRAME_LONG_MAX, /* most bytes of one message: the longest frame */
    MESSAGE_VALUES_MOST = FRAME_FDS_MAX
};

/* Little-endian, as all processors of Windows are. */
struct message_head {
    uint32_t size; /* of the bytes, 1 to MESSAGE_BYTES */
    uint16_t n;    /* values */
    uint16_t zero;
    uint32_t
        taken; /* messages with values that their receiver, the sender of this one, has finished with so far */
    uint32_t zero_too;
};

/* A value is that of a handle; or this one: the next of what opens sockets. */
enum { MESSAGE_SOCKET = 1 };

/* Whether a head is one: 0, or -EPROTO. */
int message_check(const struct message_head *head);

/* ---- to the broker, which takes the descriptors out of its client ---- */

/* Makes copies of n descriptors in this process, which are kept open until the broker has finished with the message, and their values. 0 or a
 * negative errno, and no copies. */
int message_copy(const os_fd *fds, size_t n, os_fd *copies, uint64_t *values);

/* Takes a copy of what a client (its process, with CALLER_GIVE) calls by that value. Asks nothing of what it is. 0 and *fd, or a negative errno. */
int message_pull(os_fd process, uint64_t value, os_fd *fd);

/* ---- to a client, in which the broker puts the descriptors ---- */

/* Makes copies of n descriptors in that process. sockets has room for n. 0 and the values, or a negative errno and no copies. */
int message_push(os_fd process, const os_fd *fds, size_t n, uint64_t *values, struct winsock_passed *sockets,
                 size_t *n_sockets);

/* Closes the copies of a message of which nothing is sent. Those of sockets stay until that process ends. */
void message_push_undo(os_fd process, size_t n, const uint64_t *values);

/* How many of the values are sockets. */
size_t message_sockets(const uint64_t *values, size_t n);

#endif
