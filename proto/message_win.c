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

_Static_assert(sizeof(struct message_head) == 16 && sizeof(struct winsock_passed) == 632,
               "as in PROTOCOL.md");

int message_check(const struct message_head *head) {
    return head->size == 0 || head->size > MESSAGE_BYTES || head->n > MESSAGE_VALUES_MOST ||
                   head->zero != 0 || head->zero_too != 0
               ? -EPROTO
               : 0;
}

int message_copy(const os_fd *fds, size_t n, os_fd *copies, uint64_t *values) {
    const HANDLE self = GetCurrentProcess();

    for (size_t i = 0; i < n; i++) {
        if (!DuplicateHandle(self, fds[i], self, &copies[i], 0, FALSE, DUPLICATE_SAME_ACCESS)) {
            int r = pipe_errno_now();
            while (i > 0)
                os_close(copies[--i]);
            return r;
        }
        values[i] = (uintptr_t)copies[i];
    }
    return 0;
}

int message_pull(os_fd process, uint64_t value, os_fd *fd) {
    HANDLE copy;

    value &= ~UINT64_C(3);
    if (value == 0 || value > INT32_MAX)
        return -EBADF;
    if (!DuplicateHandle(process, (HANDLE)(uintptr_t)value, GetCurrentProcess(), &copy, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        return pipe_errno_now();
    *fd = copy;
    return 0;
}

/* One descriptor: 0 and its value, or a negative errno. */
static int push(os_fd process, os_fd fd, uint64_t *value, struct winsock_passed *socket) {
    HANDLE copy;
    int r = winsock_is(fd);

    memset(socket, 0, sizeof(*socket));
    if (r == 1) {
        r = winsock_pass(fd, GetProcessId(process), socket);
        *value = MESSAGE_SOCKET;
        if (r == 0)
            return 0;
    }
    if (r == -ENOMEM || r == -EMFILE)
        return r;
    if (!DuplicateHandle(GetCurrentProcess(), fd, process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return pipe_errno_now();
    *value = (uintptr_t)copy;
    return 0;
}

int message_push(os_fd process, const os_fd *fds, size_t n, uint64_t *values, struct winsock_passed *sockets,
                 size_t *n_sockets) {
    *n_sockets = 0;
    for (size_t i = 0; i < n; i++) {
        int r = push(process, fds[i], &values[i], &sockets[*n_sockets]);
        if (r < 0) {
            message_push_undo(process, i, values);
            return r;
        }
        *n_sockets += values[i] == MESSAGE_SOCKET;
    }
    return 0;
}

/* DuplicateHandle closes and still answers that it has failed, since it copies to nowhere. */
void message_push_undo(os_fd process, size_t n, const uint64_t *values) {
    for (size_t i = 0; i < n; i++)
        if (values[i] != MESSAGE_SOCKET)
            (void)DuplicateHandle(process, (HANDLE)(uintptr_t)values[i], NULL, NULL, 0, FALSE,
                                  DUPLICATE_CLOSE_SOURCE);
}

size_t message_sockets(const uint64_t *values, size_t n) {
    size_t sockets = 0;

    for (size_t i = 0; i < n; i++)
        sockets += values[i] == MESSAGE_SOCKET;
    return sockets;
}
