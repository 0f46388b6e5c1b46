/* message_win.c: descriptors in messages.
 *
 * Only the broker copies between processes: an ordinary client may not open a service's process. What a client names, the broker takes from the
 * process that opened the pipe; what the broker gives, it has put there before it names it. A client that lies about values reaches only what is
 * its own. Two kinds of values would not be: pseudo handles, which mean the process or thread that uses them, and what opens a socket, which
 * contains a handle value of the process that opens it. So a client's values are below 2^31 without their low two bits, which the kernel
 * ignores, and a client never sends what opens a socket. */
#include "message_win.h"

#include "pipe_win.h"

#include <errno.h>
#include <string.h>
#include <windows.h>

_Static_assert(sizeof(struct message_head) == 16 && sizeof(struct message_entry) == 640, "as in PROTOCOL.md");

int message_check(const struct message_head *head) {
    return head->size == 0 || head->size > MESSAGE_BYTES || head->n > MESSAGE_ENTRIES_MOST ||
                   head->zero != 0 || head->zero_too != 0
               ? -EPROTO
               : 0;
}

size_t message_entries_size(size_t n, bool to_client) {
    return n * (to_client ? sizeof(struct message_entry) : sizeof(uint64_t));
}

int message_copy(const os_fd *fds, size_t n, os_fd *copies, void *entries) {
    const HANDLE self = GetCurrentProcess();

    for (size_t i = 0; i < n; i++) {
        if (!DuplicateHandle(self, fds[i], self, &copies[i], 0, FALSE, DUPLICATE_SAME_ACCESS)) {
            int r = pipe_errno_now();
            while (i > 0)
                os_close(copies[--i]);
            return r;
        }
        uint64_t value = (uintptr_t)copies[i];
        memcpy((uint8_t *)entries + i * sizeof(value), &value, sizeof(value));
    }
    return 0;
}

int message_pull(os_fd process, uint64_t value, os_fd *fd) {
    os_fd adopted;

    value &= ~UINT64_C(3);
    if (value == 0 || value > INT32_MAX)
        return -EBADF;
    if (!DuplicateHandle(process, (HANDLE)(uintptr_t)value, GetCurrentProcess(), fd, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        return pipe_errno_now();
    if (winsock_is(*fd) && winsock_copy(*fd, &adopted) == 0) {
        (void)CloseHandle(*fd);
        *fd = adopted;
    }
    return 0;
}

static int push(HANDLE process, os_fd fd, struct message_entry *entry) {
    HANDLE copy;

    if (winsock_is(fd) && winsock_pass(fd, GetProcessId(process), &entry->socket) == 0) {
        entry->handle = MESSAGE_SOCKET;
        return 0;
    }
    if (!DuplicateHandle(GetCurrentProcess(), fd, process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return pipe_errno_now();
    entry->handle = (uintptr_t)copy;
    return 0;
}

int message_push(os_fd process, const os_fd *fds, size_t n, void *entries) {
    for (size_t i = 0; i < n; i++) {
        struct message_entry entry = {0};
        int r = push(process, fds[i], &entry);
        if (r < 0) {
            message_push_undo(process, i, entries);
            return r;
        }
        memcpy((uint8_t *)entries + i * sizeof(entry), &entry, sizeof(entry));
    }
    return 0;
}

/* DuplicateHandle closes and still answers that it has failed, since it copies to nowhere. */
void message_push_undo(os_fd process, size_t n, const void *entries) {
    for (size_t i = 0; i < n; i++) {
        struct message_entry entry;
        memcpy(&entry, (const uint8_t *)entries + i * sizeof(entry), sizeof(entry));
        if (entry.handle != MESSAGE_SOCKET)
            (void)DuplicateHandle(process, (HANDLE)(uintptr_t)entry.handle, NULL, NULL, 0, FALSE,
                                  DUPLICATE_CLOSE_SOURCE);
    }
}

int message_open(const struct message_entry *entry, os_fd *fd) {
    if (entry->handle == MESSAGE_SOCKET)
        return winsock_open(&entry->socket, fd);
    *fd = (os_fd)(uintptr_t)entry->handle;
    return 0;
}
