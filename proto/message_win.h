/* message_win.h: one message of a named pipe, as it is in PROTOCOL.md: a head, the entries for descriptors, the bytes. */
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
    MESSAGE_ENTRIES_MOST = FRAME_FDS_MAX
};

/* Little-endian, as all processors of Windows are. */
struct message_head {
    uint32_t size; /* of the bytes, 1 to MESSAGE_BYTES */
    uint16_t n;    /* entries */
    uint16_t zero;
    uint32_t
        taken; /* messages with entries that their receiver, the sender of this one, has finished with so far */
    uint32_t zero_too;
};

/* A handle value; or with MESSAGE_SOCKET in its place what opens a socket, to a client only. */
struct message_entry {
    uint64_t handle;
    struct winsock_passed socket;
};
enum { MESSAGE_SOCKET = 1 };

/* Whether a head is one: 0, or -EPROTO. */
int message_check(const struct message_head *head);

/* Bytes of the entries in a message to the broker (a handle value each), or to a client. */
size_t message_entries_size(size_t n, bool to_client);

/* ---- to the broker, which takes the descriptors out of its client ---- */

/* Fills the entries with copies of n descriptors in this process, which are kept open until the broker has finished with the message. 0 or a negative
 * errno, and no copies. */
int message_copy(const os_fd *fds, size_t n, os_fd *copies, void *entries);

/* Takes a copy of what a client (its process, with CALLER_GIVE) calls by that value, as a socket that Winsock knows if it is one and that is
 * possible. 0 and *fd, or a negative errno. */
int message_pull(os_fd process, uint64_t value, os_fd *fd);

/* ---- to a client, in which the broker puts the descriptors ---- */

/* Fills the entries with copies in that process. 0 or a negative errno, and no copies. */
int message_push(os_fd process, const os_fd *fds, size_t n, void *entries);

/* Closes the copies of a message that is not sent. Those of sockets stay until that process ends. */
void message_push_undo(os_fd process, size_t n, const void *entries);

/* The descriptor that the broker has put here. 0 and *fd, or a negative errno. */
int message_open(const struct message_entry *entry, os_fd *fd);

#endif
